"""Runs an async function in virtual time under a seeded scheduler: the only file that touches trio's private
parts.

trio runs each batch of runnable tasks in random order. A private switch makes it sort the batch by the age of
the tasks and then shuffle it with a private generator; we set the one and seed the other, so that a seed is a
schedule. Both are put back afterwards: pytest-trio and Hypothesis use them too.

Virtual time makes this fast as well as repeatable: when every task waits, the clock jumps to the next deadline.
"""

from __future__ import annotations

import gc
import random
from collections.abc import Awaitable, Callable
from math import inf
from typing import Any, TypeVar

import trio

T = TypeVar("T")


class VirtualClock(trio.abc.Clock):
    """Time that passes only when no task can run.

    Like trio's MockClock with an autojump threshold of 0, but it never asks the real clock what time it is, which
    MockClock does several times for each message. Not for use with `trio.testing.wait_all_tasks_blocked`, which it
    overtakes, nor with real I/O, which it does not wait for.
    """

    def __init__(self) -> None:
        self._now_s = 0.0

    def __repr__(self) -> str:
        return f"VirtualClock({self._now_s:.6f} s)"

    def start_clock(self) -> None:
        """Nothing to start."""

    def current_time(self) -> float:
        return self._now_s

    def deadline_to_sleep_time(self, deadline: float) -> float:
        # trio asks this when nothing can run, and only then: the moment to jump.
        if deadline == inf:
            return inf
        self._now_s = max(self._now_s, deadline)
        return 0.0


def run_deterministic(async_function: Callable[[], Awaitable[T]], *, seed: int | str) -> T:
    """Run ``async_function()`` to its end in virtual time; the same seed gives the same schedule.

    Raises RuntimeError when called from inside trio, and whatever the function raises.
    """
    core: Any = trio._core._run
    switch_before = core._ALLOW_DETERMINISTIC_SCHEDULING
    generator_before = core._r.getstate()
    core._ALLOW_DETERMINISTIC_SCHEDULING = True
    core._r.setstate(random.Random(f"{seed}/schedule").getstate())
    # An async generator that a cancelled request left behind is finalised in the loop when it is collected, and that
    # draws from the scheduler: so it must happen when the last reference goes, not when the collector comes by.
    collects_garbage = gc.isenabled()
    gc.disable()
    try:
        return trio.run(async_function, clock=VirtualClock())
    finally:
        if collects_garbage:
            gc.enable()
        core._ALLOW_DETERMINISTIC_SCHEDULING = switch_before
        core._r.setstate(generator_before)
