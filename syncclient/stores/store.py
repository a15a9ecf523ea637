"""The interface of a store, from which a later client can go on with a conversation; and a store in memory.

Each step of the client saves one batch, before the application gets the events in it. A store takes whole batches
only. So a client that was killed at any moment can be continued from the last batch.

Without a store, what is held is in the client's memory, within `window_bytes_max`, and is lost with the client.
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
    """Stores one conversation. Calls must be short and must not wait: the client handles no event meanwhile."""

    def open(self, conversation_id: str) -> Saved | None:
        """Claim the store, and return what it has; None if it has nothing. Raises `StoreError`."""

    def save(self, batch: Batch) -> None:
        """Save a batch, all of it or nothing. Raises `StoreError`."""

    def read(self, event_ids: Sequence[str]) -> dict[str, LogEvent]:
        """Those of the events that are stored, by id. Raises `StoreError`."""

    def close(self) -> None:
        """Release the claim. Does nothing if the store is not open."""


class MemoryStore:
    """Stores a conversation in memory, without bound: for tests, and for going on within one process."""

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
        """Claim the store. Raises `StoreError` if it is in use, or has another conversation."""
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
        """Save a batch."""
        if batch.reset:
            self._events, self._places, self._seqs = {}, {}, {}
        for held in (*batch.new, *batch.renewed):
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
        """Those of the events that are stored, by id."""
        return {event_id: self._events[event_id][0] for event_id in event_ids if event_id in self._events}

    def close(self) -> None:
        """Release the claim."""
        self._is_open = False
