"""Many runs, in one process or several. Each may come with kill checks and with a second run.

A `Unit` is one variant of one scenario with the checks to make, as data that can be pickled. ``run_units`` yields
outcomes in the order of the units, however many processes share the work.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from gapless.reports.records.journals import deflated
from gapless.reports.records.record import Kill, RunRecord, Verdict, Violation, gravest
from gapless.scenarios.judging.oracles.liveness import bounded
from gapless.scenarios.running.executors import processes
from gapless.scenarios.running.journal_difference import difference, fingerprints
from gapless.scenarios.running.runner import RunRequest, RunResult, perform
from gapless.scenarios.running.second_process import SecondRun, end_second_process, perform_in_second_process
from gapless.simserver.choices import Ranges, Tape

if TYPE_CHECKING:
    from gapless.scenarios.lockstep.client import Printed
    from gapless.scenarios.lockstep.command import RanOn

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Unit:
    """One variant to run.

    ``with_kills``: also run the baselines that the scenario says must fail. ``twice``: run it again in a second
    process, with another hash seed. ``with_journal``: put the journal into the outcome.
    """

    request: RunRequest
    with_kills: bool = False
    twice: bool = False
    with_journal: bool = False


@dataclass(frozen=True, slots=True)
class UnitOutcome:
    """The outcome of a unit, with what a replay needs.

    ``fingerprints``: of the journal; empty when the run holds. ``journal``: compressed, because it is sent between
    processes, and with what a command printed and what was on the wire; None unless the unit asks for it. ``printed``:
    by a command, the last lines; empty when the run holds.
    """

    unit: Unit
    record: RunRecord
    tape: Tape
    ranges: Ranges
    fingerprints: tuple[str, ...]
    journal: bytes | None = None
    printed: tuple[Printed, ...] = ()
    ran_on: RanOn | None = None
    says_deliveries: bool = True


def run_unit(unit: Unit) -> UnitOutcome:
    """Perform one unit."""
    result = perform(unit.request, with_messages=unit.with_journal)
    record = result.record
    found: list[Violation] = []
    kills: tuple[Kill, ...] = ()
    if unit.with_kills:
        kills = tuple(_kills(unit.request))
        found += _surviving_clients(unit.request, kills)
    if unit.twice:
        found += _differences(result, perform_in_second_process(unit.request))
    violations = (*record.violations, *found)
    record = dataclasses.replace(
        record,
        kills=kills,
        violations=violations,
        verdict=gravest(violation.breaks for violation in violations),
    )
    holds = record.verdict is Verdict.HOLDS
    prints = () if holds else fingerprints(result.lines)
    journal = deflated(result.told) if unit.with_journal else None
    printed = () if holds else result.printed
    says = result.says_deliveries
    return UnitOutcome(unit, record, result.tape, result.ranges, prints, journal, printed, result.ran_on, says)


def _kills(request: RunRequest) -> Iterator[Kill]:
    records: dict[str, RunRecord] = {}
    kills = [one for one in request.scenario.kills if one.applies(request.generation, request.cursor)]
    for planned in kills:
        if planned.client not in records:
            # A kill is checked by every oracle, whatever the user chose for the client under test.
            broken = dataclasses.replace(request, client=planned.client, command=(), judge=(), own_budget=None)
            until_busy = all(one.by == bounded.NAME for one in kills if one.client == planned.client)
            records[planned.client] = perform(broken, until_busy=until_busy).record
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


def _differences(here: RunResult, there: SecondRun) -> Iterator[Violation]:
    where = "in a second process, with another hash seed,"
    if there.problem is not None:
        message = f"{where} the same run broke: {there.problem}"
        yield Violation("determinism", message, breaks=Verdict.UNSTEADY)
    elif here.record.digest != there.digest:
        message = f"{where} the same run was another: {difference(there.fingerprints, here.lines)}"
        yield Violation("determinism", message, breaks=Verdict.UNSTEADY)


@contextmanager
def run_units(units: Sequence[Unit], jobs: int, where: str = "") -> Iterator[Iterator[UnitOutcome]]:
    """The outcomes in the order of ``units``, from ``jobs`` processes, or from the cluster at ``where``.

    Leaving early drops units not yet started.
    """
    try:
        with spread(run_unit, units, jobs, where) as outcomes:
            yield outcomes
    finally:
        end_second_process()  # the one of this process; those of worker processes end with the workers


@contextmanager
def spread(work: Callable[[T], R], items: Sequence[T], jobs: int, where: str = "") -> Iterator[Iterator[R]]:
    """``work`` on each of ``items``, in order, in ``jobs`` processes or on a cluster. Leaving early drops the rest."""
    if not where and (jobs <= 1 or len(items) <= 1):
        yield map(work, items)
        return
    with processes(min(jobs, len(items)), where) as pool:
        futures = [pool.submit(work, item) for item in items]
        yield (future.result() for future in futures)
