"""The agent's pace: its own, or one step at a time when a user asks for it."""

from __future__ import annotations

import trio


class Stepper:
    """The pace of a world's agent.

    ``stepwise``: each step waits until ``allow`` is called.
    ``waiting``: a step waits now.
    """

    def __init__(self, *, stepwise: bool = False) -> None:
        self._stepwise = stepwise
        self._allowed = 0
        self._changed = trio.Event()
        self.waiting = False

    @property
    def stepwise(self) -> bool:
        """Whether each step waits until it is allowed. Setting it takes back the steps that were allowed."""
        return self._stepwise

    @stepwise.setter
    def stepwise(self, value: bool) -> None:
        self._stepwise = value
        self._allowed = 0
        self._notify()

    def allow(self, steps: int) -> None:
        """Let the agent take that many more steps."""
        self._allowed += steps
        self._notify()

    async def pace(self, duration_s: float) -> None:
        """Wait before one step: ``duration_s``, or until the step is allowed when ``stepwise`` is set."""
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

    def _notify(self) -> None:
        self._changed.set()
        self._changed = trio.Event()
