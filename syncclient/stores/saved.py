"""The data between a client and its store: batches of changes are saved, and what was saved is loaded again. Pure.

Saved are the events; the order of those whose place is proven; the segments, and so the gaps between them; log
indexes; whether the head is known; how many events were delivered to the application. Not saved is whether the server
reads cursors inclusively or exclusively: the first page of each walk shows it.
"""

from __future__ import annotations

from dataclasses import dataclass

from gapless.syncclient.log.stub import Stub
from gapless.syncclient.settings import Certainty
from gapless.syncclient.wire import LogEvent

HEAD_EVENTS = 10
"""How many events of the log's head stay in memory as long as the window has room for any."""


@dataclass(frozen=True, slots=True)
class HeldEvent:
    """An event that is held for the first time. `size_bytes` is its share of the frame or page that it came in."""

    event: LogEvent
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Place:
    """The place of an event: directly behind `after_id`, first in its segment (None), or unproven (`is_unplaced`)."""

    event_id: str
    after_id: str | None
    is_unplaced: bool = False


@dataclass(frozen=True, slots=True)
class Edge:
    """A segment: its first event (None: it is empty), and the log index that follows it (None: unknown)."""

    first_id: str | None
    next_seq: int | None
    is_main: bool


@dataclass(frozen=True, slots=True)
class Batch:
    """What one step of the client changed. A store takes all of it or nothing."""

    new: tuple[HeldEvent, ...] = ()
    renewed: tuple[HeldEvent, ...] = ()
    """Newer versions of events that were saved before, or in this batch."""
    """New events, in the order in which they are delivered to the application."""
    places: tuple[Place, ...] = ()
    seqs: tuple[tuple[str, int], ...] = ()
    dropped: tuple[str, ...] = ()
    """Events saved earlier that are not part of the log any more."""
    edges: tuple[Edge, ...] = ()
    """All segments, in the order of the log."""
    head_known: bool = False
    delivered: int = 0
    """How many of the saved events were certainly delivered to the application."""
    certainty: Certainty = "branch"
    reset: bool = False
    """Whether everything saved earlier must be dropped, because the server's log was replaced (R60)."""


@dataclass(frozen=True, slots=True)
class SavedEvent:
    """A saved event without its payload."""

    stub: Stub
    size_bytes: int
    seq: int | None


@dataclass(frozen=True, slots=True)
class SavedSegment:
    """A saved segment; see `gapless.syncclient.log.held.Segment`."""

    ids: tuple[str, ...]
    next_seq: int | None
    is_main: bool


@dataclass(frozen=True, slots=True)
class Saved:
    """Everything that a store has of a conversation, without payloads."""

    events: tuple[SavedEvent, ...]
    """In the order in which they were first held."""
    segments: tuple[SavedSegment, ...]
    head_known: bool
    delivered: int
    certainty: Certainty

    def undelivered(self) -> list[str]:
        """Ids of saved events that may not have been delivered to the application."""
        return [event.stub.event_id for event in self.events[self.delivered :]]

    def window(self, size_bytes_max: int) -> list[str]:
        """Ids of events whose payloads fit into `size_bytes_max`: the head first, then the newest."""
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
    """The segments, put together from the predecessor of each event (None: the first of its segment).

    None if they are inconsistent: an event has two successors, or belongs to no segment.
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
