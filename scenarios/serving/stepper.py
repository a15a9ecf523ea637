"""Stepper: lets the agent work at its own pace, or one step at a time when somebody says so."""

from __future__ import annotations

import trio


class Stepper:
    """The pace of a world's agent. ``stepwise``: each step waits to be told; ``waiting``: one does so now."""

    def __init__(self, *, stepwise: bool = False) -> None:
        self._stepwise = stepwise
        self._allowed = 0
        self._changed = trio.Event()
        self.waiting = False

    @property
    def stepwise(self) -> bool:
        """Does the agent wait to be told?"""
        return self._stepwise

    @stepwise.setter
    def stepwise(self, value: bool) -> None:
        self._stepwise = value
        self._allowed = 0
        self._tell()

    def allow(self, steps: int) -> None:
        """Let the agent take that many more steps."""
        self._allowed += steps
        self._tell()

    async def pace(self, duration_s: float) -> None:
        """What one step waits for, given how long it takes when nobody is asked."""
        if not self._stepwise:
            if duration_s:
                await trio.sleep(duration_s)
            return
        while self._stepwise and not self._allowed:
            self.waiting = True
            try:
                await self._changed.wait()
            finally:
                self.waiting = False
        self._allowed = max(0, self._allowed - 1)

    def _tell(self) -> None:
        self._changed.set()
        self._changed = trio.Event()
