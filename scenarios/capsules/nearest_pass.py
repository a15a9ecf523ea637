"""The nearest passing run: the least that has to be otherwise for what failed to hold.

A run passes here when the property that the failed run broke first holds in it, and none is broken that held before: a
client that always spends too much has passing runs too, when it is an event that it lost. Tried in this order, until
one passes: each fault left out, then each pair of them, then all; each choice of the tape at the other ends of its
range; other seeds; and at last our own client in the same scenario. Whatever is left out or changed, all other choices
stay as they were, as long as they fit.
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
    """A run that differs in little; ``how`` says in what: "the same run without the fault 'late-tail'"."""

    how: str
    request: RunRequest


@dataclass(frozen=True, slots=True)
class Nearest:
    """A run that passes, and in what it differs from the failed one."""

    how: str
    result: RunResult


def nearest(request: RunRequest, failed: RunResult) -> Nearest | None:
    """The first change that makes a failed run pass; None when none of ``RUNS_MAX`` does."""
    changes = itertools.islice(_changes(_named(request), failed), RUNS_MAX)
    for change in itertools.chain(changes, (_our_client(request),)):
        result = perform(change.request, source=_source(change.request))
        if _passes(result.record, failed.record):
            return Nearest(change.how, result)
    return None


class AsFarAsItGoes:
    """Choices from a tape as long as it fits, each stream for itself; from there on, from a seed."""

    def __init__(self, tape: Tape, seed: int) -> None:
        self._tape = TapeSource(tape)
        self._seeded = SeededSource(seed)
        self._left: set[str] = set()  # membership only, never iterated

    def integer(self, stream: str, low: int, high: int) -> int:
        if stream not in self._left:
            try:
                return self._tape.integer(stream, low, high)
            except TapeError:
                self._left.add(stream)
        return self._seeded.integer(stream, low, high)

    def number(self, stream: str, low: float, high: float) -> float:
        if stream not in self._left:
            try:
                return self._tape.number(stream, low, high)
            except TapeError:
                self._left.add(stream)
        return self._seeded.number(stream, low, high)


def _source(request: RunRequest) -> Source:
    return SeededSource(request.seed) if request.tape is None else AsFarAsItGoes(request.tape, request.seed)


def _passes(tried: RunRecord, failed: RunRecord) -> bool:
    """Whether what failed first holds now, and nothing fails that held: a fault with nothing to act on aside."""
    broken, before = ({violation.oracle for violation in one.violations} for one in (tried, failed))
    return failed.violations[0].oracle not in broken and broken <= before | {"vacuity"}


def _named(request: RunRequest) -> RunRequest:
    """The run with each fault called by the name that it has without saying: leaving one out renames no other."""
    faults = tuple(one.fault.model_copy(update={"name": one.name}) for one in armed(request.scenario.faults))
    return dataclasses.replace(request, scenario=_with_faults(request.scenario, faults))


def _with_faults(scenario: Scenario, faults: tuple[object, ...]) -> Scenario:
    return scenario.model_copy(update={"faults": faults})


def _changes(request: RunRequest, failed: RunResult) -> Iterator[NearbyRun]:
    kept = dataclasses.replace(request, tape=failed.tape, ranges=None)
    yield from _without_faults(kept)
    yield from _other_choices(kept, failed.tape, failed.ranges)
    for seed in range(request.seed + 1, request.seed + 1 + _SEEDS_MAX):
        yield NearbyRun(f"the same scenario from seed {seed}", dataclasses.replace(kept, seed=seed, tape=None))


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
        f"our client, {DEFAULT}, in the same scenario", dataclasses.replace(request, client=DEFAULT, ranges=None)
    )
