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


class Scope(Protocol):
    """A block whose waits can be canceled, by a call or at a deadline, as `trio.CancelScope`."""

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
    ``wake``.
    """

    @property
    def awaited(self) -> bool: ...
    def wake(self) -> None: ...
    async def wait(self) -> None: ...


class Loop(Protocol):
    """An event loop, with the names of trio's functions."""

    def current_time(self) -> float:
        """Seconds on the loop's clock."""
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

    __slots__ = ("_task",)

    def __init__(self) -> None:
        self._task: trio.lowlevel.Task | None = None

    @property
    def awaited(self) -> bool:
        return self._task is not None

    async def wait(self) -> None:
        self._task = trio.lowlevel.current_task()
        await trio.lowlevel.wait_task_rescheduled(self._abort)

    def _abort(self, _: object) -> trio.lowlevel.Abort:
        self._task = None
        return trio.lowlevel.Abort.SUCCEEDED

    def wake(self) -> None:
        if self._task is not None:
            task, self._task = self._task, None
            trio.lowlevel.reschedule(task)


class TrioLoop:
    """trio as a `Loop`."""

    current_time = staticmethod(trio.current_time)
    sleep = staticmethod(trio.sleep)
    checkpoint = staticmethod(trio.lowlevel.checkpoint)
    checkpoint_if_cancelled = staticmethod(trio.lowlevel.checkpoint_if_cancelled)
    move_on_after = staticmethod(trio.move_on_after)
    nursery = staticmethod(trio.open_nursery)
    event = staticmethod(trio.Event)
    notifier = staticmethod(TrioNotifier)
    parking_lot = staticmethod(trio.lowlevel.ParkingLot)

    def scope(self, deadline: float = inf) -> trio.CancelScope:
        return trio.CancelScope(deadline=deadline)


TRIO: Loop = TrioLoop()
