"""What is kept of a conversation beyond the life of a client: batches of changes go out, what is saved comes in. Pure.

Kept are the events and, for those whose place is proven, their order; the stretches and so the gaps between them; log
indexes; whether the head is known; how many events the application has been given. Not kept is how the server reads a
cursor: the first page of each walk shows that by itself.
"""

from __future__ import annotations

from dataclasses import dataclass

from gapless.syncclient.log.stub import Stub
from gapless.syncclient.settings import Certainty
from gapless.syncclient.wire import LogEvent

HEAD_EVENTS = 10
"""The first events of a log are kept in memory as long as the window has room: ends matter most."""


@dataclass(frozen=True, slots=True)
class HeldEvent:
    """An event that is held for the first time; `size_bytes` is its share of the text that it came in."""

    event: LogEvent
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Place:
    """Where an event is: directly behind `after_id`, first in its stretch (None), or unproven (`is_loose`)."""

    event_id: str
    after_id: str | None
    is_unplaced: bool = False


@dataclass(frozen=True, slots=True)
class Edge:
    """A stretch, by the event that it begins with (None: it is empty) and the log index that follows it."""

    first_id: str | None
    next_seq: int | None
    is_main: bool


@dataclass(frozen=True, slots=True)
class Batch:
    """What one step changed; a store takes all of it or nothing."""

    new: tuple[HeldEvent, ...] = ()
    """In the order in which the application gets them."""
    places: tuple[Place, ...] = ()
    seqs: tuple[tuple[str, int], ...] = ()
    dropped: tuple[str, ...] = ()
    """Events saved before that are to be forgotten."""
    edges: tuple[Edge, ...] = ()
    """All stretches there are now, in the order of the log."""
    head_known: bool = False
    delivered: int = 0
    """How many of the events saved the application has been given for certain."""
    certainty: Certainty = "branch"
    reset: bool = False
    """Whether all that was saved before is to be dropped: it belongs to a log that is no more (R60)."""


@dataclass(frozen=True, slots=True)
class SavedEvent:
    """An event as saved, without its payload."""

    stub: Stub
    size_bytes: int
    seq: int | None


@dataclass(frozen=True, slots=True)
class SavedSegment:
    """A stretch as saved; see `gapless.syncclient.log.ledger.Stretch`."""

    ids: tuple[str, ...]
    next_seq: int | None
    is_main: bool


@dataclass(frozen=True, slots=True)
class Saved:
    """All that a store knows of a conversation, without payloads."""

    events: tuple[SavedEvent, ...]
    """In the order in which they were first held."""
    segments: tuple[SavedSegment, ...]
    head_known: bool
    delivered: int
    certainty: Certainty

    def undelivered(self) -> list[str]:
        """Ids of events that were saved, and of which it is not known whether the application was given them."""
        return [event.stub.event_id for event in self.events[self.delivered :]]

    def window(self, size_bytes_max: int) -> list[str]:
        """Ids whose payloads are to be in memory: the head, and of the newest what `size_bytes_max` allows."""
        sizes = {event.stub.event_id: event.size_bytes for event in self.events}
        placed = [event_id for segment in self.segments for event_id in segment.ids]
        on_log = dict.fromkeys(placed)
        ids = placed + [event_id for event_id in sizes if event_id not in on_log]
        head = ids[:HEAD_EVENTS] if self.head_known else []
        chosen: dict[str, None] = {}
        for event_id in head + ids[: len(head) - 1 if head else None : -1]:
            size_bytes_max -= sizes[event_id]
            if size_bytes_max < 0:
                break
            chosen[event_id] = None
        return [event_id for event_id in ids if event_id in chosen]


def chain_up(edges: tuple[Edge, ...], places: dict[str, str | None]) -> tuple[SavedSegment, ...] | None:
    """The stretches, put together from each event's predecessor (None: the first of a stretch).

    None if that does not add up: an event has two successors, or belongs to no stretch.
    """
    following = {after_id: event_id for event_id, after_id in places.items() if after_id is not None}
    segments = []
    for edge in edges:
        ids: list[str] = []
        event_id = edge.first_id
        while event_id is not None and len(ids) <= len(places):
            ids.append(event_id)
            event_id = following.get(event_id)
        segments.append(SavedSegment(tuple(ids), edge.next_seq, edge.is_main))
    placed = {event_id for segment in segments for event_id in segment.ids}
    adds_up = placed == places.keys() and sum(len(segment.ids) for segment in segments) == len(places)
    return tuple(segments) if adds_up else None
