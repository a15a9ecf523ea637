"""Runs an async function in virtual time under a seeded scheduler.

This is the only module that touches private attributes of trio. trio runs each batch of runnable tasks in random order.
A private switch makes it sort the batch by the age of the tasks before it shuffles it with a private generator. We set
the switch and seed the generator, so one seed gives one schedule. Both are restored afterwards, because pytest-trio and
Hypothesis use them too.

Virtual time is fast as well as repeatable: when every task waits, the clock jumps to the next deadline.
"""

from __future__ import annotations

import gc
import random
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from math import inf
from typing import Any, TypeVar

import trio

T = TypeVar("T")


class VirtualClock(trio.abc.Clock):
    """A clock that advances only when no task can run.

    It works like `trio.testing.MockClock` with an autojump threshold of 0. Unlike MockClock it never reads the real
    clock, which costs MockClock several calls for each message. Do not use it with
    `trio.testing.wait_all_tasks_blocked`, because the clock jumps before that function returns. Do not use it with real
    I/O, because the clock does not wait for it.
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
        # trio calls this only when no task can run, so this is the moment to jump.
        if deadline == inf:
            return inf
        self._now_s = max(self._now_s, deadline)
        return 0.0


def run_deterministic(async_function: Callable[[], Awaitable[T]], *, seed: int | str) -> T:
    """Run ``async_function()`` to its end in virtual time. The same seed gives the same schedule.

    Raises RuntimeError when called from inside trio, and whatever the function raises.
    """
    core: Any = trio._core._run
    switch_before = core._ALLOW_DETERMINISTIC_SCHEDULING
    generator_before = core._r.getstate()
    core._ALLOW_DETERMINISTIC_SCHEDULING = True
    core._r.setstate(random.Random(f"{seed}/schedule").getstate())
    # A canceled request can leave an async generator behind. trio finalizes it when it is collected, and this draws
    # from the scheduler. So it must be collected when its last reference goes, not at a time that the garbage
    # collector chooses.
    collects_garbage = gc.isenabled()
    gc.disable()
    try:
        return trio.run(async_function, clock=VirtualClock())
    finally:
        if collects_garbage:
            gc.enable()
        core._ALLOW_DETERMINISTIC_SCHEDULING = switch_before
        core._r.setstate(generator_before)


class _HoldingQueue(deque[Any]):
    """trio's queue of runnable tasks, which keeps back some of them."""

    def __init__(self, tasks: deque[Any], held: Callable[[trio.lowlevel.Task], bool]) -> None:
        super().__init__()
        self.kept_back: list[trio.lowlevel.Task] = []
        self._held = held
        for task in tasks:
            self.append(task)

    def append(self, task: Any) -> None:
        if self._held(task):
            self.kept_back.append(task)
        else:
            super().append(task)


@contextmanager
def suspended(held: Callable[[trio.lowlevel.Task], bool]) -> Iterator[None]:
    """Suspend tasks for the length of a block, as a laptop does whose lid is closed.

    The clock goes on and other tasks run. What a suspended task waits for happens, timers included, but the task learns
    of it only when the block ends. Raises RuntimeError outside trio.

    held: whether a task is to be suspended
    """
    core: Any = trio._core._run
    runner = core.GLOBAL_RUN_CONTEXT.runner
    queue = runner.runq = _HoldingQueue(runner.runq, held)
    try:
        yield
    finally:
        runner.runq = deque([*queue, *queue.kept_back])
