"""The ``gapless`` command: ``run``, ``list``, ``show``, ``replay``, ``report``, ``diff``, ``compare`` and more.

- ``cli_run.py``      run scenarios, judge, report
- ``cli_list.py``     what scenarios there are
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

import importlib
from typing import IO, Any, Final

import click

from gapless.scenarios.interrupt import INTERRUPTED_EXIT_CODE

# Where each command is. It is imported when it is asked for: until then, Ctrl-C would end in a traceback.
_COMMANDS: Final = {
    "check": "gapless.scenarios.cli.commands.check:check_command",
    "compare": "gapless.scenarios.cli.commands.compare:compare",
    "diff": "gapless.scenarios.cli.commands.diff:diff_command",
    "examples": "gapless.scenarios.cli.commands.examples:examples",
    "explore": "gapless.scenarios.cli.commands.explore:explore",
    "list": "gapless.scenarios.cli.commands.list:list_",
    "mutants": "gapless.scenarios.cli.commands.mutants:mutants",
    "prove": "gapless.scenarios.cli.commands.prove:prove",
    "replay": "gapless.scenarios.cli.commands.replay:replay",
    "report": "gapless.scenarios.cli.commands.report:report",
    "run": "gapless.scenarios.cli.commands.run:run",
    "serve": "gapless.scenarios.cli.commands.serve:serve",
    "show": "gapless.scenarios.cli.commands.list:show",
}


class Interrupted(click.ClickException):
    """Somebody wanted it to end at once: said in a word, with an exit code that is no verdict's."""

    exit_code = INTERRUPTED_EXIT_CODE

    def __init__(self) -> None:
        super().__init__("interrupted")

    def show(self, file: IO[Any] | None = None) -> None:
        """It is no error."""
        click.echo(self.format_message(), file=file, err=True)


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module, _, attribute = _COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Left to itself, click would take the exit code that says ``unsafe``."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as error:
            raise Interrupted from error
        except BaseExceptionGroup as group:
            if group.subgroup(KeyboardInterrupt) is None:
                raise
            raise Interrupted from group


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="gapless", prog_name="gapless")
def main() -> None:
    """Prove that a WebSocket-first client never loses an event, and know what each run costs."""


if __name__ == "__main__":
    main()
