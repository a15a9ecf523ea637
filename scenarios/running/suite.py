"""The suite: many runs, each with its kill check and, when asked for, its repetition; in one process or several.

A ``Unit`` is one variant of one scenario with everything that is to be found out about it, as picklable data.
``run_units`` answers outcomes in the order of the units, however many processes share the work.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from gapless.reports.records.journals import deflated
from gapless.reports.records.record import Kill, RunRecord, Verdict, Violation, gravest
from gapless.scenarios.running.executors import processes
from gapless.scenarios.running.journal_difference import difference, fingerprints
from gapless.scenarios.running.runner import RunRequest, RunResult, perform
from gapless.scenarios.running.second_process import Seen, end_second_process, seen_in_second_process
from gapless.simserver.choices import Ranges, Tape

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Unit:
    """One variant to try. ``with_kills``: also against the baselines it names; ``twice``: again in a second process,
    with another hash seed; ``with_journal``: its outcome has the journal.
    """

    request: RunRequest
    with_kills: bool = False
    twice: bool = False
    with_journal: bool = False


@dataclass(frozen=True, slots=True)
class UnitOutcome:
    """What became of a unit, and what a replay of it takes; the fingerprints only where it failed. ``journal``:
    deflated, for it travels between processes; None unless the unit asked for it.
    """

    unit: Unit
    record: RunRecord
    tape: Tape
    ranges: Ranges
    fingerprints: tuple[str, ...]
    journal: bytes | None = None


def run_unit(unit: Unit) -> UnitOutcome:
    """Perform one unit."""
    result = perform(unit.request)
    record = result.record
    found: list[Violation] = []
    kills: tuple[Kill, ...] = ()
    if unit.with_kills:
        kills = tuple(_kills(unit.request))
        found += _surviving_clients(unit.request, kills)
    if unit.twice:
        found += _unsteady(result, seen_in_second_process(unit.request))
    violations = (*record.violations, *found)
    record = dataclasses.replace(
        record,
        kills=kills,
        violations=violations,
        verdict=gravest(violation.breaks for violation in violations),
    )
    prints = () if record.verdict is Verdict.HOLDS else fingerprints(result.lines)
    journal = deflated(result.lines) if unit.with_journal else None
    return UnitOutcome(unit, record, result.tape, result.ranges, prints, journal)


def _kills(request: RunRequest) -> Iterator[Kill]:
    records: dict[str, RunRecord] = {}
    for planned in request.scenario.kills:
        if not planned.applies(request.generation, request.cursor):
            continue
        if planned.client not in records:
            records[planned.client] = perform(dataclasses.replace(request, client=planned.client)).record
        found = records[planned.client].violations
        yield Kill(planned.client, planned.by, any(violation.oracle == planned.by for violation in found))


def _surviving_clients(request: RunRequest, kills: Sequence[Kill]) -> Iterator[Violation]:
    if not kills and not request.scenario.documentation:
        message = "this variant names no broken client that it kills, so passing it proves nothing"
        yield Violation("kills", message, breaks=Verdict.VACUOUS)
    for kill in kills:
        if not kill.killed:
            message = f"{kill.client} was expected to fail here by {kill.by}, and did not"
            yield Violation("kills", message, breaks=Verdict.VACUOUS)


def _unsteady(here: RunResult, there: Seen) -> Iterator[Violation]:
    told = "in a second process, with another hash seed,"
    if there.problem is not None:
        message = f"{told} the same run broke: {there.problem}"
        yield Violation("determinism", message, breaks=Verdict.UNSTEADY)
    elif here.record.digest != there.digest:
        message = f"{told} the same run was another: {difference(there.fingerprints, here.lines)}"
        yield Violation("determinism", message, breaks=Verdict.UNSTEADY)


@contextmanager
def run_units(units: Sequence[Unit], jobs: int) -> Iterator[Iterator[UnitOutcome]]:
    """Outcomes in the order of ``units``, from ``jobs`` processes; leaving early abandons what is not done yet."""
    try:
        with spread(run_unit, units, jobs) as outcomes:
            yield outcomes
    finally:
        end_second_process()  # ours; those of the pool's processes end with them


@contextmanager
def spread(work: Callable[[T], R], items: Sequence[T], jobs: int) -> Iterator[Iterator[R]]:
    """``work`` done to each of ``items``, in their order, in ``jobs`` processes; leaving early abandons the rest."""
    if jobs <= 1 or len(items) <= 1:
        yield map(work, items)
        return
    with processes(min(jobs, len(items))) as pool:
        futures = [pool.submit(work, item) for item in items]
        yield (future.result() for future in futures)
