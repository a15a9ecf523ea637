"""``gapless compare``: clients side by side, over scenarios or over the length of the history.

It does not judge: the exit code is 0 whatever the numbers are.
"""

from __future__ import annotations

import os
import shlex
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import click
from click.core import ParameterSource
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from gapless.reports.many_runs.comparison import (
    RowName,
    by_client,
    render_comparison_json,
    render_markdown,
    render_terminal,
)
from gapless.reports.records.clocks import lasted
from gapless.reports.records.record import Clock, RunRecord
from gapless.scenarios.capsules import capsule
from gapless.scenarios.cli.command_client import TakesCommand, clock_option, given, label_option, only_virtual
from gapless.scenarios.cli.options import (
    check_writable,
    chosen,
    cursor_option,
    generation_option,
    plain_errors,
    seed_option,
    server_option,
    standard_output,
)
from gapless.scenarios.cli.real_server import check_variant, given_server, make_ready, playable
from gapless.scenarios.clients.registry import CLIENTS, resolve
from gapless.scenarios.definition.catalogue import catalogue, find, find_one
from gapless.scenarios.definition.scenario import CURSORS, GENERATIONS, Scenario
from gapless.scenarios.errors import UsageError
from gapless.scenarios.interrupt import INTERRUPTED_EXIT_CODE, stoppable
from gapless.scenarios.running.client_comparison import (
    HISTORY_UNNAMED_MAX,
    SWEEP_EVENTS,
    SWEEP_SCENARIO,
    stretched,
    units,
    with_history,
)
from gapless.scenarios.running.suite import Unit, run_units

SCENARIOS_SHOWN_MAX = 6
_PLAIN_STEPS = 10
_SWEPT = " and ".join(", ".join(f"{length:,}" for length in part) for part in (SWEEP_EVENTS[:-1], SWEEP_EVENTS[-1:]))


@click.command("compare", cls=TakesCommand)
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option(
    "--client",
    "clients",
    multiple=True,
    metavar="NAME|MODULE:FACTORY",
    help="A client to compare; may be given several times.  [default: all that are known]",
)
@label_option
@clock_option
@server_option
@click.option(
    "--history", type=click.IntRange(0, 100_000), default=None, help="Events in the log before the client comes."
)
@click.option(
    "--sweep", is_flag=True, help=f"How cost grows with the history: attach and one clean run, at {_SWEPT} events."
)
@generation_option
@cursor_option
@seed_option
@click.option("--json", "json_file", type=click.Path(dir_okay=False, path_type=Path), help="Write all numbers.")
@click.option(
    "--markdown",
    "markdown_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write a table for a pull request.",
)
@click.option("--jobs", type=click.IntRange(min=1), default=None, help="Processes to use.  [default: one per core]")
@plain_errors
def compare(
    names: tuple[str, ...],
    clients: tuple[str, ...],
    label: str | None,
    clock: Clock | None,
    server: str | None,
    history: int | None,
    sweep: bool,
    generation: str,
    cursor: str,
    seed: int,
    json_file: Path | None,
    markdown_file: Path | None,
    jobs: int | None,
) -> None:
    """Compare clients: lost events, REST calls, bytes, server event reads, virtual time to return.

    NAME is a scenario's name or a race id; without any, the whole catalogue is compared. COMMAND is one more client: a
    program in Python or Node, as for `gapless run`. With --server, each has the published server at the other end.

    Exit codes: 0 whatever was found, 2 usage, 130 when interrupted.
    """
    for option, path in (("--json", json_file), ("--markdown", markdown_file)):
        check_writable(option, path)
    program = given(label, clock, beside_clients=True)
    only_virtual(program, "compare")
    wanted = clients or tuple(client.name for client in CLIENTS)
    for client in wanted:
        resolve(client)
    commands = {} if program is None else {program.name: program.words}
    if sweep and (names or history is not None):
        raise UsageError(f"--sweep runs {SWEEP_SCENARIO} at lengths of its own; leave out names and --history")
    if sweep:
        generation, cursor = _given_or("generation", generation, "tree"), _given_or("cursor", cursor, "inclusive")
    if sweep and server is not None:
        raise UsageError("--sweep has histories that a real server would need minutes for; leave out --server")
    published = given_server(server)
    check_variant(published, generation, cursor)
    scenarios = _sweep() if sweep else playable(_scenarios(names, history), published, names)
    work = tuple(
        units(
            scenarios,
            tuple(dict.fromkeys((*wanted, *commands))),
            commands=commands,
            seed=seed,
            generations=chosen(generation, GENERATIONS),
            cursors=chosen(cursor, CURSORS),
            server=published,
        )
    )
    if not work:
        raise UsageError(f"nothing to compare: no such scenario can happen in generation {generation}, cursor {cursor}")
    make_ready(published)
    sys.exit(_compare(work, jobs or os.cpu_count() or 1, sweep=sweep, json_file=json_file, markdown_file=markdown_file))


