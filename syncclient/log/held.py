"""What is held, and in which order: the questions that can be asked of a ledger. Pure; `ledger.py` is what changes it.

The log is seen as *segments*: lists of ids known to be contiguous in the log, in the log's order. Between two
segments lies a gap. An event whose place is not proven yet is *unplaced*. One segment is the *main segment*: it held
the tail when the attach was done, or grew out of that. Proofs lead there. What lies behind it is a fragment, read from
the tail by a walk that has not reached the main segment yet.
"""

from __future__ import annotations

import heapq
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import takewhile

from gapless.syncclient.decisions import decision
from gapless.syncclient.log.changes import Changes
from gapless.syncclient.log.order import PlaceOrder
from gapless.syncclient.log.payloads import Payloads
from gapless.syncclient.report import Gap, Unloaded
from gapless.syncclient.stores.saved import Edge
from gapless.syncclient.wire import SYSTEM_PROMPT, LogEvent, execution_status, is_branch_event, is_user_message


@dataclass(slots=True, eq=False)
class Segment:
    """Ids contiguous in the log; `next_seq` is the log index that would follow, where indexes are known."""

    ids: list[str] = field(default_factory=list)
    next_seq: int | None = None


@dataclass(frozen=True, slots=True)
class Anchor:
    """Where to page on from: ask for `cursor`, expect `echo`, the confirmed event that follows it, on the page.

    Anchored at the predecessor of the last confirmed event, an inclusive server answers with the cursor itself first,
    an exclusive one with `echo`: both are positive evidence that the cursor was understood (R51).
    """

    cursor: str
    echo: str


@dataclass(frozen=True, slots=True)
class BranchPath:
    """The way from a leaf back towards placed events, oldest first; `missing` is the id at which it breaks off.

    `missing` is None when the path reaches a placed event, or the root of a log that was followed from its beginning;
    it is the empty string when an event without a parent is met that is no such root (some are stamped late).
    """

    ids: tuple[str, ...]
    missing: str | None


