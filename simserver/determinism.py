"""Runs an async function in virtual time under a seeded scheduler.

This is the only module that touches private attributes of trio. trio runs each batch of runnable tasks in random order.
A private switch makes it sort the batch by the age of the tasks before it shuffles it with a private generator. We set
the switch and put a generator of our own in the place of trio's, so one seed gives one schedule. Both are restored
afterwards, because pytest-trio and Hypothesis use them too.

Virtual time is fast as well as repeatable: when every task waits, the clock jumps to the next deadline.

Waiting is made cheap here, because a run consists of little else. A task that waits for a time on a `VirtualClock`
needs no cancel scope: the clock wakes it. And the operating system is seldom asked for input, since a virtual world has
none. Neither changes the schedule: a task is woken in the same turn of trio's loop as by a deadline of trio's.
"""

from __future__ import annotations

import gc
import random
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, MutableSequence
from contextlib import contextmanager
from heapq import heappop, heappush
from math import inf
from typing import Any, Final, TypeVar

import trio

T = TypeVar("T")

# How often real input is looked for. Only a signal or another thread makes any, and neither is in a hurry.
TURNS_PER_POLL: Final = 32


class WakeTimer:
    """A task that waits for a time. task: None when it waits no more, or has been woken."""

    __slots__ = ("task",)

    def __init__(self, task: trio.lowlevel.Task) -> None:
        self.task: trio.lowlevel.Task | None = task


class VirtualClock(trio.abc.Clock):
    """A clock that advances only when no task can run.

    It works like `trio.testing.MockClock` with an autojump threshold of 0. Unlike MockClock it never reads the real
    clock, which costs MockClock several calls for each message. Do not use it with
    `trio.testing.wait_all_tasks_blocked`, because the clock jumps before that function returns. Do not use it with real
    I/O, because the clock does not wait for it.

    turns: how many turns trio's loop has taken since the clock advanced or `watch` was called; turns_max: their bound.
    """

    def __init__(self) -> None:
        self._now_s = 0.0
        self._timers: list[tuple[float, int, WakeTimer]] = []
        self._timers_set = 0
        self._deadlines: Any = None
        self.turns = 0
        self.turns_max: float = inf
        self._watched: list[tuple[int, Callable[[], object]]] = []

    def __repr__(self) -> str:
        return f"VirtualClock({self._now_s:.6f} s)"

    def start_clock(self) -> None:
        """Put a source of input that is seldom asked in the place of trio's. Called by trio when the run starts."""
        runner: Any = _core.GLOBAL_RUN_CONTEXT.runner
        self._deadlines = runner.deadlines
        runner.io_manager = _SeldomPolled(runner.io_manager, self)
        runner.instruments = _Instruments(runner.instruments)

    def current_time(self) -> float:
        return self._now_s

    def deadline_to_sleep_time(self, deadline: float) -> float:
        # trio calls this only when no task can run, so this is the moment to jump.
        timers = self._timers
        while timers and timers[0][2].task is None:
            heappop(timers)
        next_s = timers[0][0] if timers and timers[0][0] < deadline else deadline
        if next_s == inf:
            return inf
        if next_s > self._now_s:
            self._now_s = next_s
            self.turns = 0
        if timers and timers[0][0] <= self._now_s and deadline <= self._now_s:
            # A scope and a wait in it end at one time. The outer one counts, as with two scopes: the task is canceled.
            self._deadlines.expire(self._now_s)
        while timers and timers[0][0] <= self._now_s:
            timer = heappop(timers)[2]
            if timer.task is not None:
                task, timer.task = timer.task, None
                trio.lowlevel.reschedule(task)
        return 0.0

    def watch(self, turns_max: int, on_spin: Callable[[], object]) -> None:
        """Call ``on_spin`` once, when more turns than ``turns_max`` pass within one instant from now on.

        Several may watch. The least bound holds for all: nothing tells whose tasks took the turns.
        """
        self._watched.append((turns_max, on_spin))
        self.turns = 0
        self._set_bound()

    def unwatch(self, on_spin: Callable[[], object]) -> None:
        """Call this one no more."""
        self._watched = [one for one in self._watched if one[1] != on_spin]
        self._set_bound()

    def _set_bound(self) -> None:
        self.turns_max = min((turns_max for turns_max, _ in self._watched), default=inf)

    def spin(self) -> None:
        """There have been more turns than the bound."""
        watched, self._watched = self._watched, []
        self._set_bound()
        for _, on_spin in watched:
            on_spin()

    def set_timer(self, due_s: float) -> WakeTimer:
        """Wake the current task at a time that is still to come, unless the timer's ``task`` is None by then.

        The task must wait in `trio.lowlevel.wait_task_rescheduled` next.
        """
        timer = WakeTimer(trio.lowlevel.current_task())
        self._timers_set += 1
        heappush(self._timers, (due_s, self._timers_set, timer))
        return timer

    async def sleep_until(self, due_s: float) -> None:
        """Like `trio.sleep_until`, for a time that is still to come."""
        timer = self.set_timer(due_s)

        def abort(_: object) -> trio.lowlevel.Abort:
            timer.task = None
            return trio.lowlevel.Abort.SUCCEEDED

        await trio.lowlevel.wait_task_rescheduled(abort)


_core: Any = trio._core._run


class _Instruments(dict[str, Any]):
    """trio's table of instruments, as a dict. trio looks into it six times for each step of a task."""

    def __init__(self, instruments: Any) -> None:
        super().__init__(instruments)
        kind = type(instruments)
        self._kind = kind
        self.data = self

    def add_instrument(self, instrument: trio.abc.Instrument) -> None:
        self._kind.add_instrument(self, instrument)

    def remove_instrument(self, instrument: trio.abc.Instrument) -> None:
        self._kind.remove_instrument(self, instrument)

    def call(self, hook: str, *arguments: object) -> None:
        self._kind.call(self, hook, *arguments)


class _SeldomPolled:
    """trio's source of input, which asks the operating system in one turn of many. It counts the turns too."""

    def __init__(self, io_manager: Any, clock: VirtualClock) -> None:
        self._io_manager = io_manager
        self._clock = clock
        self._unpolled = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._io_manager, name)

    def get_events(self, timeout: float) -> Any:
        clock = self._clock
        clock.turns += 1
        if clock.turns > clock.turns_max:
            clock.spin()
        self._unpolled += 1
        if timeout or self._unpolled >= TURNS_PER_POLL:
            self._unpolled = 0
            return self._io_manager.get_events(timeout)
        return ()

    def process_events(self, events: Any) -> None:
        if events:
            self._io_manager.process_events(events)


class _Shuffle(random.Random):
    """A generator with the same draws as `random.Random`, which does nothing for a batch of one task."""

    def shuffle(self, x: MutableSequence[Any]) -> None:
        if len(x) > 1:
            super().shuffle(x)


def run_deterministic(async_function: Callable[[], Awaitable[T]], *, seed: int | str) -> T:
    """Run ``async_function()`` to its end in virtual time. The same seed gives the same schedule.

    Raises RuntimeError when called from inside trio, and whatever the function raises.
    """
    switch_before, generator_before = _core._ALLOW_DETERMINISTIC_SCHEDULING, _core._r
    _core._ALLOW_DETERMINISTIC_SCHEDULING = True
    _core._r = _Shuffle(f"{seed}/schedule")
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
        _core._ALLOW_DETERMINISTIC_SCHEDULING, _core._r = switch_before, generator_before


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
