"""What the server needs of an event loop: time, tasks, and waiting that can be called off.

The server runs on trio. It asks for no more than what is named here, so that a loop of the model's own, which knows
messages and no bytes, can run the same server.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from math import inf
from types import TracebackType
from typing import Any, Protocol

import trio


class Scope(Protocol):
    """Waiting that can be called off; the names are trio's."""

    @property
    def cancelled_caught(self) -> bool: ...
    def cancel(self) -> None: ...
    def __enter__(self) -> Any: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None: ...


class Nursery(Protocol):
    """A block that tasks live in."""

    @property
    def cancel_scope(self) -> Any: ...
    def start_soon(self, function: Callable[..., Awaitable[Any]], /, *arguments: Any) -> None: ...


class LoopEvent(Protocol):
    """Happens once."""

    def is_set(self) -> bool: ...
    def set(self) -> None: ...
    async def wait(self) -> None: ...


class Notifier(Protocol):
    """Wakes the one task that waits at it; rung while nobody waits, it is not remembered."""

    @property
    def awaited(self) -> bool: ...
    def wake(self) -> None: ...
    async def wait(self) -> None: ...


class Loop(Protocol):
    """An event loop."""

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
    """Cheaper than trio.Event."""

    __slots__ = ("_task",)

    def __init__(self) -> None:
        self._task: trio.lowlevel.Task | None = None

    @property
    def awaited(self) -> bool:
        return self._task is not None

    async def wait(self) -> None:
        self._task = trio.lowlevel.current_task()
        await trio.lowlevel.wait_task_rescheduled(self._give_up)

    def _give_up(self, _: object) -> trio.lowlevel.Abort:
        self._task = None
        return trio.lowlevel.Abort.SUCCEEDED

    def wake(self) -> None:
        if self._task is not None:
            task, self._task = self._task, None
            trio.lowlevel.reschedule(task)


class TrioLoop:
    """trio, under these names."""

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