class Held:
    """The events held and their proven order, for reading."""

    def __init__(self, changes: Changes | None = None) -> None:
        self._changes = changes
        self._events: dict[str, LogEvent] = {}  # whole, or stubs: see `payloads`
        self.payloads = Payloads(self._events)
        self._versions: dict[str, list[int]] = {}  # digests of the versions seen, of events with more than one
        self._seqs: dict[str, int] = {}
        self._counted: dict[str, None] = {}  # those whose index is our own count, which a corrupt record makes wrong
        self._is_numbered = False  # whether indexes come from the server (session), not from our own counting
        self._segments: list[Segment] = []
        self._main: Segment | None = None
        self._segment_of: dict[str, Segment] = {}
        self._unplaced: dict[str, None] = {}
        self._unplaced_by_seq: dict[int, str] = {}
        self._passed: dict[str, None] = {}  # unplaced ones that a walk to the log's tail has not shown
        self._awaited: dict[str, int] = {}  # parents not held, with the number of unplaced events that name them
        self.skipped: dict[str, str] = {}
        """Parents that pages have skipped, with an event that names each: records that could not be read (R59, R85)."""
        self.head_known = False
        self.is_index_anew = False
        """Whether the index is known to begin behind the log's head (R75)."""
        self.is_contradicted = False
        """Whether a page has other events than the indexes of those held allow for: the log is another (R60)."""
        self.version = 0
        """Goes up when events get a place between others; at the end of a segment they do not count."""

    def __repr__(self) -> str:
        sizes = "+".join(str(len(segment.ids)) for segment in self._segments) or "0"
        return f"<Ledger {sizes} placed, {len(self._unplaced)} unplaced, head {'known' if self.head_known else 'open'}>"

    def __len__(self) -> int:
        return len(self._events)

    def __contains__(self, event_id: str) -> bool:
        return event_id in self._events

    # -- questions ----------------------------------------------------------------------------------------------------

    def path_to(self, leaf_id: str | None) -> BranchPath:
        """The held path that ends at `leaf_id`, back to a placed event or the root (tree generation)."""
        ids: list[str] = []
        cursor = leaf_id
        while cursor is not None:
            if self.is_placed(cursor):
                return BranchPath(tuple(reversed(ids)), None)
            event = self._events.get(cursor)
            if event is None or len(ids) > len(self._events):
                return BranchPath(tuple(reversed(ids)), cursor)
            ids.append(cursor)
            parent_id = event.get("parent_id")
            cursor = parent_id if isinstance(parent_id, str) else None
        # A log begins with the system prompt. Anything else without a parent may have been stamped late (R74).
        is_first = bool(ids) and self._events[ids[-1]]["kind"] == SYSTEM_PROMPT
        root_is_ours = is_first and self.head_known and self._main is not None and not self._main.ids
        return BranchPath(tuple(reversed(ids)), None if root_is_ours or not ids else "")

    def missing_parents(self) -> tuple[str, ...]:
        """Ids that unplaced events name as their parents and that are not held: each the end of a hole (tree).

        Placed events name parents in older gaps too; those are no sign of a new hole.
        """
        return tuple(self._awaited)

    def doubted_parents(self) -> frozenset[str]:
        """Those of them that only such events name as a walk to the log's tail has not shown: they may be in no log."""
        if not self._passed:
            return frozenset()
        named = (self.parent_of(event_id) for event_id in self._unplaced if event_id not in self._passed)
        return frozenset(self._awaited) - frozenset(named)

    def unplaced_seq_min(self) -> int | None:
        """The lowest log index that is held beyond a hole, or None when there is no hole in `seq`."""
        return min(self._unplaced_by_seq, default=None)

    def unplaced_from(self, seq: int) -> list[str]:
        """What is unplaced and was said to stand at that index of the log or behind it."""
        return [event_id for other_seq, event_id in self._unplaced_by_seq.items() if other_seq >= seq]

    @decision("conflicting-index")
    def conflicting(self, event_id: str, seq: int | None) -> list[str]:
        """What was said to stand at the index of the log where that event stands, if it is not that event."""
        if seq is None:
            return []
        other_id = self._unplaced_by_seq.get(seq, event_id)
        is_elsewhere = event_id not in self._counted and self._seqs.get(event_id, seq) != seq
        return [event_id] if is_elsewhere else [] if other_id == event_id else [other_id]

    @decision("no-room")
    def has_no_room(self, event_id: str, seq: int | None) -> bool:
        """Whether a placed event, by the index that a socket tells, leaves no room for all that is held before it: what
        is placed since the last index that was told, and what was said to stand there. One of these is in the log no
        more (R60)."""
        segment = self._segment_of.get(event_id)
        if seq is None or segment is None or event_id not in self._counted:
            return False
        place = rindex(segment.ids, event_id)
        for distance in range(1, place + 1):
            told_id = segment.ids[place - distance]
            if told_id in self._seqs and told_id not in self._counted:
                first_seq = self._seqs[told_id] + 1
                between = enumerate(segment.ids[place - distance + 1 : place], first_seq)
                is_full = seq - first_seq + 1 == distance
                is_taken = any(self._unplaced_by_seq.get(index, one) != one for index, one in between)
                return seq - first_seq + 1 < distance or (is_full and is_taken)
        return False

    def is_taken(self, seq: int) -> bool:
        """Whether an event is placed at that index of the log, at its end."""
        last, next_seq = self._last(), self.next_seq()
        if last is None or next_seq is None or seq >= next_seq:
            return False
        # A page carries no indexes, so what stands before the first event that a socket has shown has none.
        first_seq = next((self._seqs[event_id] for event_id in last.ids if event_id in self._seqs), None)
        return first_seq is not None and first_seq <= seq

    def next_seq(self) -> int | None:
        """The log index that follows all that is contiguous; None before there is a segment with indexes."""
        last = self._last()
        return last.next_seq if last is not None else None

    def is_placed(self, event_id: str) -> bool:
        """Whether the event's place in the log is proven, and joined to the main segment."""
        segment = self._segment_of.get(event_id)
        return segment is not None and not any(segment is fragment for fragment in self._fragments())

    def has_place(self, event_id: str) -> bool:
        """Whether the event's place in the log is proven, in the main segment or not."""
        return event_id in self._segment_of

    def is_unplaced(self, event_id: str) -> bool:
        """Whether the event is held, and its place is not proven."""
        return event_id in self._unplaced

    def ends_segment(self, event_id: str) -> bool:
        """Whether the event is the last of a segment."""
        segment = self._segment_of.get(event_id)
        return segment is not None and segment.ids[-1] == event_id

    def joins_main(self, event_id: str) -> bool:
        """Whether what follows the event directly follows the main segment, or, before there is one, any."""
        return event_id in self._segment_of if self._main is None else self.is_main(event_id)

    def is_main(self, event_id: str) -> bool:
        """Whether the event is placed in the main segment, where a walk from the tail meets what is confirmed."""
        return self._main is not None and self._segment_of.get(event_id) is self._main

    def is_at_tail(self, event_id: str) -> bool:
        """Whether the event is placed in the segment that comes last, the main segment or what is to become it."""
        return bool(self._segments) and self._segment_of.get(event_id) is self._segments[-1]

    def has_child(self, event_id: str) -> bool:
        """Whether a branch event is held whose parent is `event_id`: then a snapshot with that leaf is old (R36)."""
        return any(
            event.get("parent_id") == event_id and is_branch_event(event) for event in reversed(self._events.values())
        )

    def has_branch(self) -> bool:
        """Whether any branch event is held: then a snapshot without a leaf is old (R36)."""
        return any(is_branch_event(event) for event in reversed(self._events.values()))

    def unplaced_events(self) -> int:
        """How many events are held whose place is not proven."""
        return len(self._unplaced)

    def has_unpaired(self) -> bool:
        """Whether an action is held without its observation, or the reverse: a sign that something is missing."""
        unplaced = [self._events[event_id] for event_id in self._unplaced]
        observed = {str(event["action_id"]): None for event in unplaced if "action_id" in event}
        lacks_action = any(action_id not in self._events for action_id in observed)
        return lacks_action or any(e["kind"] == "ActionEvent" and e["id"] not in observed for e in unplaced)

    def has_strays(self, path: BranchPath, *, leaf_id: str | None = None, until: str = "") -> bool:
        """Whether a message, action or observation is held that is neither placed nor on the path.

        With a leaf, what follows it is none, unless its timestamp says that it was there before `until`.
        """
        on_path = frozenset(path.ids)
        unplaced = [e for e in self._unplaced if e not in on_path and is_branch_event(self._events[e])]
        return any(self._timestamp(e) <= until or not self._descends(e, leaf_id) for e in unplaced)

    def is_branch_event(self, event_id: str) -> bool:
        """Whether the event is held, and is no state update."""
        event = self._events.get(event_id)
        return event is not None and is_branch_event(event)

    def is_user_message(self, event_id: str) -> bool:
        """Whether the event is held, and is what the user said: no sign that the agent has done anything."""
        event = self._events.get(event_id)
        return event is not None and event.get("source") == "user"

    def unanswered(self) -> list[LogEvent]:
        """The user messages at the log's end, as far as it is held: nothing of the agent follows them."""
        last = self._last()
        found: list[LogEvent] = []
        for event_id in (*reversed(self.unplaced_ids()), *reversed(last.ids if last is not None else ())):
            event = self._events[event_id]
            if is_user_message(event):
                found.append(event)
            elif is_branch_event(event) or execution_status(event) not in (None, "idle"):
                break
        return found

    def head_id(self) -> str | None:
        """The first event of the log, where that is known."""
        return self._segments[0].ids[0] if self.head_known and self._segments and self._segments[0].ids else None

    def is_head_indexed(self) -> bool:
        """Whether a socket has told the index of the log's first event, or there is no such event."""
        head_id = self.head_id()
        return head_id is None or (head_id in self._seqs and head_id not in self._counted)

    def first_branch_id(self) -> str | None:
        """The first branch event of the segment at the log's head."""
        ids = self._segments[0].ids if self.head_known and self._segments else []
        return next((event_id for event_id in ids if is_branch_event(self._events[event_id])), None)

    def tail_id(self) -> str | None:
        """The last event that is placed."""
        last = self._last()
        return last.ids[-1] if last is not None and last.ids else None

    def tail_at(self) -> str:
        """The timestamp of the last event that is placed; empty when there is none."""
        tail_id = self.tail_id()
        return "" if tail_id is None else self._timestamp(tail_id)

    def newest_at(self) -> str:
        """The latest timestamp of the last event that is placed, and of those that are not."""
        return max([self.tail_at(), *map(self._timestamp, self._unplaced)])

    def newest_id(self) -> str | None:
        """The event that was held last."""
        return next(reversed(self._events), None)

    def at(self, event_id: str | None) -> str:
        """The timestamp of an event, by the server's clock; empty where it is not held."""
        return "" if event_id is None or event_id not in self._events else self._timestamp(event_id)

    def tip_id(self) -> str | None:
        """The last branch event that is placed in the main segment."""
        return self._tip()

    def parent_of(self, event_id: str) -> str | None:
        """The parent of an event that is held (tree generation)."""
        parent_id = self._events[event_id].get("parent_id")
        return parent_id if isinstance(parent_id, str) else None

    @decision("anchor")
    def anchor(self, *, back: int = 0) -> Anchor | None:
        """Where to page on from, or None when the last segment has no two events; up to `back` events before its
        end."""
        last = self._last()
        ids = last.ids if last is not None else []
        index = max(1, len(ids) - 1 - back)
        return Anchor(cursor=ids[index - 1], echo=ids[index]) if len(ids) >= 2 else None

    def follows_from_head(self) -> bool:
        """Whether reading from the log's head is the way to go on: the last segment is at the head and tiny."""
        return self.head_known and self._last() is self._segments[0] and len(self._segments[0].ids) < 2

    def placed_after(self, event_id: str | None) -> list[str]:
        """The ids placed in the main segment behind `event_id`, or all of them."""
        last = self._last()
        ids = last.ids if last is not None else []
        return ids[rindex(ids, event_id) + 1 :] if event_id is not None and event_id in ids else list(ids)

    def placed_since(self, event_id: str) -> int:
        """How many events of the last segment come after one of it; 0 if it is not there."""
        last = self._last()
        if last is None or self._segment_of.get(event_id) is not last:
            return 0
        return len(last.ids) - 1 - rindex(last.ids, event_id)

    def placed_events_after(self, event_id: str | None) -> list[LogEvent]:
        """The events placed in the main segment behind `event_id`, or all of them."""
        return [self._events[other_id] for other_id in self.placed_after(event_id)]

    def placed_ids(self) -> list[str]:
        """The ids of all that is placed, in the main segment or not, in the log's order."""
        return [event_id for segment in self._segments for event_id in segment.ids]

    def statuses_after(self, event_id: str | None, among: Container[str]) -> list[str]:
        """Execution statuses in the main segment after `event_id`, in the log's order, of events `among` those ids."""
        return [status for other_id, status in self._status_events_after(event_id) if other_id in among]

    def is_behind_unplaced(self) -> bool:
        """Whether an event is held without a place that is newer than the log's tail, by the server's clock."""
        return self.newest_at() > self.tail_at()

    def has_unplaced_status(self) -> bool:
        """Whether an execution status is held that no page has shown: the log that was read is behind the socket."""
        return any(execution_status(self._events[event_id]) is not None for event_id in self._unplaced)

    def has_passed_status(self) -> bool:
        """Whether an execution status is held without a place that is older than the log's tail, by the server's
        clock."""
        tail_at, unplaced = self.tail_at(), (self._events[event_id] for event_id in self._unplaced)
        return any(execution_status(one) is not None and self._timestamp(one["id"]) < tail_at for one in unplaced)

    def status_at(self, event_id: str | None) -> str | None:
        """The last execution status that the main segment shows up to an event; None if there is none."""
        if event_id is None or not self.is_main(event_id):
            return None
        ids = self._segment_of[event_id].ids
        told = (execution_status(self._events[one]) for one in ids[rindex(ids, event_id) :: -1])
        return next((status for status in told if status is not None), None)

    def last_status_at(self, event_id: str | None, among: Container[str]) -> str:
        """The timestamp of the last of them; empty when there is none."""
        found = (other_id for other_id, _ in self._status_events_after(event_id)[::-1] if other_id in among)
        return next((self._timestamp(other_id) for other_id in found), "")

    def older_than_last_status(self, event_ids: Sequence[str], after_id: str | None) -> list[str]:
        """Those of some events that were there before the last status placed after `after_id` was.

        By the server's clock, or because they were held sooner: clocks are coarse, and step back (R61).
        """
        last_id = next((other_id for other_id, _ in self._status_events_after(after_id)[::-1]), None)
        if last_id is None:
            return []
        sooner = self._held_before(last_id)
        return [i for i in event_ids if i in sooner or self._timestamp(i) <= self._timestamp(last_id)]

    def older_than_tail(self, event_ids: Sequence[str]) -> list[str]:
        """Those of some events that were there before the last placed one was, by the server's clock."""
        tail_at = self.tail_at()
        return [one for one in event_ids if self._timestamp(one) < tail_at]

    @decision("older-than-tip")
    def older_than_tip(self, event_ids: Sequence[str]) -> list[str]:
        """Those of some branch events that were there before the last placed one was, where parents tell the order.

        By the server's clock, and because they were held sooner, and not as its sequel.
        """
        tip_id = self._tip()
        if tip_id is None:
            return []
        sooner, at = self._held_before(tip_id), self._timestamp(tip_id)
        before = [one for one in event_ids if one in sooner and self._timestamp(one) <= at]
        return [one for one in before if is_branch_event(self._events[one]) and not self._descends(one, tip_id)]

    def replaced_by(self, event_id: str | None, event_ids: Sequence[str]) -> list[str]:
        """Those of some events that were held sooner than another, and are not merely its sequel by their parents."""
        if event_id is None:
            return []
        sooner = self._held_before(event_id)
        return [one for one in event_ids if one in sooner and not self._descends(one, event_id)]

    @decision("gaps")
    def gaps(self) -> tuple[Gap, ...]:
        """The explicit gaps: before the first segment if the head is open, and between segments."""
        gaps = []
        if self._segments and not self.head_known:
            gaps.append(Gap(None, next(iter(self._segments[0].ids), None)))
        for earlier, later in zip(self._segments, self._segments[1:], strict=False):
            gaps.append(Gap(next(reversed(earlier.ids), None), next(iter(later.ids), None)))
        return tuple(gaps)

    def ordered(self) -> list[LogEvent]:
        """Everything held with its payload, in the order of `ordered_ids`."""
        return [self._events[event_id] for event_id in self.ordered_ids() if event_id in self.payloads]

    @decision("order")
    def ordered_ids(self) -> list[str]:
        """The ids of all that is held, with or without payload: placed ones in the log's order, and unplaced ones where
        they stand among these (see `order`)."""
        fragments = self._fragments()
        behind = [event_id for fragment in fragments for event_id in fragment.ids]
        placed = [i for segment in self._segments[: len(self._segments) - len(fragments)] for i in segment.ids]
        if behind:
            # What a walk left unfinished is contiguous, and what is unplaced may belong before it.
            return placed + list(heapq.merge(behind, self.unplaced_ids(), key=self._timestamp))
        return PlaceOrder(self._events, self._seqs, self.next_seq(), self._passed).weave(placed, self.unplaced_ids())

    def unplaced_ids(self) -> list[str]:
        """Events whose place is not proven yet, by index, or else by timestamp."""
        return sorted(self._unplaced, key=lambda event_id: (self._seqs.get(event_id, 0), self._timestamp(event_id)))

    def unplaced_before(self) -> dict[str, list[str]]:
        """By each placed event, the unplaced ones that stand directly before it; those at the end are left out."""
        found: dict[str, list[str]] = {}
        before: list[str] = []
        for event_id in self.ordered_ids() if self._unplaced else ():
            if event_id in self._unplaced:
                before.append(event_id)
            elif before:
                found[event_id], before = before, []
        return found

    def unloaded(self) -> tuple[Unloaded, ...]:
        """Where events are held without their payload, in the order of `ordered_ids`."""
        return self.payloads.unloaded(self.ordered_ids())

    def following(self, event_id: str | None, count_max: int) -> tuple[list[str], bool]:
        """Up to `count_max` ids that directly follow a placed one (None: that begin the log), and whether a gap
        follows instead."""
        if event_id is None:
            if not self.head_known:
                return [], bool(self._segments)
            ids, rest = self._segments[0].ids[:count_max], self._segments[1:]
            return ids, not ids and bool(rest)
        segment = self._segment_of.get(event_id)
        if segment is None:
            return [], False
        index = segment.ids.index(event_id) + 1
        ids = segment.ids[index : index + count_max]
        return ids, not ids and segment is not self._segments[-1]

    def anchor_at(self, event_id: str) -> Anchor | None:
        """Where to read on from what directly follows a placed event; None if it has no neighbour to vouch for it."""
        segment = self._segment_of.get(event_id)
        ids = segment.ids if segment is not None else []
        index = ids.index(event_id) if ids else 0
        if index:
            return Anchor(cursor=ids[index - 1], echo=event_id)
        return Anchor(cursor=event_id, echo=ids[1]) if len(ids) > 1 else None

    def anchor_at_seq(self, seq: int) -> Anchor | None:
        """Where to read on from the event at that index of the last segment."""
        next_seq, last = self.next_seq(), self._last()
        if next_seq is None or last is None or not 0 < next_seq - seq <= len(last.ids):
            return None
        return self.anchor_at(last.ids[seq - next_seq])

    def is_behind(self, event_id: str, other_id: str | None) -> bool:
        """Whether a placed event is in the segment of another, or that is None and it is in the log's head."""
        segment = self._segment_of.get(event_id)
        if other_id is None:
            return self.head_known and segment is self._segments[0]
        return segment is not None and segment is self._segment_of.get(other_id)

    def is_out_of_order(self, event_id: str, later_id: str) -> bool:
        """Whether two events are placed in one segment, and the second stands before the first."""
        segment = self._segment_of.get(event_id)
        if segment is None or segment is not self._segment_of.get(later_id) or event_id == later_id:
            return False
        nearest_end = next(one for one in reversed(segment.ids) if one in (event_id, later_id))
        return nearest_end == event_id

    def seq_of(self, event_id: str) -> int | None:
        """The log index of an event, where it is known."""
        return self._seqs.get(event_id)

    def edges(self) -> tuple[Edge, ...]:
        """The segments, for a store."""
        return tuple(
            Edge(segment.ids[0] if segment.ids else None, segment.next_seq, segment is self._main)
            for segment in self._segments
        )

    # -- inside -------------------------------------------------------------------------------------------------------

    def _descends(self, event_id: str, ancestor_id: str | None) -> bool:
        """Whether an event comes after another by its chain of parents, as far as they are held."""
        cursor: object = event_id
        for _ in range(len(self._events)):
            event = self._events.get(str(cursor))
            cursor = event.get("parent_id") if event is not None else None
            if cursor is None or cursor == ancestor_id:
                break
        return cursor is not None and cursor == ancestor_id

    def _held_before(self, event_id: str) -> frozenset[str]:
        """What was held sooner than an event; everything, if that is not held."""
        return frozenset(takewhile(lambda held_id: held_id != event_id, self._events))

    def _status_events_after(self, event_id: str | None) -> list[tuple[str, str]]:
        found: list[tuple[str, str]] = []
        last = self._last()
        for other_id in reversed(last.ids if last is not None else ()):
            if other_id == event_id:
                break
            status = execution_status(self._events[other_id])
            if status is not None:
                found.append((other_id, status))
        return found[::-1]

    def _timestamp(self, event_id: str) -> str:
        return str(self._events[event_id].get("timestamp", ""))

    def _last(self) -> Segment | None:
        """The main segment, or before the attach is done, the last segment."""
        return self._main if self._main is not None else (self._segments[-1] if self._segments else None)

    def _fragments(self) -> list[Segment]:
        for index, segment in enumerate(self._segments):
            if segment is self._main:
                return self._segments[index + 1 :]
        return []

    def _tip(self) -> str | None:
        last = self._last()
        for event_id in reversed(last.ids if last is not None else ()):
            if is_branch_event(self._events[event_id]):
                return event_id
        return None


def rindex(ids: Sequence[str], wanted: str) -> int:
    """The last position of an id that is there."""
    return next(index for index in range(len(ids) - 1, -1, -1) if ids[index] == wanted)


def ids_of(events: Iterable[LogEvent]) -> list[str]:
    """The ids of some events, in their order."""
    return [event["id"] for event in events]
