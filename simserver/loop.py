"""The interface between the server and an event loop: time, tasks, and waits that can be canceled.

The server runs on trio (`TRIO`). It uses no more of a loop than these protocols name.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from math import inf
from types import TracebackType
from typing import Any, Protocol

import trio

from gapless.simserver.determinism import VirtualClock, WakeTimer


class Scope(Protocol):
    """A block whose waits can be canceled, by a call or at a deadline, as `trio.CancelScope`."""

    @property
    def cancel_called(self) -> bool: ...
    @property
    def cancelled_caught(self) -> bool: ...
    def cancel(self) -> None: ...
    def __enter__(self) -> Any: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None: ...


class Nursery(Protocol):
    """A block that runs tasks and ends after the last of them, as `trio.Nursery`."""

    @property
    def cancel_scope(self) -> Any: ...
    def start_soon(self, function: Callable[..., Awaitable[Any]], /, *arguments: Any) -> None: ...


class LoopEvent(Protocol):
    """A flag that can be set once and waited for, as `trio.Event`."""

    def is_set(self) -> bool: ...
    def set(self) -> None: ...
    async def wait(self) -> None: ...


class Notifier(Protocol):
    """Wakes the one task that waits for it.

    awaited: whether a task waits. ``wake`` has no effect when none does: a later ``wait`` blocks until the next
    ``wake``, and no longer than until ``until_s`` on the loop's clock. It returns True when that came first.
    """

    @property
    def awaited(self) -> bool: ...
    def wake(self) -> None: ...
    def wait(self, until_s: float = inf) -> Awaitable[bool | None]: ...


class Loop(Protocol):
    """An event loop, with the names of trio's functions."""

    def current_time(self) -> float:
        """Seconds on the loop's clock."""
        ...

    def clock(self) -> Callable[[], float]:
        """A function that returns `current_time`, and costs less. Valid until the running loop ends."""
        ...

    def sleep(self, seconds: float) -> Awaitable[None]: ...
    def checkpoint(self) -> Awaitable[None]: ...
    def checkpoint_if_cancelled(self) -> Awaitable[None]: ...
    def move_on_after(self, seconds: float) -> Scope: ...
    def scope(self, deadline: float = inf) -> Scope: ...
    def nursery(self) -> AbstractAsyncContextManager[Nursery]: ...
    def event(self) -> LoopEvent: ...
    def notifier(self) -> Notifier: ...
    def parking_lot(self) -> Any: ...


class TrioNotifier:
    """A notifier on trio. It is cheaper than `trio.Event`, and can be waited for again."""

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


class TrioLoop:
    """trio as a `Loop`."""

    current_time = staticmethod(trio.current_time)
    checkpoint = staticmethod(trio.lowlevel.checkpoint)
    checkpoint_if_cancelled = staticmethod(trio.lowlevel.checkpoint_if_cancelled)
    move_on_after = staticmethod(trio.move_on_after)
    nursery = staticmethod(trio.open_nursery)
    event = staticmethod(trio.Event)
    notifier = staticmethod(TrioNotifier)
    parking_lot = staticmethod(trio.lowlevel.ParkingLot)

    def clock(self) -> Callable[[], float]:
        return trio.lowlevel.current_clock().current_time

    def sleep(self, seconds: float) -> Awaitable[None]:
        clock = trio.lowlevel.current_clock()
        if type(clock) is VirtualClock:  # isinstance asks the base class, which is abstract, at a price
            now_s = clock.current_time()
            due_s = now_s + seconds
            if now_s < due_s < inf:
                return clock.sleep_until(due_s)
        return trio.sleep(seconds)

    def scope(self, deadline: float = inf) -> trio.CancelScope:
        return trio.CancelScope(deadline=deadline)


TRIO: Loop = TrioLoop()
