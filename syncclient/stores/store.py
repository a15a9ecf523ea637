"""Where a conversation is kept so that another client can go on with it; and the one that keeps it in memory.

A store is told one batch a step, before the application gets any of the events in it. Whatever it has taken is there
when it is opened again, whole batches only: then a client that was killed at any point is continued from there.

Without a store, what is held lives in the client's memory, within `window_bytes_max`, and ends with the client.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from gapless.syncclient.errors import StoreError
from gapless.syncclient.log.stub import Stub
from gapless.syncclient.settings import Certainty
from gapless.syncclient.stores.saved import Batch, Edge, Saved, SavedEvent, chain_up
from gapless.syncclient.wire import LogEvent


class Store(Protocol):
    """Keeps one conversation. Calls are short and do not wait for anybody: they are made between two events."""

    def open(self, conversation_id: str) -> Saved | None:
        """Claim the store, and return what it knows; None if that is nothing. Raises `StoreError`."""

    def save(self, batch: Batch) -> None:
        """Take a batch, whole or not at all. Raises `StoreError`."""

    def read(self, event_ids: Sequence[str]) -> dict[str, LogEvent]:
        """The events of these ids, as far as they are known. Raises `StoreError`."""

    def close(self) -> None:
        """Give up the claim. Closing what is not open does nothing."""


class MemoryStore:
    """Keeps everything in memory, without bound: for tests, and to go on within one process."""

    def __init__(self) -> None:
        self._is_open = False
        self._conversation_id: str | None = None
        self._events: dict[str, tuple[LogEvent, int]] = {}
        self._places: dict[str, str | None] = {}
        self._seqs: dict[str, int] = {}
        self._edges: tuple[Edge, ...] = ()
        self._head_known = False
        self._delivered = 0
        self._certainty: Certainty = "branch"

    def __repr__(self) -> str:
        return f"<MemoryStore {len(self._events)} events>"

    def open(self, conversation_id: str) -> Saved | None:
        """Claim the store. Raises `StoreError` if it is claimed already, or keeps another conversation."""
        if self._is_open:
            raise StoreError("the store is in use by another client")
        if self._conversation_id not in (None, conversation_id):
            raise StoreError(f"the store keeps conversation {self._conversation_id}, not {conversation_id}")
        self._is_open = True
        if self._conversation_id is None:
            self._conversation_id = conversation_id
            return None
        segments = chain_up(self._edges, self._places)
        assert segments is not None, "what was saved adds up"
        events = tuple(
            SavedEvent(Stub.of(event), size_bytes, self._seqs.get(event_id))
            for event_id, (event, size_bytes) in self._events.items()
        )
        return Saved(events, segments, self._head_known, self._delivered, self._certainty)

    def save(self, batch: Batch) -> None:
        """Take a batch."""
        if batch.reset:
            self._events, self._places, self._seqs = {}, {}, {}
        for held in batch.new:
            self._events[held.event["id"]] = (held.event, held.size_bytes)
        for place in batch.places:
            if place.is_unplaced:
                self._places.pop(place.event_id, None)
            else:
                self._places[place.event_id] = place.after_id
        self._seqs.update(batch.seqs)
        for event_id in batch.dropped:
            del self._events[event_id]
            self._places.pop(event_id, None)
        self._edges, self._head_known, self._delivered = batch.edges, batch.head_known, batch.delivered
        self._certainty = batch.certainty

    def read(self, event_ids: Sequence[str]) -> dict[str, LogEvent]:
        """The events of these ids."""
        return {event_id: self._events[event_id][0] for event_id in event_ids if event_id in self._events}

    def close(self) -> None:
        """Give up the claim."""
        self._is_open = False