def _given_or(option: str, value: str, otherwise: str) -> str:
    """The option's value when the user gave one, else ``otherwise``: a sweep of every variant would take minutes."""
    source = click.get_current_context().get_parameter_source(option)
    return value if source is not ParameterSource.DEFAULT else otherwise


def _sweep() -> tuple[Scenario, ...]:
    scenario = find_one(SWEEP_SCENARIO)
    return tuple(
        with_history(scenario, length).model_copy(update={"name": f"history-{length}"}) for length in SWEEP_EVENTS
    )


def _scenarios(names: tuple[str, ...], history: int | None) -> tuple[Scenario, ...]:
    named = tuple(dict.fromkeys(scenario for name in names for scenario in find(name)))
    found = named or tuple(one for one in catalogue() if one.workload.history_events <= HISTORY_UNNAMED_MAX)
    stretched_ones = stretched(found, history)
    if not stretched_ones:
        raise UsageError("nothing to compare: a recording's history is as long as it is; leave out --history")
    return stretched_ones


def _compare(
    work: Sequence[Unit], jobs: int, *, sweep: bool, json_file: Path | None, markdown_file: Path | None
) -> int:
    console = standard_output()
    records: list[RunRecord] = []
    began_s = time.monotonic()
    with stoppable() as stop, run_units(work, jobs) as outcomes, _progress(console, len(work)) as advance:
        for outcome in outcomes:
            records.append(outcome.record)
            advance(f"{outcome.record.scenario} {outcome.record.client}")
            if stop.asked:
                break
    complete = len(records) == len(work)
    for text in _tables(records, sweep=sweep):
        console.print(text, soft_wrap=True, markup=False)
    versions = capsule.versions()
    console.print(
        f"{len(records)} runs, {lasted(records)} in {time.monotonic() - began_s:.1f} s",
        markup=False,
    )
    if json_file is not None:
        json_file.write_text(render_comparison_json(records, versions, complete=complete), encoding="utf-8")
    if markdown_file is not None:
        command = shlex.join(("gapless", *sys.argv[1:]))
        title = f"{len({record.client for record in records})} clients, {len(records)} runs"
        markdown_file.write_text(
            render_markdown(records, title=title, command=command, versions=versions), encoding="utf-8"
        )
    if not complete:
        console.print(f"interrupted after {len(records)} of {len(work)} runs")
        return INTERRUPTED_EXIT_CODE
    return 0


def _tables(records: Sequence[RunRecord], *, sweep: bool) -> Iterator[str]:
    """A table for each scenario when there are few, and one for all. A sweep has no table for all."""
    scenarios = tuple(dict.fromkeys(record.scenario for record in records))
    name: RowName = by_client
    if sweep or 1 < len(scenarios) <= SCENARIOS_SHOWN_MAX:
        for scenario in scenarios:
            yield f"{scenario}:"
            yield render_terminal([record for record in records if record.scenario == scenario], name) + "\n"
    if not sweep:
        yield render_terminal(records, name)


@contextmanager
def _progress(console: Console, total: int) -> Iterator[_Advance]:
    """A live line on a terminal; elsewhere a line on standard error after each tenth of the runs."""
    if console.is_terminal:
        columns = (TextColumn("{task.description:<44}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=console, transient=True) as progress:
            yield _Advance(total, progress)
    else:
        yield _Advance(total, None)


class _Advance:
    """Called after each run with its name."""

    def __init__(self, total: int, progress: Progress | None) -> None:
        self._total = total
        self._done = 0
        self._progress = progress
        self._task = None if progress is None else progress.add_task("", total=total)

    def __call__(self, what: str) -> None:
        self._done += 1
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, advance=1, description=what)
        elif self._done % max(1, self._total // _PLAIN_STEPS) == 0:
            click.echo(f"{self._done} of {self._total} runs", err=True)
