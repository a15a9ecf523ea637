"""Runs an async function in virtual time under a seeded scheduler: the only file that touches trio's private parts.

trio runs each batch of runnable tasks in random order. A private switch makes it sort the batch by the age of the tasks
and then shuffle it with a private generator; we set the one and seed the other, so that a seed is a schedule. Both are
put back afterwards: pytest-trio and Hypothesis use them too.

Virtual time makes this fast as well as repeatable: when every task waits, the clock jumps to the next deadline.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import trio
import trio.testing

T = TypeVar("T")


def run_deterministic(async_function: Callable[[], Awaitable[T]], *, seed: int | str) -> T:
    """Run ``async_function()`` to its end in virtual time; the same seed gives the same schedule.

    Raises RuntimeError when called from inside trio, and whatever the function raises.
    """
    core: Any = trio._core._run
    switch_before = core._ALLOW_DETERMINISTIC_SCHEDULING
    generator_before = core._r.getstate()
    core._ALLOW_DETERMINISTIC_SCHEDULING = True
    core._r.setstate(random.Random(f"{seed}/schedule").getstate())
    try:
        # The clock draws its epoch from the same generator: make it inside the seeded part.
        clock = trio.testing.MockClock(autojump_threshold=0)
        return trio.run(async_function, clock=clock)
    finally:
        core._ALLOW_DETERMINISTIC_SCHEDULING = switch_before
        core._r.setstate(generator_before)
