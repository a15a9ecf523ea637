"""The nearest passing run: the smallest change that makes a failed run pass.

A run passes here when the first property that the failed run broke holds, and no property fails that held before. So a
client that lost an event and always spends too much has a passing run once the event is not lost. These changes are
tried in order, until a run passes: leave out one fault, two faults, all faults; set one choice of the tape to an end of
its range; draw from another seed; run our own client in the same scenario. All other choices stay as they were, as long
as they fit.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from gapless.reports.records.record import RunRecord
from gapless.scenarios.clients.registry import DEFAULT
from gapless.scenarios.definition.scenario import Scenario
from gapless.scenarios.running.runner import RunRequest, RunResult, perform
from gapless.simserver.choices import Number, Ranges, SeededSource, Source, Tape, TapeSource
from gapless.simserver.errors import TapeError
from gapless.simserver.link import armed

RUNS_MAX = 100
_CHOICES_MAX = 40
_SEEDS_MAX = 5


@dataclass(frozen=True, slots=True)
class NearbyRun:
    """A run with one change. ``how``: the change, such as "the same run without the fault 'late-tail'"."""

    how: str
    request: RunRequest


@dataclass(frozen=True, slots=True)
class Nearest:
    """A run that passes. ``how``: how it differs from the failed run."""

    how: str
    result: RunResult


def nearest(request: RunRequest, failed: RunResult) -> Nearest | None:
    """The first change that makes a failed run pass; None when neither ``RUNS_MAX`` changes nor our client do."""
    changes = itertools.islice(_changes(_with_named_faults(request), failed), RUNS_MAX)
    for change in itertools.chain(changes, (_our_client(request),)):
        result = perform(change.request, source=_source(change.request))
        if _passes(result.record, failed.record):
            return Nearest(change.how, result)
    return None


class TapeThenSeed:
    """Choices from a tape as long as they fit, for each stream by itself; after that, choices from a seed."""

    def __init__(self, tape: Tape, seed: int) -> None:
        self._tape = TapeSource(tape)
        self._seeded = SeededSource(seed)
        self._off_tape: set[str] = set()  # streams past their tape; never iterated, so the order does not matter

    def integer(self, stream: str, low: int, high: int) -> int:
        if stream not in self._off_tape:
            try:
                return self._tape.integer(stream, low, high)
            except TapeError:
                self._off_tape.add(stream)
        return self._seeded.integer(stream, low, high)

    def number(self, stream: str, low: float, high: float) -> float:
        if stream not in self._off_tape:
            try:
                return self._tape.number(stream, low, high)
            except TapeError:
                self._off_tape.add(stream)
        return self._seeded.number(stream, low, high)


def _source(request: RunRequest) -> Source:
    return SeededSource(request.seed) if request.tape is None else TapeThenSeed(request.tape, request.seed)


def _passes(tried: RunRecord, failed: RunRecord) -> bool:
    """Whether the property that failed first holds now, and none fails that held before.

    ``vacuity`` is ignored: after a change, a fault may have nothing to act on.
    """
    broken, before = ({violation.oracle for violation in one.violations} for one in (tried, failed))
    return failed.violations[0].oracle not in broken and broken <= before | {"vacuity"}


def _with_named_faults(request: RunRequest) -> RunRequest:
    """The request with the default names of its faults written out, so that leaving one out renames no other."""
    faults = tuple(one.fault.model_copy(update={"name": one.name}) for one in armed(request.scenario.faults))
    return dataclasses.replace(request, scenario=_with_faults(request.scenario, faults))


def _with_faults(scenario: Scenario, faults: tuple[object, ...]) -> Scenario:
    return scenario.model_copy(update={"faults": faults})


def _changes(request: RunRequest, failed: RunResult) -> Iterator[NearbyRun]:
    kept = dataclasses.replace(request, tape=failed.tape, ranges=None)
    yield from _without_thread_switches(kept)
    yield from _without_faults(kept)
    yield from _other_choices(kept, failed.tape, failed.ranges)
    for seed in range(request.seed + 1, request.seed + 1 + _SEEDS_MAX):
        yield NearbyRun(f"the same scenario from seed {seed}", dataclasses.replace(kept, seed=seed, tape=None))


def _without_thread_switches(request: RunRequest) -> Iterator[NearbyRun]:
    if request.scenario.thread_switches:
        scenario = request.scenario.model_copy(update={"thread_switches": ()})
        how = "the same run with its threads first come, first served"
        yield NearbyRun(how, dataclasses.replace(request, scenario=scenario))


def _without_faults(request: RunRequest) -> Iterator[NearbyRun]:
    faults = request.scenario.faults
    for count in dict.fromkeys(min(count, len(faults)) for count in (1, 2, len(faults)) if faults):
        for left_out in itertools.combinations(faults, count):
            rest = tuple(fault for fault in faults if fault not in left_out)
            names = " and ".join(repr(fault.name) for fault in left_out)
            how = f"the same run without the fault{'s' * (count > 1)} {names}"
            yield NearbyRun(how, dataclasses.replace(request, scenario=_with_faults(request.scenario, rest)))


def _other_choices(request: RunRequest, tape: Tape, ranges: Ranges) -> Iterator[NearbyRun]:
    drawn = [
        (stream, index, low, high)
        for stream, runs in ranges.items()
        for index, (low, high) in enumerate((low, high) for low, high, times in runs for _ in range(times))
    ]
    for stream, index, low, high in drawn[:_CHOICES_MAX]:
        for value in (low, high):
            if value != tape[stream][index]:
                yield _with_choice(request, tape, stream, index, value)


def _with_choice(request: RunRequest, tape: Tape, stream: str, index: int, value: Number) -> NearbyRun:
    values = [*tape[stream][:index], value, *tape[stream][index + 1 :]]
    how = f"the same run with choice {index + 1} of stream {stream!r} at {value:g} instead of {tape[stream][index]:g}"
    return NearbyRun(how, dataclasses.replace(request, tape={**tape, stream: values}))


def _our_client(request: RunRequest) -> NearbyRun:
    return NearbyRun(
        f"our client, {DEFAULT}, in the same scenario",
        dataclasses.replace(request, client=DEFAULT, ranges=None, command=()),
    )
