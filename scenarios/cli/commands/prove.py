"""``gapless prove``: try every schedule within a bound; print a smallest counterexample if there is one."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from typing import Any

import click
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from gapless.reports.records.record import Verdict, gravest
from gapless.scenarios.cli.options import (
    Finite,
    chosen,
    cursor_option,
    executor_option,
    generation_option,
    plain_errors,
    standard_output,
)
from gapless.scenarios.definition.scenario import CURSORS, GENERATIONS
from gapless.scenarios.errors import UsageError
from gapless.scenarios.interrupt import INTERRUPTED_EXIT_CODE, stoppable
from gapless.scenarios.machines.registry import resolve
from gapless.scenarios.prove.jobs import Searches, searches
from gapless.scenarios.prove.moves import FAULTS
from gapless.scenarios.prove.report_text import told, totals
from gapless.scenarios.prove.search import Bounds, Question, SearchResult, variants

CERTAINTIES = ("branch", "log")

_HELP = {
    "losses": "Frames that never arrive.",
    "disconnects": "Sockets that break, or are refused.",
    "delays": "Timers that go off before what is on its way.",
    "overtakings": "Frames that others pass.",
    "copies": "Frames that come again.",
    "failures": "Calls that fail.",
    "late": "Events persisted after they are published.",
    "forgotten": "Page cursors taken for unknown.",
    "vetoes": "Stop hooks that let the run go on.",
    "others": "Messages of somebody else.",
    "restarts": "Processes that die and come back.",
    "truncations": "The same, and the log has lost its end.",
    "stale": "Pages from a view that is behind.",
    "unpersisted": "Events published and never persisted.",
    "corrupt": "Events whose records cannot be read.",
    "foreign": "Runs of somebody else.",
}


def _fault_options(command: Callable[..., Any]) -> Callable[..., Any]:
    for name in reversed(FAULTS):
        option = click.option(f"--{name}", type=click.IntRange(min=0), default=None, help=_HELP[name])
        command = option(command)
    return command


@click.command("prove")
@click.option("--client", default="gapless", show_default=True, metavar="NAME", help="gapless, or a baseline.")
@generation_option
@cursor_option
@click.option(
    "--certainty",
    type=click.Choice([*CERTAINTIES, "all"]),
    default="branch",
    show_default=True,
    help="What the client is held to: messages, actions and observations, or state updates too.",
)
@click.option("--events", type=click.IntRange(0, 8), default=1, show_default=True, help="Events of the run, at most.")
@click.option(
    "--faults",
    type=click.IntRange(0, 8),
    default=None,
    help="Faults in one schedule, at most, of whichever kinds.  [default: 1, or as many as the kinds allow]",
)
@_fault_options
@click.option("--history", type=click.IntRange(0, 99), default=5, show_default=True, help="Events before the client.")
@click.option("--runs", type=click.IntRange(1, 3), default=1, show_default=True, help="Runs of the client.")
@click.option("--jobs", type=click.IntRange(min=1), default=None, help="Processes to use.  [default: one per core]")
@click.option("--time", "time_s_max", type=Finite(min=0.1), default=None, help="Stop after so many seconds.")
@executor_option
@plain_errors
def prove(
    client: str,
    generation: str,
    cursor: str,
    certainty: str,
    events: int,
    faults: int | None,
    history: int,
    runs: int,
    jobs: int | None,
    time_s_max: float | None,
    executor: str,
    **kinds: int | None,
) -> None:
    """Try every order of events and every placement of faults within a bound.

    Without a kind of fault, every kind counts, up to --faults of them together; with some, only those.

    Exit codes: 0 proven, 1 unsafe, 2 usage, 3 stuck, 4 over budget, 5 not proven in the time given, 130
    when interrupted.
    """
    resolve(client)
    question = Question(client, "", "", _bounds(events, faults, kinds), history_events=history, runs=runs)
    questions = tuple(
        Question(client, one.generation, one.cursor, one.bounds, sure, history, runs)
        for one in variants(question, chosen(generation, GENERATIONS), chosen(cursor, CURSORS))
        for sure in chosen(certainty, CERTAINTIES)
    )
    sys.exit(_prove(questions, jobs or os.cpu_count() or 1, time_s_max, executor))


def _bounds(events: int, faults: int | None, kinds: dict[str, int | None]) -> Bounds:
    given = {name: bound for name, bound in kinds.items() if bound is not None}
    if not given:
        most = 1 if faults is None else faults
        return Bounds(events, **dict.fromkeys(FAULTS, most), together=most)
    if faults is not None and faults > sum(given.values()):
        raise UsageError(f"--faults {faults} is more than the kinds allow together; raise one of them")
    return Bounds(events, **given, together=faults)


def _prove(questions: tuple[Question, ...], jobs: int, time_s_max: float | None, where: str) -> int:
    console = standard_output()
    findings: list[SearchResult] = []
    began_s = time.monotonic()
    with stoppable() as stop, searches(questions, jobs, time_s_max, where) as under_way, _progress(console) as progress:
        task = progress.add_task("")
        for finding in under_way.results():
            if stop.asked:
                under_way.stop()
            progress.update(task, description=_so_far(under_way))
            if finding is not None:
                findings.append(finding)
                _print(console, finding)
        interrupted = stop.asked
    console.print(Text(totals(findings, time.monotonic() - began_s), style="bold"), soft_wrap=True)
    if interrupted and (len(findings) < len(questions) or any(_is_open(finding) for finding in findings)):
        click.echo("interrupted before all was tried", err=True)
        return INTERRUPTED_EXIT_CODE
    return gravest(_verdict(finding) for finding in findings).exit_code


def _progress(console: Console) -> Progress:
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def _so_far(under_way: Searches) -> str:
    return f"{under_way.done} of {len(under_way.questions)} searches, {under_way.states:,} states"


def _print(console: Console, finding: SearchResult) -> None:
    first, *rest = told(finding)
    style = "red" if finding.counterexample is not None else "yellow" if _is_open(finding) else "green"
    console.print(Text(first, style=style), soft_wrap=True)
    for line in rest:
        console.print(Text(line), soft_wrap=True)


def _is_open(finding: SearchResult) -> bool:
    return finding.counterexample is None and not finding.is_complete


def _verdict(finding: SearchResult) -> Verdict:
    if finding.counterexample is not None:
        return finding.counterexample.violation.breaks
    return Verdict.HOLDS if finding.is_complete else Verdict.VACUOUS
