"""The event log: append-only, indexed by id, and cheap at 60,000 events.

Events of the history are computed on demand. Each event is encoded once, and all sockets and pages share its text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, overload

from gapless.simserver.conversation.event_bodies import EventBody, encode
from gapless.simserver.conversation.ids import Ids
from gapless.simserver.conversation.past_events import PastEvents
from gapless.simserver.errors import SimServerError


class EventLog(Sequence[EventBody]):
    """The events of the conversation, in log order. They are shared: do not change them."""

    def __init__(self, history: PastEvents, ids: Ids) -> None:
        self._history = history
        self._ids = ids
        self._old_length = history.length
        self._old = history.events
        self._old_text = history.texts
        self._new: list[EventBody] = []
        self._new_text: list[str] = []
        self._index: dict[str, int] = {}

    def __repr__(self) -> str:
        return f"EventLog({len(self)} events, {self._old_length} of them history)"

    def __len__(self) -> int:
        return self._old_length + len(self._new)

    def __iter__(self) -> Iterator[EventBody]:
        for index in range(len(self)):
            yield self._at(index)

    def outline(self) -> Iterator[Mapping[str, Any]]:
        """The events, for a reader of ids and kinds. An event of the history is computed when more of it is read."""
        for index in range(len(self)):
            known = index >= self._old_length or index in self._old
            yield self._at(index) if known else self._history.outlined(index)

    @overload
    def __getitem__(self, index: int) -> EventBody: ...
    @overload
    def __getitem__(self, index: slice) -> list[EventBody]: ...
    def __getitem__(self, index: int | slice) -> EventBody | list[EventBody]:
        if isinstance(index, slice):
            return [self._at(i) for i in range(*index.indices(len(self)))]
        if index < 0:
            index += len(self)
        if not 0 <= index < len(self):
            raise IndexError(index)
        return self._at(index)

    def _at(self, index: int) -> EventBody:
        new = index - self._old_length
        if new >= 0:
            return self._new[new]
        event = self._old.get(index)
        if event is None:
            event = self._old[index] = self._history.event(index)
        return event

    def text_at(self, index: int) -> str:
        """The event's JSON text, as it goes over the wire."""
        new = index - self._old_length
        if new >= 0:
            return self._new_text[new]
        text = self._old_text.get(index)
        if text is None:
            text = self._old_text[index] = encode(self._at(index))
        return text

    def id_at(self, index: int) -> str:
        """The event's id. An event of the history is not computed for it."""
        new = index - self._old_length
        return str(self._new[new]["id"]) if new >= 0 else self._ids.make(index)

    def ids(self, start: int = 0, stop: int | None = None) -> list[str]:
        """The ids of a range of the log."""
        return [self.id_at(index) for index in range(start, len(self) if stop is None else stop)]

    def index_of(self, event_id: str) -> int | None:
        """The index of an event. None when it is not in the log."""
        index = self._index.get(event_id)
        if index is None and self._old_length:
            counter = self._ids.counter_of(event_id)
            if counter is not None and counter < self._old_length:
                return counter
        return index

    def append(self, event: EventBody) -> int:
        """Append an event and return its index. Raises SimServerError when its id is in the log already."""
        event_id = str(event["id"])
        if event_id in self._index or (self._old_length and self.index_of(event_id) is not None):
            raise SimServerError(f"event id {event_id} is already in the log")
        index = self._old_length + len(self._new)
        self._new.append(event)
        self._new_text.append(encode(event))
        self._index[event_id] = index
        return index

    def replace(self, index: int, event: EventBody) -> None:
        """Put newer content in the place of an event. Its id stays."""
        assert event["id"] == self.id_at(index), "another event"
        new = index - self._old_length
        if new >= 0:
            self._new[new], self._new_text[new] = event, encode(event)
        else:
            self._old[index], self._old_text[index] = event, encode(event)

    def insert(self, index: int, event: EventBody) -> None:
        """Insert an event. From ``index`` on, history becomes part of the new log."""
        later = [self._at(one) for one in range(index, len(self))]
        self.truncate(index)
        for one in (event, *later):
            self.append(one)

    def truncate(self, length: int) -> None:
        """Lose every event from the index ``length`` on."""
        first_lost = max(0, length - self._old_length)
        for event in self._new[first_lost:]:
            del self._index[str(event["id"])]
        del self._new[first_lost:], self._new_text[first_lost:]
        self._old_length = min(self._old_length, length)
