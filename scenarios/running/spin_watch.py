"""SpinWatch: stops a client that keeps the scheduler busy without ever letting time pass.

In virtual time a busy loop never ends, for the clock moves only when every task waits; so the bound is on
turns of the scheduler within one instant, which is deterministic, unlike any real-time limit.
"""

from __future__ import annotations

from types import TracebackType
from typing import Protocol, Self

import trio

from gapless.simserver.loop import Scope

TURNS_MAX = 50_000
# A client that rereads a long history does so within one instant, where no latency is simulated: that is dear, and no
# spinning. A page of 100 events takes it some 40 turns.
TURNS_PER_EVENT_MAX = 4


class Watch(Protocol):
    """Cancels a scope when too much happens within one instant; ``message`` then says so."""

    tripped: bool

    def __init__(self, scope: Scope, *, history_events: int = 0) -> None: ...
    @property
    def message(self) -> str: ...
    def until(self, at_s: float) -> None:
        """Cancel the scope at that moment too, by the loop's clock; ``inf`` takes it back."""
        ...

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class SpinWatch(trio.abc.Instrument):
    """Cancels a scope after ``turns_max`` turns within one instant, and some more for each event of a history.

    ``tripped`` says whether it had to.
    """

    def __init__(self, scope: Scope, *, history_events: int = 0, turns_max: int = TURNS_MAX) -> None:
        assert isinstance(scope, trio.CancelScope)
        self._scope = scope
        self._turns_max = turns_max + TURNS_PER_EVENT_MAX * history_events
        self._turns = 0
        self._instant_s = -1.0
        self.tripped = False

    @property
    def message(self) -> str:
        """What to say about a client that was stopped."""
        return f"the client spun: {self._turns_max} turns of the scheduler passed within one instant"

    def until(self, at_s: float) -> None:
        self._scope.deadline = at_s

    def __enter__(self) -> Self:
        trio.lowlevel.add_instrument(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        trio.lowlevel.remove_instrument(self)

    def before_io_wait(self, timeout: float) -> None:
        """Count a turn; called by trio once each turn of its loop."""
        now_s = trio.current_time()
        if now_s != self._instant_s:
            self._instant_s, self._turns = now_s, 0
        self._turns += 1
        if self._turns > self._turns_max and not self.tripped:
            self.tripped = True
            self._scope.cancel()
