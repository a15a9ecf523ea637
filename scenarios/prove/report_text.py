"""The result of a search as text: what was covered, or the counterexample."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gapless.scenarios.prove.search import Counterexample, SearchResult

HOLDS = "nothing lost, in order, once, honest, in time, within budget"


def told(finding: SearchResult) -> Iterator[str]:
    """The lines for one search."""
    yield statement(finding)
    yield f"  {measured(finding)}"
    if finding.counterexample is not None:
        yield from (f"  {line}" for line in schedule(finding.counterexample))


def statement(finding: SearchResult) -> str:
    """One sentence: what was covered, and the result."""
    question = finding.question
    where = f"{question.client}, {question.generation}/{question.cursor}, {question.certainty}"
    if finding.counterexample is not None:
        found = finding.counterexample
        size = "" if found.is_smallest else ", not the smallest"
        return f"{where}: a counterexample of {found.bounds}{size}: {found.violation.oracle}: {found.violation.message}"
    if not finding.is_complete:
        return f"{where}: not proven: {_schedules(finding.schedules)} of {question.bounds}, and more to come"
    return f"{where}: all {_schedules(finding.schedules)} of {question.bounds}: {HOLDS}"


def measured(finding: SearchResult) -> str:
    """One line: how many states were visited, how long it took, and the rates."""
    rate = finding.schedules / finding.wall_s if finding.wall_s else 0.0
    states_rate = finding.states / finding.wall_s if finding.wall_s else 0.0
    return (
        f"{_number(finding.states)} states, {_number(finding.clients)} of the client, {finding.wall_s:.1f} s: "
        f"{_number(round(rate))} schedules/s, {_number(round(states_rate))} states/s"
    )


def schedule(found: Counterexample) -> Iterator[str]:
    """The lines of a counterexample, one for each move. A move that uses a fault is marked with ``!``."""
    width = len(str(len(found.moves)))
    for number, move in enumerate(found.moves, 1):
        mark = "!" if move.fault >= 0 else " "
        yield f"{number:>{width}} {mark} {move.who:<7} {move.what}"
    yield f"{'':>{width}}   {found.violation.oracle}: {found.violation.message}"


def totals(findings: Sequence[SearchResult], wall_s: float) -> str:
    """The last line: how many questions were proven or refuted, and the total of schedules."""
    schedules = sum(finding.schedules for finding in findings)
    proven = sum(finding.is_complete and finding.counterexample is None for finding in findings)
    refuted = sum(finding.counterexample is not None for finding in findings)
    parts = [f"{proven} of {len(findings)} proven"]
    if refuted:
        parts.append(f"{refuted} refuted")
    rate = round(schedules / wall_s) if wall_s else 0
    return f"{', '.join(parts)}; {_schedules(schedules)} in {wall_s:.1f} s, {_number(rate)} a second"


def _schedules(number: int) -> str:
    return f"{_number(number)} schedule{'' if number == 1 else 's'}"


def _number(value: int) -> str:
    return f"{value:,}"
