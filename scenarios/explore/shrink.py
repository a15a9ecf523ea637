"""Shrinking: a failing world made as plain as it can be, by Hypothesis, a slice of runs at a time.

A slice is work that any executor can do: it takes what was reached, tries on for a bounded number of runs, and answers
what it reached. So there is progress to show, and whoever stops in between keeps the best so far.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.database import ExampleDatabase, choices_to_bytes

from gapless.scenarios.explore.symptom import Symptom, symptoms_in
from gapless.scenarios.explore.trial import DrawnWorld, performed, worlds
from gapless.scenarios.running.runner import Level

SLICE_RUNS = 40
RUNS_MAX = 800
_ATTEMPTS_MAX = 100_000


@dataclass(frozen=True, slots=True)
class Shrinking:
    """A shrink under way: ``drawn`` is the plainest world with that symptom so far; ``runs`` were tried for it, and
    ``held`` tells those in which the symptom did not show. ``done``: it gets no plainer, or the bound is reached.
    """

    client: str
    symptom: Symptom
    drawn: tuple[int, ...]
    level: Level = "wire"
    runs: int = 0
    held: frozenset[bytes] = frozenset()
    done: bool = False


class _Shows(Exception):
    """The symptom shows."""


class _Enough(BaseException):
    """The slice has had its runs. Not an Exception, for Hypothesis would take that for a failure."""


class _Primed(ExampleDatabase):
    """Knows one example, whatever it is asked for, and learns nothing."""

    def __init__(self, drawn: Sequence[int]) -> None:
        super().__init__()
        self._example = choices_to_bytes(tuple(drawn))

    def fetch(self, key: bytes) -> Iterable[bytes]:
        # What stands among the primary examples is taken to be shrunk already.
        return (self._example,) if key.endswith(b".secondary") else ()

    def save(self, key: bytes, value: bytes) -> None:
        return

    def delete(self, key: bytes, value: bytes) -> None:
        return


def shrink_slice(before: Shrinking) -> Shrinking:
    """Try for one more slice."""
    best, held, showed = before.drawn, set(before.held), {_key(before.drawn)}
    runs = 0

    # The seed comes before the settings, for it takes the database away.
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
    @given(worlds(before.client))
    def holds(world: DrawnWorld) -> None:
        nonlocal best, runs
        key = _key(world.drawn)
        if key in held:
            return
        if key not in showed:
            if runs >= SLICE_RUNS:
                raise _Enough
            runs += 1
            if before.symptom not in symptoms_in(performed(world.request, before.level)):
                held.add(key)
                return
            showed.add(key)
            best = min(best, world.drawn, key=_plainness)
        raise _Shows

    try:
        holds()
        done = True  # the drawing has changed, and these numbers are no longer that world
    except _Shows:
        done = True
    except _Enough:
        done = before.runs + runs >= RUNS_MAX
    return dataclasses.replace(before, drawn=best, runs=before.runs + runs, held=frozenset(held), done=done)


def _plainness(drawn: Sequence[int]) -> tuple[int, Sequence[int]]:
    """Hypothesis's own order: fewer choices first, then smaller ones."""
    return len(drawn), drawn


def _key(drawn: Sequence[int]) -> bytes:
    return hashlib.blake2b(choices_to_bytes(tuple(drawn)), digest_size=8).digest()
