"""Stops a client that keeps the scheduler busy and never lets time pass.

In virtual time a busy loop never ends, because the clock moves only when every task waits. So the bound is a number of
turns of the scheduler within one instant. Unlike a limit in real time, it is deterministic.

A baseline that must fail by the oracle `bounded` is stopped as soon as it has failed: what it does after that changes
nothing, and costs most of such a run.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import trio

from gapless.scenarios.definition.scenario import Expectation
from gapless.scenarios.judging.oracles.liveness.bounded import WINDOW_S
from gapless.simserver.determinism import VirtualClock
from gapless.simserver.journal import Fields, Journal

TURNS_MAX = 50_000
# Without simulated latency, a client rereads a long history within one instant. That is expensive, but no busy loop. A
# page of 100 events takes about 40 turns.
TURNS_PER_EVENT_MAX = 4


class SpinWatch:
    """Cancels a scope after ``turns_max`` turns within one instant, plus ``TURNS_PER_EVENT_MAX`` for each event of the
    history. ``tripped``: it did; ``spun``: on account of that. Where a scenario has two clients, both are stopped: both
    are one program, and nothing tells whose turns they were.
    """

    def __init__(self, scope: trio.CancelScope, *, history_events: int = 0, turns_max: int = TURNS_MAX) -> None:
        self._scope = scope
        self._turns_max = turns_max + TURNS_PER_EVENT_MAX * history_events
        self.tripped = self.spun = False

    @property
    def message(self) -> str:
        """The finding about a client that was stopped."""
        return f"the client spun: {self._turns_max} turns of the scheduler passed within one instant"

    def until(self, at_s: float) -> None:
        """Cancel the scope at ``at_s`` of the loop's clock too. ``inf`` removes this deadline."""
        self._scope.deadline = at_s

    def __enter__(self) -> Self:
        _clock().watch(self._turns_max, self._trip)
        return self

    def _trip(self) -> None:
        self.spun = True
        self.stop()

    def stop(self) -> None:
        """Cancel the scope."""
        self.tripped = True
        self._scope.cancel()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _clock().unwatch(self._trip)


def _clock() -> VirtualClock:
    clock = trio.lowlevel.current_clock()
    assert isinstance(clock, VirtualClock), "turns are counted in virtual time"
    return clock


class CountingJournal(Journal):
    """A journal that says when requests or sockets are more than `bounded` allows in a window.

    on_busy: called for the first one that is too many, and for each one after it.
    """

    def __init__(self, now: Callable[[], float], expect: Expectation) -> None:
        super().__init__(now)
        self.on_busy: Callable[[], object] = _do_nothing
        self._requests_s: deque[float] = deque()
        self._sockets_s: deque[float] = deque()
        self._expect = expect

    def add(self, place: str, what: str, fields: Fields) -> None:
        super().add(place, what, fields)
        if place == "rest" and what == "request":
            self._count(self._requests_s, self._expect.calls_max)
        elif place == "socket" and what in ("opened", "refused"):
            self._count(self._sockets_s, self._expect.sockets_max)

    def _count(self, times_s: deque[float], bound: int) -> None:
        now_s = self.entries[-1].t_s
        times_s.append(now_s)
        while times_s[0] <= now_s - WINDOW_S:
            times_s.popleft()
        if len(times_s) > bound:
            self.on_busy()


class BusyWatch(SpinWatch):
    """Cancels the scope too when a `CountingJournal` says that there is too much."""

    def __init__(self, scope: trio.CancelScope, *, history_events: int = 0, journal: CountingJournal) -> None:
        super().__init__(scope, history_events=history_events)
        self._journal = journal

    def __enter__(self) -> Self:
        self._journal.on_busy = self.stop
        return super().__enter__()

    def __exit__(self, *raised: Any) -> None:
        self._journal.on_busy = _do_nothing
        super().__exit__(*raised)


def _do_nothing() -> None:
    pass
