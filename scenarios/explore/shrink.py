"""Shrink a failing world with Hypothesis, in slices of a bounded number of runs.

A slice takes a `Shrinking`, tries simpler worlds, and returns a new `Shrinking`. Both can be pickled, so any executor
can do the work. Slices allow progress to be shown, and a shrink that is stopped keeps its best world so far.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.database import ExampleDatabase, choices_to_bytes

from gapless.scenarios.explore.steering import DrawnWorld
from gapless.scenarios.explore.symptom import Symptom
from gapless.scenarios.explore.trial import shown, worlds

SLICE_RUNS = 40
RUNS_MAX = 800
_ATTEMPTS_MAX = 100_000


@dataclass(frozen=True, slots=True)
class Shrinking:
    """The progress of one shrink.

    ``drawn``: the plainest world with the symptom so far, as the numbers drawn for it
    ``runs``: how many runs were made
    ``held``: digests of the worlds in which the symptom did not show, so that they are not run again
    ``done``: no plainer world was found, or `RUNS_MAX` is reached
    """

    client: str
    symptom: Symptom
    drawn: tuple[int, ...]
    runs: int = 0
    held: frozenset[bytes] = frozenset()
    done: bool = False
    command: tuple[str, ...] = ()
    server: str = ""


class _SymptomShown(Exception):
    """Raised for a world that shows the symptom: a failure in the terms of Hypothesis."""


class _SliceUsedUp(BaseException):
    """The slice has used its runs. Not an Exception, because Hypothesis would treat that as a failing example."""


class _Primed(ExampleDatabase):
    """A database that returns one example for every key and stores nothing."""

    def __init__(self, drawn: Sequence[int]) -> None:
        super().__init__()
        self._example = choices_to_bytes(tuple(drawn))

    def fetch(self, key: bytes) -> Iterable[bytes]:
        # Hypothesis treats examples under the primary key as already shrunk.
        return (self._example,) if key.endswith(b".secondary") else ()

    def save(self, key: bytes, value: bytes) -> None:
        return

    def delete(self, key: bytes, value: bytes) -> None:
        return


def shrink_slice(before: Shrinking) -> Shrinking:
    """Shrink for at most `SLICE_RUNS` more runs."""
    best, held, showed = before.drawn, set(before.held), {_key(before.drawn)}
    runs = 0

    # Decorators apply from the bottom up. `seed` removes the database, so `settings` has to be applied after it.
    @settings(
        max_examples=_ATTEMPTS_MAX,
        database=_Primed(before.drawn),
        derandomize=False,
        deadline=None,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.reuse, Phase.shrink),
    )
    @seed(0)
    @given(worlds(before.client, before.command, before.server))
    def holds(world: DrawnWorld) -> None:
        nonlocal best, runs
        key = _key(world.drawn)
        if key in held:
            return
        if key not in showed:
            if runs >= SLICE_RUNS:
                raise _SliceUsedUp
            runs += 1
            if before.symptom not in shown(world.request):
                held.add(key)
                return
            showed.add(key)
            best = min(best, world.drawn, key=_plainness)
        raise _SymptomShown

    try:
        holds()
        done = True  # the code that draws worlds has changed, and these numbers now draw another world
    except _SymptomShown:
        done = True
    except _SliceUsedUp:
        done = before.runs + runs >= RUNS_MAX
    return dataclasses.replace(before, drawn=best, runs=before.runs + runs, held=frozenset(held), done=done)


def _plainness(drawn: Sequence[int]) -> tuple[int, Sequence[int]]:
    """Hypothesis's own order: fewer choices first, then smaller numbers."""
    return len(drawn), drawn


def _key(drawn: Sequence[int]) -> bytes:
    return hashlib.blake2b(choices_to_bytes(tuple(drawn)), digest_size=8).digest()
