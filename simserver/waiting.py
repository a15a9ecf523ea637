"""Waits on trio that cost less than trio's own on a `VirtualClock`, and take the same turns of its loop."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from math import inf

import trio

from gapless.simserver.determinism import VirtualClock, WakeTimer


def clock() -> Callable[[], float]:
    """A function that returns `trio.current_time`, and costs less. Valid until the running loop ends."""
    return trio.lowlevel.current_clock().current_time


def sleep(seconds: float) -> Awaitable[None]:
    """Like `trio.sleep`."""
    on = trio.lowlevel.current_clock()
    if type(on) is VirtualClock:  # isinstance asks the base class, which is abstract, at a price
        now_s = on.current_time()
        due_s = now_s + seconds
        if now_s < due_s < inf:
            return on.sleep_until(due_s)
    return trio.sleep(seconds)


class Notifier:
    """Wakes the one task that waits for it. It is cheaper than `trio.Event`, and can be waited for again.

    awaited: whether a task waits. ``wake`` has no effect when none does: a later ``wait`` blocks until the next
    ``wake``, and no longer than until ``until_s`` on the loop's clock. It returns True when that came first.
    """

    __slots__ = ("_task", "_timer")

    def __init__(self) -> None:
        self._task: trio.lowlevel.Task | None = None
        self._timer: WakeTimer | None = None

    @property
    def awaited(self) -> bool:
        return self._task is not None and (self._timer is None or self._timer.task is not None)

    def wait(self, until_s: float = inf) -> Awaitable[bool | None]:
        if until_s == inf:
            # No coroutine of our own: this is the most frequent wait of all.
            self._task = trio.lowlevel.current_task()
            return trio.lowlevel.wait_task_rescheduled(self._abort)
        return self._wait_until(until_s)

    async def _wait_until(self, until_s: float) -> bool:
        clock = trio.lowlevel.current_clock()
        if type(clock) is VirtualClock and until_s > clock.current_time():
            self._task = trio.lowlevel.current_task()
            timer = self._timer = clock.set_timer(until_s)
            await trio.lowlevel.wait_task_rescheduled(self._abort)
            if self._timer is timer:  # it is the timer that has woken the task
                self._task = self._timer = None
                return True
            return False
        with trio.CancelScope(deadline=until_s) as scope:
            await self.wait()
        return scope.cancelled_caught

    def _abort(self, _: object) -> trio.lowlevel.Abort:
        self._forget()
        return trio.lowlevel.Abort.SUCCEEDED

    def _forget(self) -> None:
        self._task = None
        if self._timer is not None:
            self._timer.task = None
            self._timer = None

    def wake(self) -> None:
        task = self._task
        if task is not None and (self._timer is None or self._timer.task is not None):
            self._forget()
            trio.lowlevel.reschedule(task)
