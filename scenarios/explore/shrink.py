"""Shrink a failing world with Hypothesis, in slices of a bounded number of runs.

A slice takes a `Shrinking`, tries simpler worlds, and returns a new `Shrinking`. Both can be pickled, so any executor
can do the work. Slices allow progress to be shown, and a shrink that is stopped keeps its best world so far.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from gapless.scenarios.explore.symptom import Symptom
from gapless.scenarios.explore.trial import shown

SLICE_RUNS = 40
RUNS_MAX = 800


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


def shrink_slice(before: Shrinking) -> Shrinking:
    """Shrink for at most `SLICE_RUNS` more runs."""
    # Hypothesis takes half a second to import. A campaign in which nothing fails does without it.
    from gapless.scenarios.explore.shrink_search import search
    from gapless.scenarios.explore.strategies import worlds

    found = search(
        worlds(before.client, before.command, before.server),
        before.drawn,
        before.held,
        lambda world: before.symptom in shown(world.request),
        SLICE_RUNS,
    )
    runs = before.runs + found.runs
    done = not found.is_used_up or runs >= RUNS_MAX
    return replace(before, drawn=found.drawn, runs=runs, held=found.held, done=done)
