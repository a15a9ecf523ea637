"""What has changed since a store was last told; the ledger notes it down as it goes. Pure."""

from __future__ import annotations

from gapless.syncclient.settings import Certainty
from gapless.syncclient.stores.saved import Batch, Edge, HeldEvent, Place
from gapless.syncclient.wire import LogEvent


class Changes:
    """The changes that make up the next batch; only a client with a store has them."""

    def __init__(self) -> None:
        self._held: list[HeldEvent] = []
        self._renewed: dict[str, HeldEvent] = {}
        self._places: dict[str, Place] = {}
        self._seqs: dict[str, int] = {}
        self._dropped: list[str] = []
        self._reset = False
        self._told: tuple[tuple[Edge, ...], bool, int] | None = None

    def held(self, event: LogEvent, size_bytes: int) -> None:
        """An event is held for the first time."""
        self._held.append(HeldEvent(event, size_bytes))

    def renewed(self, event: LogEvent, size_bytes: int) -> None:
        """A newer version of an event is held."""
        self._renewed[event["id"]] = HeldEvent(event, size_bytes)

    def placed(self, event_id: str, after_id: str | None) -> None:
        """An event's place is directly behind another, or first in its segment."""
        self._places[event_id] = Place(event_id, after_id)

    def unplaced(self, event_id: str) -> None:
        """An event has no proven place any more."""
        self._places[event_id] = Place(event_id, None, is_unplaced=True)

    def dropped(self, event_id: str) -> None:
        """An event that was saved before is not held any more."""
        self._places.pop(event_id, None)
        self._seqs.pop(event_id, None)
        self._renewed.pop(event_id, None)
        self._dropped.append(event_id)

    def numbered(self, event_id: str, seq: int) -> None:
        """An event's log index is known."""
        self._seqs[event_id] = seq

    def reset(self) -> None:
        """All that was saved, and all that was to be saved, belongs to a log that is no more."""
        self._held, self._places, self._seqs, self._dropped, self._reset, self._told = [], {}, {}, [], True, None
        self._renewed = {}

    def take(self, edges: tuple[Edge, ...], head_known: bool, delivered: int, certainty: Certainty) -> Batch | None:
        """The batch that brings a store up to date; None if there is nothing to tell."""
        told = (edges, head_known, delivered)
        news = self._held or self._renewed or self._places or self._seqs or self._dropped or self._reset
        if not news and told == self._told:
            return None
        batch = Batch(
            new=tuple(self._held),
            renewed=tuple(self._renewed.values()),
            places=tuple(self._places.values()),
            seqs=tuple(self._seqs.items()),
            dropped=tuple(self._dropped),
            edges=edges,
            head_known=head_known,
            delivered=delivered,
            certainty=certainty,
            reset=self._reset,
        )
        self._held, self._places, self._seqs, self._dropped, self._reset, self._told = [], {}, {}, [], False, told
        self._renewed = {}
        return batch
