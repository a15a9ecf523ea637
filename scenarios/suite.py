"""The suite: many runs, each with its kill check and, when asked for, its repetition; in one process or several.

A ``Unit`` is one variant of one scenario with everything that is to be found out about it, as picklable data.
``run_units`` answers outcomes in the order of the units, however many processes share the work.
"""

from __future__ import annotations

import dataclasses
import multiprocessing
import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

from reports.record import Kill, RunRecord, Verdict, Violation, gravest
from scenarios.runner import RunRequest, perform
from simserver.choices import Tape


@dataclass(frozen=True, slots=True)
class Unit:
    """One variant to try. ``with_kills``: also against the baselines it names; ``twice``: compare two digests."""

    request: RunRequest
    with_kills: bool = False
    twice: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a unit, and the tape that replays it."""

    unit: Unit
    record: RunRecord
    tape: Tape


def run_unit(unit: Unit) -> Outcome:
    """Perform one unit."""
    result = perform(unit.request)
    record = result.record
    found: list[Violation] = []
    kills: tuple[Kill, ...] = ()
    if unit.with_kills:
        kills = tuple(_kills(unit.request))
        found += _toothless(unit.request, kills)
    if unit.twice:
        found += _unsteady(record, perform(unit.request).record)
    violations = (*record.violations, *found)
    record = dataclasses.replace(
        record,
        kills=kills,
        violations=violations,
        verdict=gravest(violation.breaks for violation in violations),
    )
    return Outcome(unit, record, result.tape)


def _kills(request: RunRequest) -> Iterator[Kill]:
    records: dict[str, RunRecord] = {}
    for planned in request.scenario.kills:
        if not planned.applies(request.generation, request.cursor):
            continue
        if planned.client not in records:
            records[planned.client] = perform(dataclasses.replace(request, client=planned.client)).record
        found = records[planned.client].violations
        yield Kill(planned.client, planned.by, any(violation.oracle == planned.by for violation in found))


def _toothless(request: RunRequest, kills: Sequence[Kill]) -> Iterator[Violation]:
    if not kills and not request.scenario.documentation:
        message = "this variant names no broken client that it kills, so passing it proves nothing"
        yield Violation("kills", message, breaks=Verdict.VACUOUS)
    for kill in kills:
        if not kill.killed:
            message = f"{kill.client} was expected to fail here by {kill.by}, and did not"
            yield Violation("kills", message, breaks=Verdict.VACUOUS)


def _unsteady(first: RunRecord, second: RunRecord) -> Iterator[Violation]:
    if first.digest != second.digest:
        message = f"two runs of the same seed differ: {first.digest} and {second.digest}"
        yield Violation("determinism", message, breaks=Verdict.UNSTEADY)


@contextmanager
def run_units(units: Sequence[Unit], jobs: int) -> Iterator[Iterator[Outcome]]:
    """Outcomes in the order of ``units``, from ``jobs`` processes; leaving early abandons what is not done yet."""
    if jobs <= 1 or len(units) <= 1:
        yield map(run_unit, units)
        return
    pool = ProcessPoolExecutor(min(jobs, len(units)), mp_context=_context(), initializer=_ignore_interrupts)
    try:
        futures = [pool.submit(run_unit, unit) for unit in units]
        yield (future.result() for future in futures)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _context() -> multiprocessing.context.BaseContext:
    # Forking spares each worker the second that imports take; where it is not to be had, spawn.
    method = "fork" if "fork" in multiprocessing.get_all_start_methods() else "spawn"
    return multiprocessing.get_context(method)


def _ignore_interrupts() -> None:
    """Ctrl-C reaches the whole process group; the parent decides what it means."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
