"""What is held: which events, in which order, and where something is missing. Pure; no I/O, no clock.

The log is seen as *stretches*: lists of ids known to be contiguous in the log, in the log's order. Between two
stretches lies a gap. An event whose place is not proven yet is *loose*. Three kinds of evidence give a place:

- `seq` of the session socket extends a stretch whose next index is known;
- a REST page is contiguous in itself, and joins the stretches it overlaps;
- `parent_id` of the tree generation leads from a leaf back to a placed event (`path_to`, `place_path`).

One stretch is *home*: the one that held the tail when the attach was done, or grew out of it. Proofs lead there. What
lies behind it is a fragment, read from the tail by a walk that has not met home yet.

Identity is the id, never a position: both sides of a border may send the same event (R32, R50).
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from syncclient.changes import Changes
from syncclient.payloads import Payloads
from syncclient.report import Gap, Unloaded
from syncclient.saved import Edge, Saved
from syncclient.wire import LogEvent, execution_status, is_branch_event


@dataclass(slots=True, eq=False)
class Stretch:
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
class Path:
    """The way from a leaf back towards placed events, oldest first; `missing` is the id at which it breaks off.

    `missing` is None when the path reaches a placed event, or the root of a log that was followed from its beginning;
    it is the empty string when an event without a parent is met that is no such root (some are stamped late).
    """

    ids: tuple[str, ...]
    missing: str | None


class Ledger:
    """The events held and their proven order."""

    def __init__(self, changes: Changes | None = None) -> None:
        self._changes = changes
        self._events: dict[str, LogEvent] = {}  # whole, or stubs: see `payloads`
        self.payloads = Payloads(self._events)
        self._seqs: dict[str, int] = {}
        self._stretches: list[Stretch] = []
        self._home: Stretch | None = None
        self._stretch_of: dict[str, Stretch] = {}
        self._loose: dict[str, None] = {}
        self._loose_by_seq: dict[int, str] = {}
        self._awaited: dict[str, int] = {}  # parents not held, with the number of loose events that name them
        self.head_known = False
        self.version = 0
        """Goes up when events get a place between others; at the end of a stretch they do not count."""

    def __repr__(self) -> str:
        sizes = "+".join(str(len(stretch.ids)) for stretch in self._stretches) or "0"
        return f"<Ledger {sizes} placed, {len(self._loose)} loose, head {'known' if self.head_known else 'open'}>"

    def __len__(self) -> int:
        return len(self._events)

    def __contains__(self, event_id: str) -> bool:
        return event_id in self._events

    # -- what comes in ------------------------------------------------------------------------------------------------

    def begin(self, *, next_seq: int | None, at_head: bool) -> None:
        """Begin with an empty stretch at the log's head, or before index `next_seq`; earlier events are a gap."""
        self._stretches.append(Stretch(next_seq=next_seq))
        self.head_known = self.head_known or at_head

    def settle_home(self) -> None:
        """The attach is done: the last stretch is home from now on."""
        if not self._stretches:
            self.begin(next_seq=None, at_head=False)
        self._home = self._stretches[-1]

    def add_live(self, event: LogEvent, seq: int | None, *, size_bytes: int = 0) -> bool:
        """Hold an event from the socket; true if it is new. A duplicate changes nothing."""
        event_id = event["id"]
        if event_id in self._events:
            if seq is not None:
                self._learn_seq(event_id, seq)
            return False
        self._hold(event, size_bytes)
        self._set_loose(event)
        if seq is not None:
            self._learn_seq(event_id, seq)
        return True

    def merge(
        self,
        items: Sequence[LogEvent],
        *,
        after: str | None = None,
        before: str | None = None,
        at_head: bool = False,
        sizes_bytes: Sequence[int] = (),
    ) -> list[LogEvent]:
        """Place a page, given in the log's order, and return the events that are new.

        `after` and `before` are ids that the page is known to follow and to precede directly; `at_head` says that it
        begins the log. Stretches that the page overlaps become one; without overlap it is a stretch of its own, at the
        head or else at the tail.
        """
        new: list[LogEvent] = []
        for index, event in enumerate(items):
            if event["id"] not in self._events:
                self._hold(event, sizes_bytes[index] if sizes_bytes else 0)
                new.append(event)
        ids = [event["id"] for event in items]
        if after is not None and after not in ids:
            ids.insert(0, after)
        if before is not None and before not in ids:
            ids.append(before)
        self.head_known = self.head_known or at_head
        if ids:
            self._splice(list(dict.fromkeys(ids)), at_head=at_head)
        elif at_head and not self._stretches:
            self.begin(next_seq=0, at_head=True)
        return new

    def place_path(self, path: Path) -> None:
        """Place a proven path at the end of home, each state update behind the parent it names.

        The order among state updates of one parent is by their timestamps: likely, not proven, and mended by any page
        that covers it.
        """
        home = self._home
        if home is None:
            return
        self._dissolve_fragments()
        for event_id in path.ids:
            if event_id not in self._stretch_of:
                self._append(home, event_id)
        updates = [event_id for event_id in self._loose if not is_branch_event(self._events[event_id])]
        for event_id in sorted(updates, key=self._timestamp):
            parent_id = self._events[event_id].get("parent_id")
            if isinstance(parent_id, str) and parent_id in self._stretch_of:
                self._insert_behind(parent_id, event_id)

    # -- questions ----------------------------------------------------------------------------------------------------

    def path_to(self, leaf_id: str | None) -> Path:
        """The held path that ends at `leaf_id`, back to a placed event or the root (tree generation)."""
        ids: list[str] = []
        cursor = leaf_id
        while cursor is not None:
            if self.is_placed(cursor):
                return Path(tuple(reversed(ids)), None)
            event = self._events.get(cursor)
            if event is None or len(ids) > len(self._events):
                return Path(tuple(reversed(ids)), cursor)
            ids.append(cursor)
            parent_id = event.get("parent_id")
            cursor = parent_id if isinstance(parent_id, str) else None
        root_is_ours = self.head_known and self._home is not None and not self._home.ids
        return Path(tuple(reversed(ids)), None if root_is_ours or not ids else "")

    def linked_path(self) -> Path:
        """The loose branch events that follow the last placed one without a break, but for the newest.

        The newest is left out because it may be published and not yet persisted (R52): a poor anchor.
        """
        self._dissolve_fragments()
        children: dict[str | None, list[str]] = {}
        for event_id in self._loose:
            event = self._events[event_id]
            if is_branch_event(event):
                children.setdefault(event.get("parent_id"), []).append(event_id)
        tip = self._tip()
        if tip is None and not self.head_known:
            return Path((), None)
        ids: list[str] = []
        while len(found := children.get(tip, [])) == 1:
            tip = found[0]
            ids.append(tip)
        return Path(tuple(ids[:-1]), None)

    def missing_parents(self) -> tuple[str, ...]:
        """Ids that loose events name as their parents and that are not held: each the end of a hole (tree).

        Placed events name parents in older gaps too; those are no sign of a new hole.
        """
        return tuple(self._awaited)

    def loose_seq_min(self) -> int | None:
        """The lowest log index that is held beyond a hole, or None when there is no hole in `seq`."""
        return min(self._loose_by_seq, default=None)

    def next_seq(self) -> int | None:
        """The log index that follows all that is contiguous; None before there is a stretch with indexes."""
        last = self._last()
        return last.next_seq if last is not None else None

    def is_placed(self, event_id: str) -> bool:
        """Whether the event's place in the log is proven, and joined to home."""
        stretch = self._stretch_of.get(event_id)
        return stretch is not None and not any(stretch is fragment for fragment in self._fragments())

    def is_loose(self, event_id: str) -> bool:
        """Whether the event is held, and its place is not proven."""
        return event_id in self._loose

    def is_home(self, event_id: str) -> bool:
        """Whether the event is placed in the home stretch: there a walk from the tail has met what is confirmed."""
        return self._home is not None and self._stretch_of.get(event_id) is self._home

    def has_child(self, event_id: str) -> bool:
        """Whether a branch event is held whose parent is `event_id`: then a snapshot with that leaf is old (R36)."""
        return any(
            event.get("parent_id") == event_id and is_branch_event(event) for event in reversed(self._events.values())
        )

    def loose_events(self) -> int:
        """How many events are held whose place is not proven."""
        return len(self._loose)

    def has_unpaired(self) -> bool:
        """Whether an action is held without its observation, or the reverse: a sign that something is missing."""
        loose = [self._events[event_id] for event_id in self._loose]
        observed = {str(event["action_id"]): None for event in loose if "action_id" in event}
        lacks_action = any(action_id not in self._events for action_id in observed)
        return lacks_action or any(e["kind"] == "ActionEvent" and e["id"] not in observed for e in loose)

    def place_loose(self) -> None:
        """Place everything loose at the end of home by its timestamps: for when a count has proven the whole set."""
        home = self._home
        if home is not None:
            for event_id in sorted(self._loose, key=self._timestamp):
                self._append(home, event_id)

    def has_strays(self, path: Path) -> bool:
        """Whether a message, action or observation is held that is neither placed nor on the path."""
        loose = sum(is_branch_event(self._events[event_id]) for event_id in self._loose)
        return loose > len(path.ids)

    def is_user_message(self, event_id: str) -> bool:
        """Whether the event is held, and is what the user said: no sign that the agent has done anything."""
        event = self._events.get(event_id)
        return event is not None and event.get("source") == "user"

    def head_id(self) -> str | None:
        """The first event of the log, where that is known."""
        return self._stretches[0].ids[0] if self.head_known and self._stretches and self._stretches[0].ids else None

    def tail_id(self) -> str | None:
        """The last event that is placed."""
        last = self._last()
        return last.ids[-1] if last is not None and last.ids else None

    def tip_id(self) -> str | None:
        """The last branch event that is placed at home."""
        return self._tip()

    def parent_of(self, event_id: str) -> str | None:
        """The parent of an event that is held (tree generation)."""
        parent_id = self._events[event_id].get("parent_id")
        return parent_id if isinstance(parent_id, str) else None

    def anchor(self) -> Anchor | None:
        """Where to page on from, or None when the last stretch has no two events."""
        last = self._last()
        ids = last.ids if last is not None else []
        return Anchor(cursor=ids[-2], echo=ids[-1]) if len(ids) >= 2 else None

    def follows_from_head(self) -> bool:
        """Whether reading from the log's head is the way to go on: the last stretch is at the head and tiny."""
        return self.head_known and self._last() is self._stretches[0] and len(self._stretches[0].ids) < 2

    def placed_after(self, event_id: str | None) -> list[str]:
        """The ids placed at home behind `event_id`, or all of them."""
        last = self._last()
        ids = last.ids if last is not None else []
        return ids[_rindex(ids, event_id) + 1 :] if event_id is not None and event_id in ids else list(ids)

    def statuses_after(self, event_id: str | None) -> list[str]:
        """The execution statuses placed at home after `event_id`, in the log's order."""
        statuses: list[str] = []
        last = self._last()
        for other_id in reversed(last.ids if last is not None else ()):
            if other_id == event_id:
                break
            status = execution_status(self._events[other_id])
            if status is not None:
                statuses.append(status)
        return statuses[::-1]

    def gaps(self) -> tuple[Gap, ...]:
        """The explicit gaps: before the first stretch if the head is open, and between stretches."""
        gaps = []
        if self._stretches and not self.head_known:
            gaps.append(Gap(None, next(iter(self._stretches[0].ids), None)))
        for earlier, later in zip(self._stretches, self._stretches[1:], strict=False):
            gaps.append(Gap(next(reversed(earlier.ids), None), next(iter(later.ids), None)))
        return tuple(gaps)

    def ordered(self) -> list[LogEvent]:
        """Everything held: placed events in the log's order, then loose ones by index, or else by timestamp."""
        return [self._events[event_id] for event_id in self.ordered_ids() if event_id in self.payloads]

    def ordered_ids(self) -> list[str]:
        """The ids of all that is held, with or without payload: placed ones in the log's order, then loose ones."""
        fragments = self._fragments()
        behind = [event_id for fragment in fragments for event_id in fragment.ids]
        placed = [i for stretch in self._stretches[: len(self._stretches) - len(fragments)] for i in stretch.ids]
        if behind:
            # What a walk left unfinished is contiguous, and what is loose may belong before it.
            return placed + list(heapq.merge(behind, self.loose_ids(), key=self._timestamp))
        return placed + self.loose_ids()

    def loose_ids(self) -> list[str]:
        """Events whose place is not proven yet, by index, or else by timestamp."""
        return sorted(self._loose, key=lambda event_id: (self._seqs.get(event_id, 0), self._timestamp(event_id)))

    def unloaded(self) -> tuple[Unloaded, ...]:
        """Where events are held without their payload, in the order of `ordered_ids`."""
        return self.payloads.unloaded(self.ordered_ids())

    def trim(self, size_bytes_max: int) -> None:
        """Drop payloads until those left fit; the log's head and the newest events stay longest."""
        if self.payloads.size_bytes > size_bytes_max:
            self.payloads.trim(self.ordered_ids(), size_bytes_max, head_known=self.head_known)

    def following(self, event_id: str | None, count_max: int) -> tuple[list[str], bool]:
        """Up to `count_max` ids that directly follow a placed one (None: that begin the log), and whether a gap
        follows instead."""
        if event_id is None:
            if not self.head_known:
                return [], bool(self._stretches)
            ids, rest = self._stretches[0].ids[:count_max], self._stretches[1:]
            return ids, not ids and bool(rest)
        stretch = self._stretch_of.get(event_id)
        if stretch is None:
            return [], False
        index = stretch.ids.index(event_id) + 1
        ids = stretch.ids[index : index + count_max]
        return ids, not ids and stretch is not self._stretches[-1]

    def anchor_at(self, event_id: str) -> Anchor | None:
        """Where to read on from what directly follows a placed event; None if it has no neighbour to vouch for it."""
        stretch = self._stretch_of.get(event_id)
        ids = stretch.ids if stretch is not None else []
        index = ids.index(event_id) if ids else 0
        if index:
            return Anchor(cursor=ids[index - 1], echo=event_id)
        return Anchor(cursor=event_id, echo=ids[1]) if len(ids) > 1 else None

    def is_behind(self, event_id: str, other_id: str | None) -> bool:
        """Whether a placed event is in the stretch of another, or that is None and it is in the log's head."""
        stretch = self._stretch_of.get(event_id)
        if other_id is None:
            return self.head_known and stretch is self._stretches[0]
        return stretch is not None and stretch is self._stretch_of.get(other_id)

    def seq_of(self, event_id: str) -> int | None:
        """The log index of an event, where it is known."""
        return self._seqs.get(event_id)

    # -- from one life to the next ------------------------------------------------------------------------------------

    def restore(self, saved: Saved, payloads: Mapping[str, LogEvent]) -> None:
        """Hold what another client has saved; `payloads` are the events to have whole.

        What that one read from the tail, and had not joined to home yet, has no proven place any more.
        """
        for event in saved.events:
            stub, event_id = event.stub, event.stub.event_id
            self._events[event_id] = stub
            if event_id in payloads:
                self.payloads.hold(payloads[event_id], event.size_bytes)
        for stretch in saved.stretches:
            self._stretches.append(Stretch(list(stretch.ids), stretch.next_seq))
            self._stretch_of.update(dict.fromkeys(stretch.ids, self._stretches[-1]))
            if stretch.is_home:
                break
        self.head_known = saved.head_known
        for event in saved.events:
            if event.stub.event_id not in self._stretch_of:
                self._set_loose(event.stub)  # its index, if any, is learnt again: the log may be another by now
                if self._changes is not None:
                    self._changes.loose(event.stub.event_id)
            elif event.seq is not None:
                self._seqs[event.stub.event_id] = event.seq
        if self._stretches:
            self._home = self._stretches[-1]

    def drop(self, event_ids: Sequence[str]) -> None:
        """Hold some loose events no more."""
        for event_id in event_ids:
            self._loosen(event_id)
            del self._events[event_id]
            self.payloads.drop(event_id)
            self._seqs.pop(event_id, None)
            if self._changes is not None:
                self._changes.dropped(event_id)

    def edges(self) -> tuple[Edge, ...]:
        """The stretches, for a store."""
        return tuple(
            Edge(stretch.ids[0] if stretch.ids else None, stretch.next_seq, stretch is self._home)
            for stretch in self._stretches
        )

    # -- inside -------------------------------------------------------------------------------------------------------

    def _hold(self, event: LogEvent, size_bytes: int) -> None:
        self.payloads.hold(event, size_bytes)
        self._awaited.pop(event["id"], None)
        if self._changes is not None:
            self._changes.held(event, size_bytes)

    def _set_loose(self, event: LogEvent) -> None:
        self._loose[event["id"]] = None
        parent_id = event.get("parent_id")
        if isinstance(parent_id, str) and parent_id not in self._events:
            self._awaited[parent_id] = self._awaited.get(parent_id, 0) + 1

    def _set_seq(self, event_id: str, seq: int) -> int:
        """The event's log index: the one known, or else this."""
        if event_id not in self._seqs:
            self._seqs[event_id] = seq
            if self._changes is not None:
                self._changes.numbered(event_id, seq)
        return self._seqs[event_id]

    def _note_places(self, ids: Sequence[str], start: int, stop: int) -> None:
        if self._changes is not None:
            for index in range(start, min(stop, len(ids))):
                self._changes.placed(ids[index], ids[index - 1] if index else None)

    def _learn_seq(self, event_id: str, seq: int) -> None:
        self._set_seq(event_id, seq)
        if event_id in self._loose:
            self._loose_by_seq.setdefault(seq, event_id)
        elif (stretch := self._stretch_of[event_id]).next_seq is None:
            self._number(stretch, at_head=False)  # read from pages, which carry no indexes
        self._extend_by_seq()

    def _timestamp(self, event_id: str) -> str:
        return str(self._events[event_id].get("timestamp", ""))

    def _last(self) -> Stretch | None:
        """Home, or before the attach is done, the last stretch."""
        return self._home if self._home is not None else (self._stretches[-1] if self._stretches else None)

    def _fragments(self) -> list[Stretch]:
        for index, stretch in enumerate(self._stretches):
            if stretch is self._home:
                return self._stretches[index + 1 :]
        return []

    def _dissolve_fragments(self) -> None:
        """Let go of what walks left unfinished: the chain places these events better."""
        for fragment in self._fragments():
            self._stretches.remove(fragment)
            for event_id in fragment.ids:
                del self._stretch_of[event_id]
                self._loose[event_id] = None
                if self._changes is not None:
                    self._changes.loose(event_id)
            self.version += 1

    def _tip(self) -> str | None:
        last = self._last()
        for event_id in reversed(last.ids if last is not None else ()):
            if is_branch_event(self._events[event_id]):
                return event_id
        return None

    def _append(self, stretch: Stretch, event_id: str) -> None:
        stretch.ids.append(event_id)
        self._stretch_of[event_id] = stretch
        self._note_places(stretch.ids, len(stretch.ids) - 1, len(stretch.ids))
        self._loosen(event_id)
        if stretch.next_seq is not None:
            stretch.next_seq = self._set_seq(event_id, stretch.next_seq) + 1

    def _loosen(self, event_id: str) -> None:
        """Take the event off the loose ones, now that its place is known, and off those that wait for a parent."""
        if event_id not in self._loose:
            return
        del self._loose[event_id]
        parent_id = self._events[event_id].get("parent_id")
        if isinstance(parent_id, str) and parent_id in self._awaited:
            self._awaited[parent_id] -= 1
            if not self._awaited[parent_id]:
                del self._awaited[parent_id]
        seq = self._seqs.get(event_id)
        if seq is not None and self._loose_by_seq.get(seq) == event_id:
            del self._loose_by_seq[seq]

    def _insert_behind(self, parent_id: str, event_id: str) -> None:
        stretch = self._stretch_of[parent_id]
        index = _rindex(stretch.ids, parent_id) + 1
        while index < len(stretch.ids):
            neighbour = self._events[stretch.ids[index]]
            same_parent = neighbour.get("parent_id") == parent_id and not is_branch_event(neighbour)
            if not same_parent or self._timestamp(stretch.ids[index]) > self._timestamp(event_id):
                break
            index += 1
        stretch.ids.insert(index, event_id)
        self._stretch_of[event_id] = stretch
        self._note_places(stretch.ids, index, index + 2)
        self._loosen(event_id)
        self.version += 1

    def _extend_by_seq(self) -> None:
        for stretch in self._stretches:
            while stretch.next_seq is not None and stretch.next_seq in self._loose_by_seq:
                self._append(stretch, self._loose_by_seq[stretch.next_seq])

    def _goes_on(self, page: list[str], *, at_head: bool) -> bool:
        """Whether the page shows what a stretch holds, and goes on at its end: then it is done here, in place.

        It is what all other ways come to, at the cost of the page rather than of the log.
        """
        stretch = self._stretch_of.get(page[0])
        if stretch is None or not self._stretches[-1].ids or (at_head and stretch is not self._stretches[0]):
            return False
        start = stretch.ids.index(page[0])
        known = stretch.ids[start : start + len(page)]
        new = page[len(known) :]
        if known != page[: len(known)] or any(event_id in self._stretch_of for event_id in new):
            return False
        if stretch.next_seq is None and any(event_id in self._seqs for event_id in page):
            return False
        for event_id in new:
            self._append(stretch, event_id)
        self._extend_by_seq()
        return True

    def _splice(self, page: list[str], *, at_head: bool) -> None:
        if self._goes_on(page, at_head=at_head):
            return
        self.version += 1
        on_page = frozenset(page)  # membership only, never iterated
        touched = [
            index
            for index, stretch in enumerate(self._stretches)
            if any(self._stretch_of.get(event_id) is stretch for event_id in page)
        ]
        if at_head and self._stretches and not self._stretches[0].ids and not self._stretches[0].next_seq:
            touched.insert(0, 0)  # the empty stretch that `begin` put at the head
        last_is_empty = bool(self._stretches) and not self._stretches[-1].ids
        if not at_head and last_is_empty and self._stretches[-1] is not self._home:
            touched.append(len(self._stretches) - 1)  # begun for a replay that did not come; this page is the tail
            touched = list(dict.fromkeys(touched))
        if touched:
            first, last = self._stretches[touched[0]], self._stretches[touched[-1]]
            low = next((i for i, event_id in enumerate(first.ids) if event_id in on_page), len(first.ids))
            high = next((i for i in range(len(last.ids) - 1, -1, -1) if last.ids[i] in on_page), -1)
            between = [i for s in self._stretches[touched[0] : touched[-1] + 1] for i in s.ids]
            prefix, suffix = first.ids[:low], last.ids[high + 1 :]
            if suffix and last.ids[high] != page[-1]:
                prefix, suffix = prefix + suffix, []  # the page goes on past it: a guess had put these too late
            spared = frozenset(prefix) | frozenset(suffix) | on_page
            # Events that a chain placed by their timestamps and that the page does not show here belong behind it.
            moved = [event_id for event_id in between if event_id not in spared]
            merged = Stretch(prefix + page + moved + suffix)
            self._note_places(merged.ids, low, low + len(page) + len(moved) + 1)
            if any(stretch is self._home for stretch in self._stretches[touched[0] : touched[-1] + 1]):
                self._home = merged
            self._stretches[touched[0] : touched[-1] + 1] = [merged]
        else:
            merged = Stretch(page)
            self._note_places(page, 0, len(page))
            self._stretches.insert(0 if at_head else len(self._stretches), merged)
        for event_id in merged.ids:
            self._stretch_of[event_id] = merged
            self._loosen(event_id)
        self._number(merged, at_head=at_head)
        self._extend_by_seq()

    def _number(self, stretch: Stretch, *, at_head: bool) -> None:
        """Give indexes to the events of a page from their neighbours, where any is known."""
        seq = 0 if at_head else None
        for event_id in stretch.ids:
            seq = self._seqs.get(event_id, seq)
            if seq is not None:
                self._set_seq(event_id, seq)
                seq += 1
        stretch.next_seq = seq


def _rindex(ids: Sequence[str], wanted: str) -> int:
    return next(index for index in range(len(ids) - 1, -1, -1) if ids[index] == wanted)


def ids_of(events: Iterable[LogEvent]) -> list[str]:
    """The ids of some events, in their order."""
    return [event["id"] for event in events]
