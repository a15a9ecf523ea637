"""Where events stand among the placed ones, whose own place in the log is not proven. Pure.

What is certain bounds the place: an index of the log, or an event that names another as its parent or its action, and
so came after it. Within that, timestamps tell what is likely.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile

from gapless.syncclient.wire import LogEvent


@dataclass(frozen=True, slots=True)
class PlaceOrder:
    """What is known of the places of events. Nothing here changes it.

    ``events``: in the order in which they came. ``seqs``: indexes of the log, where known. ``next_seq``: what follows
    all that is contiguous. ``passed``: those that a walk to the log's tail has not shown.
    """

    events: Mapping[str, LogEvent]
    seqs: Mapping[str, int]
    next_seq: int | None
    passed: Container[str]

    def weave(self, placed: Sequence[str], unplaced: Sequence[str]) -> list[str]:
        """The placed events, and each unplaced one where it stands among them; behind them, if nothing says where."""
        if not unplaced:
            return list(placed)
        woven, last = list(placed), list[str]()
        sooner = frozenset(takewhile(lambda one: one != placed[-1], self.events)) if placed else frozenset[str]()
        namers: dict[str, list[str]] = {event_id: [] for event_id in unplaced}
        for event_id in placed:
            self._note_names(event_id, namers)
        for event_id in unplaced:
            end = min((woven.index(namer_id) for namer_id in namers[event_id]), default=None)
            index = self._index_of(woven, event_id, end=end, is_sooner=event_id in sooner)
            if index is None:
                last.append(event_id)
            else:
                woven.insert(index, event_id)
                self._note_names(event_id, namers)
        return woven + last

    def _note_names(self, event_id: str, namers: dict[str, list[str]]) -> None:
        """Note the event with those that it names as its parent or its action."""
        for name in ("parent_id", "action_id"):
            if (named_by := namers.get(str(self.events[event_id].get(name)))) is not None:
                named_by.append(event_id)

    def _index_of(self, placed: Sequence[str], event_id: str, *, end: int | None, is_sooner: bool) -> int | None:
        """Where an event stands, at ``end`` at the latest: there the first event is that names it."""
        seq = self.seqs.get(event_id)
        if seq is not None and self.next_seq is not None and seq < self.next_seq:
            return self._index_before(placed[:end], seq)
        # It is not new: a walk would have shown it, or the tail came later, by the server's clock too (R53, R59).
        if event_id in self.passed or (is_sooner and self._timestamp(event_id) < self._timestamp(placed[-1])):
            return self._likely_index(placed[:end], event_id)
        return end

    def _index_before(self, placed: Sequence[str], seq: int) -> int:
        """Where the events begin that a log index is known to be before."""
        index = len(placed)
        for place in range(len(placed) - 1, -1, -1):
            other_seq = self.seqs.get(placed[place])
            if other_seq is not None and other_seq < seq:
                break
            index = index if other_seq is None else place
        return index

    def _likely_index(self, placed: Sequence[str], event_id: str) -> int:
        """Where an event stands by its timestamp, behind the parent and the action that it names."""
        event, index = self.events[event_id], len(placed)
        named, at = (event.get("parent_id"), event.get("action_id")), self._timestamp(event_id)
        while index and placed[index - 1] not in named and self._timestamp(placed[index - 1]) > at:
            index -= 1
        return index

    def _timestamp(self, event_id: str) -> str:
        return str(self.events[event_id].get("timestamp", ""))
