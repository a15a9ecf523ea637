"""Going on from what an earlier client saved: is the log still the one that it was, and what has been added? Pure.

Nothing saved is believed before the server has shown an event of it where it belongs (R60):

- session: the socket replays from the last event held, which so comes again; no call;
- tree, where the branch is enough: the leaf of the subscribe snapshot is reached from what is placed; no call;
- else a page from the anchor, which must show its echo. If it does not come to the log's tail, the last page is
  read too, and what lies between is a gap: ends first, two calls at most.

A server that does not know the anchor is asked for the last page, which must show the last event held. If the log turns
out to be another, or shorter, everything saved is dropped, and the attach begins afresh.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from enum import Enum

from gapless.syncclient.core.situation import Situation
from gapless.syncclient.log.walk import Walk
from gapless.syncclient.stores.saved import Saved
from gapless.syncclient.wire import Durable, LogEvent, Page


class SavedBelief(Enum):
    """What to make of what was saved."""

    WAIT = "wait"
    HELD = "held"
    """It is the same log; what the socket does not replay is held."""
    READ = "read"
    """Only REST can tell."""
    STALE = "stale"


class Resume:
    """What was saved and is not verified yet, from its load until it is believed or dropped."""

    def __init__(self, situation: Situation) -> None:
        self._situation = situation
        self._echo: tuple[int, str] | None = None
        self._is_echoed = False
        self._turned = False
        self._unproven: tuple[str, ...] = ()
        self.is_open = False
        """Whether what was saved is neither believed nor dropped yet."""

    def begin(self, saved: Saved, payloads: Mapping[str, LogEvent]) -> None:
        """Hold what was saved, and deliver again what is not known to have been delivered."""
        now = self._situation
        if not saved.head_known and not any(segment.ids for segment in saved.segments):
            saved = replace(saved, segments=())  # its client was killed before anything was proven
        now.ledger.restore(saved, payloads)
        self.is_open = bool(saved.segments)
        if saved.certainty == "branch" and now.settings.certainty == "log" and saved.events:
            now.note("saved under certainty 'branch': state updates before this attach may be missing")
        self._unproven = tuple(now.ledger.unplaced_ids())
        undelivered = saved.undelivered()
        now.noted_events = now.delivered_events = saved.delivered
        now.hand_over((payloads[event_id] for event_id in undelivered if event_id in payloads), "resumed")

    def subscribe(self) -> None:
        """The client subscribes: remember which event a session socket has to show again."""
        now = self._situation
        last_id, next_seq = now.ledger.tail_id(), now.ledger.next_seq()
        if now.generation == "session" and last_id is not None and next_seq is not None:
            self._echo = (next_seq - 1, last_id)

    def look(self) -> SavedBelief:
        """What the connection has shown so far; it is ready, or was waited for in vain."""
        now, connection = self._situation, self._situation.replaying_connection()
        if connection is not None and self._echo is not None:
            if connection.last_seq < self._echo[0]:
                return SavedBelief.STALE
            if self._is_echoed:
                return SavedBelief.HELD
            is_late = now.due(connection.last_frame_at_s + now.settings.ready_wait_s)
            return SavedBelief.READ if is_late else SavedBelief.WAIT
        ready = now.ready_connection()
        leaf_id = ready.snapshot.leaf_id if ready is not None and ready.snapshot is not None else None
        if not now.places_by_chain() or leaf_id is None or now.ledger.has_child(leaf_id):
            return SavedBelief.READ
        path, tip_id = now.ledger.path_to(leaf_id), now.ledger.tip_id()
        root_id = now.ledger.parent_of(path.ids[0]) if path.ids else leaf_id
        if path.missing is not None or tip_id is None or root_id != tip_id:
            return SavedBelief.READ  # another branch, or a log that was cut short
        now.ledger.place_path(path)
        return SavedBelief.HELD

    def contradicts(self, frame: Durable) -> bool:
        """Whether the socket has another event at the index of our last: then the log is another."""
        if not self.is_open or self._echo is None or frame.seq != self._echo[0]:
            return False
        self._is_echoed = frame.event["id"] == self._echo[1]
        return not self._is_echoed

    def first_walk(self) -> Walk | None:
        """How to ask REST; None if nothing saved could be recognised on a page."""
        ledger = self._situation.ledger
        anchor, head_id = ledger.anchor(), ledger.head_id()
        if anchor is not None:
            return Walk.forward(anchor, pages_max=1, must_show=anchor.echo)
        return Walk.from_head(pages_max=1, must_show=head_id) if ledger.follows_from_head() else None

    def second_walk(self, page: Page | None) -> Walk | None:
        """How to ask again, when the server does not know the anchor; None if the log is another.

        `page` is what it answered, as if it were a success: the log's head, which tells whether it is ours.
        """
        ledger = self._situation.ledger
        head_id, first_id = ledger.head_id(), page.items[0]["id"] if page is not None and page.items else None
        if self._turned or ledger.tail_id() is None or (page is not None and head_id not in (None, first_id)):
            return None
        self._turned = True
        return Walk.backward(pages_max=1, must_show=ledger.tail_id())

    def end(self, *, has_read_on: bool) -> None:
        """What was saved is believed, or dropped; `has_read_on` says that the log is read from there to its tail."""
        self.is_open, self._echo = False, None
        if not has_read_on:
            self._unproven = ()

    def drop_unseen(self) -> None:
        """The log has been read from what was saved to its tail: what it did not show is dropped, and noted."""
        now = self._situation
        unseen = [event_id for event_id in self._unproven if now.ledger.is_unplaced(event_id)]
        self._unproven = ()
        if unseen:
            now.note(f"dropped events that were saved without a proven place, and are not in the log: {len(unseen)}")
            now.drop(unseen)
