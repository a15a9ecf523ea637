"""The simulated server process: its clock, its tasks, whether it is down, and how often it has started.

All parts of a world share one `Process`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import trio

from gapless.simserver.waiting import clock


class Process:
    """A process on trio.

    is_down: whether it has died and not come back yet; incarnation: 1 at first, one more with each `go_down`; failure:
    the first exception that the fake server itself raised, None when there was none.
    """

    def __init__(self) -> None:
        self.is_down = False
        self._is_back = trio.Event()
        self.incarnation = 1
        self.failure: BaseException | None = None
        self._nursery: trio.Nursery | None = None
        self._clock: Callable[[], float] = _not_begun
        self._began_s = 0.0

    def __repr__(self) -> str:
        state = "down" if self.is_down else "up" if self.is_running else "not running"
        return f"Process({state}, incarnation {self.incarnation}, {self.now_s():g} s)"

    @property
    def is_running(self) -> bool:
        """Whether it can have tasks. It can while it is down, too."""
        return self._nursery is not None

    @property
    def nursery(self) -> trio.Nursery | None:
        """Where its tasks run. None before `begin` and after `end`."""
        return self._nursery

    def now_s(self) -> float:
        """Virtual seconds since `begin`; 0 before that."""
        return self._clock() - self._began_s

    def begin(self, nursery: trio.Nursery) -> None:
        """Start the clock, and run tasks in this nursery from now on."""
        self._nursery = nursery
        self._clock = clock()
        self._began_s = self._clock()

    def end(self) -> None:
        """Start no more tasks. The clock goes on."""
        self._nursery = None

    def start_soon(self, task: Callable[..., Awaitable[Any]], *arguments: Any) -> None:
        """Start a task. Does nothing before `begin` and after `end`."""
        if self._nursery is not None:
            self._nursery.start_soon(task, *arguments)

    def go_down(self) -> int:
        """Go down, and return the number of the next incarnation, which `come_back` begins.

        A task that was started earlier compares the number to learn that its process has died.
        """
        self.is_down = True
        self._is_back = trio.Event()
        self.incarnation += 1
        return self.incarnation

    def come_back(self) -> None:
        """Come up again."""
        self.is_down = False
        self._is_back.set()

    async def until_up(self) -> None:
        """Wait until it is up; no time and no turn of the loop when it is."""
        while self.is_down:
            await self._is_back.wait()

    def crashed(self, error: BaseException) -> None:
        """Record an exception of the fake server itself. The first one is kept."""
        self.failure = self.failure or error


def _not_begun() -> float:
    return 0.0
