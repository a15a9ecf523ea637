"""Stops a client that keeps the scheduler busy and never lets time pass.

In virtual time a busy loop never ends, because the clock moves only when every task waits. So the bound is a number of
turns of the scheduler within one instant. Unlike a limit in real time, it is deterministic.
"""

from __future__ import annotations

from types import TracebackType
from typing import Protocol, Self

import trio

from gapless.simserver.determinism import VirtualClock
from gapless.simserver.loop import Scope

TURNS_MAX = 50_000
# Without simulated latency, a client rereads a long history within one instant. That is expensive, but no busy loop. A
# page of 100 events takes about 40 turns.
TURNS_PER_EVENT_MAX = 4


class Watch(Protocol):
    """Cancels a scope when too much happens within one instant. ``tripped``: it did; ``message`` says why."""

    tripped: bool

    def __init__(self, scope: Scope, *, history_events: int = 0) -> None: ...
    @property
    def message(self) -> str: ...
    def until(self, at_s: float) -> None:
        """Cancel the scope at ``at_s`` of the loop's clock too. ``inf`` removes this deadline."""
        ...

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class SpinWatch:
    """Cancels a scope after ``turns_max`` turns within one instant, plus ``TURNS_PER_EVENT_MAX`` for each event of the
    history.
    """

    def __init__(self, scope: Scope, *, history_events: int = 0, turns_max: int = TURNS_MAX) -> None:
        assert isinstance(scope, trio.CancelScope)
        self._scope = scope
        self._turns_max = turns_max + TURNS_PER_EVENT_MAX * history_events
        self.tripped = False

    @property
    def message(self) -> str:
        """The finding about a client that was stopped."""
        return f"the client spun: {self._turns_max} turns of the scheduler passed within one instant"

    def until(self, at_s: float) -> None:
        self._scope.deadline = at_s

    def __enter__(self) -> Self:
        _clock().watch(self._turns_max, self._trip)
        return self

    def _trip(self) -> None:
        self.tripped = True
        self._scope.cancel()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _clock().unwatch()


def _clock() -> VirtualClock:
    clock = trio.lowlevel.current_clock()
    assert isinstance(clock, VirtualClock), "turns are counted in virtual time"
    return clock
