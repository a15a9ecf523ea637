"""The ``gapless`` command: ``run``, ``list``, ``show``, ``replay``, ``report``, ``diff``, ``compare`` and more.

- ``cli_run.py``      run scenarios, judge, report
- ``cli_replay.py``   one run again, with its story
- ``cli_report.py``   the files of a report again; ``cli_diff.py``, what changed between two
- ``cli_compare.py``  clients side by side
- ``cli_explore.py``  drawn worlds; what fails is shrunk
- ``cli_mutants.py``  planted bugs, and what catches them
- ``cli_prove.py``    every schedule within a bound
- ``cli_serve.py``    a scenario on a real port; ``cli_check.py``, a command put through it
- ``cli_examples.py`` example clients, where an installed package keeps them
- ``cli_options.py``  shared options; user errors as one sentence
- ``conclusion.py``   how run and check end: what is said, the files, the exit code
- ``screen.py``       rows, progress, failures
"""

from __future__ import annotations

import click

from scenarios.cli_check import check_command
from scenarios.cli_compare import compare
from scenarios.cli_diff import diff_command
from scenarios.cli_examples import examples
from scenarios.cli_explore import explore
from scenarios.cli_mutants import mutants
from scenarios.cli_options import told_plainly
from scenarios.cli_prove import prove
from scenarios.cli_replay import replay
from scenarios.cli_report import report
from scenarios.cli_run import run
from scenarios.cli_serve import serve
from scenarios.library import catalogue, find, path_of
from scenarios.scenario import Scenario


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="gapless", prog_name="gapless")
def main() -> None:
    """Prove that a WebSocket-first client never loses an event, and know what each run costs."""


@main.command("list")
@told_plainly
def list_() -> None:
    """List the scenarios of the catalogue."""
    for scenario in catalogue():
        races = " ".join(scenario.races) or "-"
        click.echo(f"{scenario.name:<27} {races:<8} {len(scenario.variants())}×  {scenario.title}")


@main.command()
@click.argument("name")
@told_plainly
def show(name: str) -> None:
    """Show a scenario (name) or all scenarios of a race (id): what happens, and its file."""
    click.echo("\n\n".join(_shown(scenario) for scenario in find(name)))


def _shown(scenario: Scenario) -> str:
    path = path_of(scenario)
    variants = ", ".join("/".join(variant) for variant in scenario.variants())
    return "\n".join(
        (
            f"{scenario.name} ({' '.join(scenario.races) or 'no race'}): {scenario.title}",
            f"origin    {scenario.origin}",
            f"variants  {variants}",
            f"file      {path}",
            "",
            path.read_text(encoding="utf-8").rstrip(),
        )
    )


main.add_command(run)
main.add_command(serve)
main.add_command(check_command)
main.add_command(examples)
main.add_command(replay)
main.add_command(report)
main.add_command(diff_command)
main.add_command(compare)
main.add_command(mutants)
main.add_command(explore)
main.add_command(prove)

if __name__ == "__main__":
    main()
