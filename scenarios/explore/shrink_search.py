"""One slice of a shrink: Hypothesis proposes simpler worlds, and each is run."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.database import ExampleDatabase, choices_to_bytes
from hypothesis.strategies import SearchStrategy

from gapless.scenarios.explore.steering import DrawnWorld

_ATTEMPTS_MAX = 100_000


class _SymptomShown(Exception):
    """Raised for a world that shows the symptom: a failure in the terms of Hypothesis."""


class _SliceUsedUp(BaseException):
    """The slice has used its runs. Not an Exception, because Hypothesis would treat that as a failing example."""


class Primed(ExampleDatabase):
    """A database that returns one example for every key and stores nothing: Hypothesis draws that world first."""

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


@dataclass(frozen=True, slots=True)
class SearchedSlice:
    """What a slice has found.

    ``drawn``: the plainest world that shows the symptom; ``runs``: how many runs were made; ``held``: digests of worlds
    without the symptom; ``is_used_up``: whether plainer worlds are left, which the slice had no runs for
    """

    drawn: tuple[int, ...]
    runs: int
    held: frozenset[bytes]
    is_used_up: bool


def search(
    strategy: SearchStrategy[DrawnWorld],
    drawn: tuple[int, ...],
    held_before: frozenset[bytes],
    shows: Callable[[DrawnWorld], bool],
    runs_max: int,
) -> SearchedSlice:
    """Look for plainer worlds that show the symptom, beginning with ``drawn``, in at most ``runs_max`` runs."""
    best, held, showed = drawn, set(held_before), {_key(drawn)}
    runs, is_used_up = 0, False

    # Decorators apply from the bottom up. `seed` removes the database, so `settings` has to be applied after it.
    @settings(
        max_examples=_ATTEMPTS_MAX,
        database=Primed(drawn),
        derandomize=False,
        deadline=None,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.reuse, Phase.shrink),
    )
    @seed(0)
    @given(strategy)
    def holds(world: DrawnWorld) -> None:
        nonlocal best, runs
        key = _key(world.drawn)
        if key in held:
            return
        if key not in showed:
            if runs >= runs_max:
                raise _SliceUsedUp
            runs += 1
            if not shows(world):
                held.add(key)
                return
            showed.add(key)
            best = min(best, world.drawn, key=_plainness)
        raise _SymptomShown

    # Without an exception, the code that draws worlds has changed, and these numbers now draw another world.
    try:
        holds()
    except _SymptomShown:
        pass
    except _SliceUsedUp:
        is_used_up = True
    return SearchedSlice(best, runs, frozenset(held), is_used_up)


def _plainness(drawn: Sequence[int]) -> tuple[int, Sequence[int]]:
    """Hypothesis's own order: fewer choices first, then smaller numbers."""
    return len(drawn), drawn


def _key(drawn: Sequence[int]) -> bytes:
    return hashlib.blake2b(choices_to_bytes(tuple(drawn)), digest_size=8).digest()
