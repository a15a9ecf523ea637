"""The part of the agent's log that is on disk, and since when. REST calls and replays show this part only.

The agent's log has an event as soon as it happens. A fault can make it reach the disk later, or make its record
unreadable. Events behind a late one wait for it, because the disk keeps the order of the log.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from gapless.simserver.conversation.event_bodies import EventBody
from gapless.simserver.conversation.event_log import EventLog
from gapless.simserver.faults.verdicts import Flood


@dataclass(frozen=True, slots=True)
class EventTreatment:
    """How the faults treat one event.

    persisted: whether it ever reaches the disk; lag_s: seconds between publishing and persisting; readable: whether its
    record can be read again; until_restart: or whether it can be from the next restart on; flood: token deltas to
    publish right before it; update_s: seconds until it is published again with newer content, None for never;
    unstamped: whether it is published without its parent; kind: its kind instead of its own.
    """

    persisted: bool = True
    lag_s: float = 0.0
    readable: bool = True
    flood: Flood | None = None
    until_restart: bool = False
    update_s: float | None = None
    unstamped: bool = False
    kind: str | None = None


DURABLE = EventTreatment()


class LogView:
    """The first ``length`` events of a log, some of which cannot be read.

    Indices are log indices. ``unreadable`` holds those whose records are corrupt.
    """

    __slots__ = ("_length", "_log", "unreadable")

    def __init__(self, log: EventLog, length: int, unreadable: frozenset[int] = frozenset()) -> None:
        self._log = log
        self._length = length
        self.unreadable = unreadable

    def __repr__(self) -> str:
        return f"LogView({self._length} of {len(self._log)} events, {len(self.unreadable)} unreadable)"

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: int) -> EventBody:
        return self._log[index]

    def text_at(self, index: int) -> str:
        """The event's JSON text."""
        return self._log.text_at(index)

    def id_at(self, index: int) -> str:
        """The event's id."""
        return self._log.id_at(index)

    def index_of(self, event_id: str) -> int | None:
        """The log index of an event. None when it is not in this view. Unreadable events have an index too."""
        index = self._log.index_of(event_id)
        return index if index is not None and index < self._length else None

    def readable(self, start: int = 0) -> range | list[int]:
        """The indices of the readable events from ``start`` on, in log order."""
        everything = range(start, self._length)
        return [index for index in everything if index not in self.unreadable] if self.unreadable else everything


@dataclass(frozen=True, slots=True)
class Pending:
    """An event of the agent's log that is not on disk yet.

    index: its log index; due_s: when it is to be persisted, in virtual seconds; appended: called when it has been.
    """

    index: int
    due_s: float
    appended: Callable[[], None]


class Archive:
    """The disk. length: how many events of the agent's log are on it; pending: those that are not yet, in log order."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._began = self.length = len(log)
        self._persisted_s: list[float] = []
        self._unreadable: frozenset[int] = frozenset()
        self._unindexed: frozenset[int] = frozenset()
        self.pending: deque[Pending] = deque()

    def __repr__(self) -> str:
        return f"Archive({self.length} events, {len(self.pending)} pending)"

    def persist(self, index: int, treatment: EventTreatment, now_s: float, appended: Callable[[], None]) -> bool:
        """Persist the next event of the log. Returns False when it has to wait. ``appended``: see `Pending`."""
        if not treatment.readable:
            self._unreadable |= {index}
            if treatment.until_restart:
                self._unindexed |= {index}
        if treatment.lag_s or self.pending:
            self.pending.append(Pending(index, now_s + treatment.lag_s, appended))
            return False
        self._append(index, now_s)
        appended()
        return True

    def flush(self, now_s: float, *, all_of_it: bool = False) -> None:
        """Persist the pending events that are due, or all of them."""
        while self.pending and (all_of_it or self.pending[0].due_s <= now_s):
            one = self.pending.popleft()
            self._append(one.index, now_s)
            one.appended()

    def _append(self, index: int, now_s: float) -> None:
        assert index == self.length, "the log is appended in order"
        self.length += 1
        self._persisted_s.append(now_s)

    def view(self, lag_s: float = 0.0, *, now_s: float = 0.0) -> LogView:
        """The log as REST shows it, or as it showed it ``lag_s`` seconds before ``now_s``."""
        length = self.length
        if lag_s:
            length = self._began + bisect_right(self._persisted_s, now_s - lag_s)
        return LogView(self._log, length, self._unreadable)

    def reload(self) -> list[int]:
        """Read the index anew, as a restart does. Returns the log indices of the records that it had missed."""
        found = sorted(self._unindexed)
        self._unreadable -= self._unindexed
        self._unindexed = frozenset()
        return found

    def inserted(self, index: int) -> None:
        """An event has been inserted into the log at ``index``. Later ones have moved. Nothing must be pending."""
        assert not self.pending, "pending events have log indices, which would be wrong"
        self.length += 1
        self._began += 1
        for name in ("_unreadable", "_unindexed"):
            moved = frozenset(one + (one >= index) for one in getattr(self, name))
            setattr(self, name, moved)

    def truncate(self, length: int) -> None:
        """Lose every event from the index ``length`` on, and all pending ones."""
        self.pending.clear()
        self.length = min(self.length, length)
        self._began = min(self._began, length)
        del self._persisted_s[self.length - self._began :]
        self._unreadable = frozenset(index for index in self._unreadable if index < length)
        self._unindexed &= self._unreadable
