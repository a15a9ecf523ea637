"""What of the agent's log is on disk, and since when: the part that REST shows and a replay can send.

The agent knows an event as soon as it has happened. On disk it may come later (then everything behind it waits, for a
log keeps its order), or so that nobody can read it again.
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
    """What becomes of an event: persisted at all, lag_s after it was published, readable afterwards? flood: the deltas
    that are told right before it."""

    persisted: bool = True
    lag_s: float = 0.0
    readable: bool = True
    flood: Flood | None = None


DURABLE = EventTreatment()


class LogView:
    """The first ``length`` events of a log, of which some cannot be read. Indices are those of the log."""

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
        """Where an event is; None when this view does not hold it. An unreadable one still has its place."""
        index = self._log.index_of(event_id)
        return index if index is not None and index < self._length else None

    def readable(self, start: int = 0) -> range | list[int]:
        """The indices from ``start`` on that can be read, in log order."""
        everything = range(start, self._length)
        return [index for index in everything if index not in self.unreadable] if self.unreadable else everything


@dataclass(frozen=True, slots=True)
class Pending:
    """An event of the agent's log that is not on disk yet. appended: what to do when it is."""

    index: int
    due_s: float
    appended: Callable[[], None]


class Archive:
    """The state of the disk. ``length`` events of the agent's log are there."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._began = self.length = len(log)
        self._persisted_s: list[float] = []
        self._unreadable: frozenset[int] = frozenset()
        self.pending: deque[Pending] = deque()

    def __repr__(self) -> str:
        return f"Archive({self.length} events, {len(self.pending)} pending)"

    def persist(self, one: Pending, fate: EventTreatment, now_s: float) -> bool:
        """Take an event, in log order; False when it has to wait."""
        if not fate.readable:
            self._unreadable |= {one.index}
        if fate.lag_s or self.pending:
            self.pending.append(one)
            return False
        self._append(one, now_s)
        return True

    def flush(self, now_s: float, *, all_of_it: bool = False) -> None:
        """Persist what is due, or everything."""
        while self.pending and (all_of_it or self.pending[0].due_s <= now_s):
            self._append(self.pending.popleft(), now_s)

    def _append(self, one: Pending, now_s: float) -> None:
        assert one.index == self.length, "the log is appended in order"
        self.length += 1
        self._persisted_s.append(now_s)
        one.appended()

    def view(self, lag_s: float = 0.0, *, now_s: float = 0.0) -> LogView:
        """The log as REST shows it; with ``lag_s``, as it did that long ago."""
        length = self.length
        if lag_s:
            length = self._began + bisect_right(self._persisted_s, now_s - lag_s)
        return LogView(self._log, length, self._unreadable)

    def truncate(self, length: int) -> None:
        """Lose every event from the index ``length`` on, those that were pending too."""
        self.pending.clear()
        self.length = min(self.length, length)
        self._began = min(self._began, length)
        del self._persisted_s[self.length - self._began :]
        self._unreadable = frozenset(index for index in self._unreadable if index < length)
