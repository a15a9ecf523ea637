"""What has happened for a process in lockstep since it was resumed last, and the wait for it in virtual time."""

from __future__ import annotations

from math import inf

import trio

from gapless.scenarios.lockstep.protocol import Blocked, Input


class Inputs:
    """The inputs of one process. Its virtual time 0 is when this is made."""

    def __init__(self) -> None:
        self._began_s = trio.current_time()
        self._waiting: list[Input] = []
        self._bell = trio.Event()
        self._polls = 0

    def now_s(self) -> float:
        """The process's time, in virtual seconds."""
        return trio.current_time() - self._began_s

    def put(self, one: Input) -> None:
        """Something has happened: the process is resumed with it."""
        self._waiting.append(one)
        self._bell.set()

    def wake(self) -> None:
        """End a wait, though nothing has happened."""
        self._bell.set()

    def take(self) -> list[Input]:
        """All inputs since the last call."""
        taken, self._waiting = self._waiting, []
        return taken

    def polls(self, blocked: Blocked) -> int:
        """In how many exchanges in a row, up to this one, the process polled and nothing happened."""
        self._polls = self._polls + 1 if blocked.is_busy and not (blocked.outputs or self._waiting) else 0
        return self._polls

    def is_idle(self, blocked: Blocked) -> bool:
        """Whether the process has nothing to do at this instant."""
        return not self._waiting and _wake_at_s(blocked) > self.now_s()

    async def wait(self, blocked: Blocked) -> float:
        """Wait for the first input, or for the process's earliest timer; the time that it is then."""
        wake_at_s = _wake_at_s(blocked)
        if self.is_idle(blocked):
            self._bell = trio.Event()
            with trio.move_on_at(self._began_s + wake_at_s):
                await self._bell.wait()
        return self.now_s() if self._waiting else max(wake_at_s, self.now_s())


def _wake_at_s(blocked: Blocked) -> float:
    return inf if blocked.wake_at_s is None else blocked.wake_at_s
