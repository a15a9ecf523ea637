"""The process that the server is: its clock, its tasks, whether it is down, and in which of its lives it is.

What every room of the world needs of the loop, and so the one thing that they share.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from gapless.simserver.loop import Loop, Nursery


class Process:
    """A process on a loop. is_down: has it died, to be back later? life: which one it is in, the first is 1; failure:
    the first failure of the server itself, None while it is well."""

    def __init__(self, loop: Loop) -> None:
        self.loop = loop
        self.is_down = False
        self.incarnation = 1
        self.failure: BaseException | None = None
        self._nursery: Nursery | None = None
        self._began_s: float | None = None

    def __repr__(self) -> str:
        state = "down" if self.is_down else "up" if self.is_running else "not running"
        return f"Process({state}, life {self.incarnation}, {self.now_s():g} s)"

    @property
    def is_running(self) -> bool:
        """Can it have tasks? One that is down can."""
        return self._nursery is not None

    def now_s(self) -> float:
        """Virtual seconds since `begin`; 0 before."""
        return 0.0 if self._began_s is None else self.loop.current_time() - self._began_s

    def begin(self, nursery: Nursery) -> None:
        """Have tasks, in that nursery; the clock starts."""
        self._nursery = nursery
        self._began_s = self.loop.current_time()

    def end(self) -> None:
        """Have tasks no more; the clock goes on."""
        self._nursery = None

    def start_soon(self, task: Callable[..., Awaitable[Any]], *arguments: Any) -> None:
        """Start a task; there is none while nothing runs."""
        if self._nursery is not None:
            self._nursery.start_soon(task, *arguments)

    def go_down(self) -> int:
        """Die; the next life, whose number this is, begins with `come_back`."""
        self.is_down = True
        self.incarnation += 1
        return self.incarnation

    def come_back(self) -> None:
        """Be up again."""
        self.is_down = False

    def crashed(self, error: BaseException) -> None:
        """Keep the first failure of the server itself."""
        self.failure = self.failure or error
