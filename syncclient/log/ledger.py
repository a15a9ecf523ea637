"""What changes what is held: events come in, evidence gives them a place. Pure; no I/O, no clock.

Three kinds of evidence give a place in the log:

- `seq` of the session socket extends a segment whose next index is known;
- a REST page is contiguous in itself, and joins the segments it overlaps;
- `parent_id` of the tree generation leads from a leaf back to a placed event (`path_to`, `place_path`).

Identity is the id, never a position: both sides of a border may send the same event (R32, R50). `held.py` has the
terms, and the questions that can be asked.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import takewhile

from gapless.syncclient.decisions import decision
from gapless.syncclient.log.held import BranchPath, Held, Segment, rindex
from gapless.syncclient.path_marks import sometimes
from gapless.syncclient.stores.saved import Saved
from gapless.syncclient.wire import SYSTEM_PROMPT, LogEvent, is_branch_event


class Ledger(Held):
    """The events held and their proven order, and how what comes in changes both."""

    # -- what comes in ------------------------------------------------------------------------------------------------

    def begin(self, *, next_seq: int | None, at_head: bool) -> None:
        """Begin with an empty segment at the log's head, or before index `next_seq`; earlier events are a gap."""
        self._segments.append(Segment(next_seq=next_seq))
        self.head_known = self.head_known or at_head

    def begin_index(self) -> None:
        """The index begins behind the log's head, so nothing has an index that was counted from there (R75)."""
        self.is_index_anew = True
        segment = self._segments[0]
        for event_id in takewhile(lambda one: one in self._counted or one not in self._seqs, segment.ids):
            self._counted.pop(event_id, None)
            self._seqs.pop(event_id, None)
        if not segment.ids or segment.ids[-1] not in self._seqs:
            segment.next_seq = None

    def number_next(self, seq: int) -> None:
        """What follows the log's end has that index, unless what is there has one (R75)."""
        last = self._last()
        if last is not None and last.next_seq is None:
            last.next_seq = seq

    def skip_to(self, seq: int) -> None:
        """What is between the log's end, as far as it is held, and that index cannot be read (R59)."""
        last = self._last()
        if last is not None:
            last.next_seq = seq
            self._extend_by_seq()

    def settle_main(self) -> None:
        """The attach is done: the last segment is the main segment from now on."""
        if not self._segments:
            self.begin(next_seq=None, at_head=False)
        self._main = self._segments[-1]

    @decision("add-live")
    def add_live(self, event: LogEvent, seq: int | None, *, size_bytes: int = 0) -> bool:
        """Hold an event from the socket; true if it is new. A duplicate changes nothing."""
        event_id = event["id"]
        if event_id in self._events:
            sometimes("ledger: an event came twice")
            if seq is not None:
                self._learn_seq(event_id, seq)
            return False
        self._hold(event, size_bytes)
        self._set_unplaced(event)
        if seq is not None:
            self._learn_seq(event_id, seq)
        return True

    def differs(self, event: LogEvent) -> bool:
        """Whether another version of the event is held, with its payload."""
        held = self.payloads.get(event["id"])
        return held is not None and held != event

    def renew(self, event: LogEvent, *, size_bytes: int, is_from_log: bool, is_first_frame: bool = False) -> bool:
        """Replace an event that is held by another version of it; true if it is a newer one.

        What a page shows is the log's version. What a frame shows is newer, unless it is a copy of a version before.
        `is_first_frame`: no frame has shown the event yet, so a frame with what is held, that comes after this one, is
        no copy.
        """
        event_id = event["id"]
        held = self.payloads.get(event_id)
        if held is None or held == event:
            return False
        versions = self._versions.setdefault(event_id, [] if is_first_frame else [_digest(held)])
        digest = _digest(event)
        if digest in versions and not is_from_log:
            return False
        versions.append(digest)
        if event_id in self._unplaced:
            self._await_parent(held, -1)
            self._await_parent(event, 1)
        self.payloads.hold(event, size_bytes)
        if self._changes is not None:
            self._changes.renewed(event, size_bytes)
        return True

    @decision("merge-page")
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
        begins the log. Segments that the page overlaps become one; without overlap it is a segment of its own, at the
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
        elif at_head and not self._segments:
            self.begin(next_seq=0, at_head=True)
        return new

    @decision("place-path")
    def place_path(self, path: BranchPath) -> None:
        """Place a proven path at the end of the main segment, each state update behind the parent it names.

        The order among state updates of one parent is by their timestamps: likely, not proven, and mended by any page
        that covers it.
        """
        main = self._main
        if main is None:
            return
        self._dissolve_fragments()
        if path.ids and self.parent_of(path.ids[0]) != self._tip():
            return  # the leaf went back, so the path does not tell where in the log it begins
        for event_id in path.ids:
            if event_id not in self._segment_of:
                self._append(main, event_id)
        updates = [event_id for event_id in self._unplaced if not is_branch_event(self._events[event_id])]
        for event_id in sorted(updates, key=self._time_behind_parent):
            parent_id = self._events[event_id].get("parent_id")
            if (
                isinstance(parent_id, str)
                and parent_id in self._segment_of
                and not self._is_overtaken(parent_id, event_id)
            ):
                self._insert_behind(parent_id, event_id)

    def _time_behind_parent(self, event_id: str) -> tuple[bool, str]:
        """Orders events of one parent by their timestamps; those older than it came after the clock stepped back."""
        at, parent_id = self._timestamp(event_id), self.parent_of(event_id)
        is_stepped = parent_id is not None and parent_id in self._events and at < self._timestamp(parent_id)
        return is_stepped, at

    def _is_overtaken(self, parent_id: str, event_id: str) -> bool:
        """Whether the log had gone on from a parent when an update named it: then the leaf went back (R33, R60)."""
        segment = self._segment_of[parent_id]
        behind = segment.ids[rindex(segment.ids, parent_id) + 1 :]
        child_id = next((one for one in behind if is_branch_event(self._events[one])), None)
        return child_id is not None and self._time_behind_parent(child_id) < self._time_behind_parent(event_id)

    def linked_path(self) -> BranchPath:
        """The unplaced branch events that follow the last placed one without a break, but for the newest.

        The newest is left out because it may be published and not yet persisted (R52): a poor anchor.
        """
        self._dissolve_fragments()
        children: dict[str | None, list[str]] = {}
        for event_id in self._unplaced:
            event = self._events[event_id]
            if is_branch_event(event) and (event.get("parent_id") is not None or event["kind"] == SYSTEM_PROMPT):
                children.setdefault(event.get("parent_id"), []).append(event_id)
        tip = self._tip()
        if tip is None and not self.head_known:
            return BranchPath((), None)
        ids: list[str] = []
        while len(found := children.get(tip, [])) == 1:
            tip = found[0]
            ids.append(tip)
        return BranchPath(tuple(ids[:-1]), None)

    def place_unplaced(self) -> None:
        """Place all unplaced events at the end of the main segment by timestamp, when a count has proven the set."""
        main = self._main
        if main is not None:
            for event_id in sorted(self._unplaced, key=self._timestamp):
                self._append(main, event_id)

    def pass_over(self, event_ids: Sequence[str]) -> None:
        """A walk to the log's tail has not shown some unplaced events."""
        self._passed.update(dict.fromkeys(event_ids))

    def trim(self, size_bytes_max: int) -> None:
        """Drop payloads until those left fit; the log's head and the newest events stay longest."""
        if self.payloads.size_bytes > size_bytes_max:
            self.payloads.trim(self.ordered_ids(), size_bytes_max, head_known=self.head_known)

    # -- from one life to the next ------------------------------------------------------------------------------------

    def restore(self, saved: Saved, payloads: Mapping[str, LogEvent]) -> None:
        """Hold what another client has saved; `payloads` are the events to have whole.

        What that one read from the tail, and had not joined to the main segment yet, has no proven place any more.
        """
        for event in saved.events:
            stub, event_id = event.stub, event.stub.event_id
            self._events[event_id] = stub
            if event_id in payloads:
                self.payloads.hold(payloads[event_id], event.size_bytes)
        for segment in saved.segments:
            self._segments.append(Segment(list(segment.ids), segment.next_seq))
            self._segment_of.update(dict.fromkeys(segment.ids, self._segments[-1]))
            if segment.is_main:
                break
        self.head_known = saved.head_known
        for event in saved.events:
            if event.stub.event_id not in self._segment_of:
                self._set_unplaced(event.stub)  # its index, if any, is learnt again: the log may be another by now
                if self._changes is not None:
                    self._changes.unplaced(event.stub.event_id)
            elif event.seq is not None:
                self._seqs[event.stub.event_id] = event.seq
        if self._segments:
            self._main = self._segments[-1]

    def drop(self, event_ids: Sequence[str]) -> None:
        """Hold some events no more; in the session generation only unplaced ones, for its indexes count them all."""
        for event_id in event_ids:
            self._forget_unplaced(event_id)
            segment = self._segment_of.pop(event_id, None)
            if segment is not None:
                index = rindex(segment.ids, event_id)
                del segment.ids[index]
                self._note_places(segment.ids, index, index + 1)
                self.version += 1
                if not segment.ids:
                    segment.next_seq = None  # what is next in the log is nobody's to know any more
            del self._events[event_id]
            self.payloads.drop(event_id)
            self._seqs.pop(event_id, None)
            self._counted.pop(event_id, None)
            if self._changes is not None:
                self._changes.dropped(event_id)
        self.skipped = {one: named_by for one, named_by in self.skipped.items() if named_by in self._events}
        self._segments = [segment for segment in self._segments if segment.ids or segment is self._main]
        if self._main is not None and not self._main.ids and len(self._segments) > 1:
            self._segments = [segment for segment in self._segments if segment is not self._main]
            self._main = self._segments[-1]  # nothing of the main segment is left: the log is another

    # -- inside -------------------------------------------------------------------------------------------------------

    def _hold(self, event: LogEvent, size_bytes: int) -> None:
        self.payloads.hold(event, size_bytes)
        self._awaited.pop(event["id"], None)
        self.skipped.pop(event["id"], None)
        if self._changes is not None:
            self._changes.held(event, size_bytes)

    def _set_unplaced(self, event: LogEvent) -> None:
        self._unplaced[event["id"]] = None
        self._await_parent(event, 1)

    def _await_parent(self, event: LogEvent, count: int) -> None:
        """Count an unplaced event among those that wait for their parent, or count it no more."""
        parent_id = event.get("parent_id")
        if isinstance(parent_id, str) and (parent_id in self._awaited or (count > 0 and parent_id not in self._events)):
            self._awaited[parent_id] = self._awaited.get(parent_id, 0) + count
            if not self._awaited[parent_id]:
                del self._awaited[parent_id]

    def _set_seq(self, event_id: str, seq: int) -> None:
        """The event's log index, unless one is known."""
        if event_id not in self._seqs:
            self._seqs[event_id] = seq
            if self._changes is not None:
                self._changes.numbered(event_id, seq)

    def _count(self, event_id: str, seq: int) -> None:
        """The event's log index by our own count."""
        self._counted[event_id] = None
        if self._seqs.get(event_id) != seq:
            self._seqs.pop(event_id, None)
            self._set_seq(event_id, seq)

    def _note_places(self, ids: Sequence[str], start: int, stop: int) -> None:
        if self._changes is not None:
            for index in range(start, min(stop, len(ids))):
                self._changes.placed(ids[index], ids[index - 1] if index else None)

    def _learn_seq(self, event_id: str, seq: int) -> None:
        self._is_numbered = True
        if event_id in self._counted:
            del self._counted[event_id]
            if self._seqs[event_id] != seq:
                self._recount(event_id, seq)
        self._set_seq(event_id, seq)
        if event_id in self._unplaced:
            self._unplaced_by_seq.setdefault(seq, event_id)
        elif (segment := self._segment_of[event_id]).next_seq is None:
            self._number(segment, at_head=False)  # read from pages, which carry no indexes
        self._extend_by_seq()

    def _recount(self, event_id: str, seq: int) -> None:
        """A page has skipped a corrupt record, so our own count was wrong from there on."""
        segment = self._segment_of.get(event_id)
        del self._seqs[event_id]
        self._set_seq(event_id, seq)
        if segment is not None:
            self._number(segment, at_head=self.head_known and segment is self._segments[0])

    def _dissolve_fragments(self) -> None:
        """Let go of what walks left unfinished: the chain places these events better."""
        for fragment in self._fragments():
            self._segments.remove(fragment)
            self._take_out(fragment.ids)
            self.version += 1

    def _take_out(self, event_ids: Sequence[str]) -> None:
        """Some events have no proven place any more."""
        for event_id in event_ids:
            del self._segment_of[event_id]
            self._set_unplaced(self._events[event_id])
            if self._changes is not None:
                self._changes.unplaced(event_id)

    def _append(self, segment: Segment, event_id: str) -> None:
        segment.ids.append(event_id)
        self._segment_of[event_id] = segment
        self._note_places(segment.ids, len(segment.ids) - 1, len(segment.ids))
        self._forget_unplaced(event_id)
        self._note_skipped(event_id)
        if segment.next_seq is not None:
            if event_id not in self._seqs:
                self._count(event_id, segment.next_seq)
            segment.next_seq = self._seqs[event_id] + 1

    def _forget_unplaced(self, event_id: str) -> None:
        """Take the event off the unplaced ones, now that its place is known, and off those that wait for a parent."""
        if event_id not in self._unplaced:
            return
        del self._unplaced[event_id]
        self._passed.pop(event_id, None)
        self._await_parent(self._events[event_id], -1)
        seq = self._seqs.get(event_id)
        if seq is not None and self._unplaced_by_seq.get(seq) == event_id:
            del self._unplaced_by_seq[seq]

    def _note_skipped(self, event_id: str) -> None:
        """Note the parent of an event that has a place now, if it has none: a page has skipped it.

        The first of a segment names what is in the gap before it.
        """
        parent_id, segment = self._events[event_id].get("parent_id"), self._segment_of.get(event_id)
        if not isinstance(parent_id, str) or parent_id in self._events or segment is None:
            return
        first_id = next((one for one in segment.ids if self.is_branch_event(one)), event_id)
        if first_id != event_id:
            self.skipped[parent_id] = event_id

    @decision("insert-behind")
    def _insert_behind(self, parent_id: str, event_id: str) -> None:
        segment = self._segment_of[parent_id]
        index = rindex(segment.ids, parent_id) + 1
        while index < len(segment.ids):
            neighbour = self._events[segment.ids[index]]
            same_parent = neighbour.get("parent_id") == parent_id and not is_branch_event(neighbour)
            if not same_parent or self._time_behind_parent(segment.ids[index]) > self._time_behind_parent(event_id):
                break
            index += 1
        segment.ids.insert(index, event_id)
        self._segment_of[event_id] = segment
        self._note_places(segment.ids, index, index + 2)
        self._forget_unplaced(event_id)
        self.version += 1

    def _extend_by_seq(self) -> None:
        for segment in self._segments:
            while segment.next_seq is not None and segment.next_seq in self._unplaced_by_seq:
                self._append(segment, self._unplaced_by_seq[segment.next_seq])

    def _goes_on(self, page: list[str], *, at_head: bool) -> bool:
        """Whether the page shows what a segment holds, and goes on at its end: then it is done here, in place.

        It is what all other ways come to, at the cost of the page rather than of the log.
        """
        segment = self._segment_of.get(page[0])
        if segment is None or not self._segments[-1].ids or (at_head and segment is not self._segments[0]):
            return False
        start = segment.ids.index(page[0])
        known = segment.ids[start : start + len(page)]
        new = page[len(known) :]
        if known != page[: len(known)] or any(event_id in self._segment_of for event_id in new):
            return False
        if segment.next_seq is None and any(event_id in self._seqs for event_id in page):
            return False
        if segment.next_seq is not None:
            numbered = dict(enumerate(new, segment.next_seq))
            if any(self._seqs.get(event_id, seq) != seq for seq, event_id in numbered.items()):
                return False  # something is skipped in between
            certain_seq = max((self._seqs[event_id] for event_id in new if event_id in self._seqs), default=-1)
            self.is_contradicted |= any(
                self._unplaced_by_seq.get(seq, event_id) != event_id
                for seq, event_id in numbered.items()
                if seq < certain_seq
            )
        for event_id in new:
            self._append(segment, event_id)
        self._extend_by_seq()
        return True

    def _splice(self, page: list[str], *, at_head: bool) -> None:
        page = self._with_parents(page)
        if self._goes_on(page, at_head=at_head):
            return
        self.version += 1
        touched = [
            index
            for index, segment in enumerate(self._segments)
            if any(self._segment_of.get(event_id) is segment for event_id in page)
        ]
        if at_head and self._segments and not self._segments[0].ids and not self._segments[0].next_seq:
            touched.insert(0, 0)  # the empty segment that `begin` put at the head
        last_is_empty = bool(self._segments) and not self._segments[-1].ids
        if not at_head and last_is_empty and self._segments[-1] is not self._main:
            touched.append(len(self._segments) - 1)  # begun for a replay that did not come; this page is the tail
            touched = list(dict.fromkeys(touched))
        if touched:
            first, last = self._segments[touched[0]], self._segments[touched[-1]]
            between = [i for s in self._segments[touched[0] : touched[-1] + 1] for i in s.ids]
            page = self._with_skipped(page, between, at_head=at_head)
            on_page = frozenset(page)  # membership only, never iterated
            start = next((i for i, event_id in enumerate(first.ids) if event_id in on_page), len(first.ids))
            high = next((i for i in range(len(last.ids) - 1, -1, -1) if last.ids[i] in on_page), -1)
            guessed = [] if self._is_numbered else first.ids[start : self._first_branch_index(first, page)]
            prefix = first.ids[:start] + [one for one in guessed if one not in on_page]
            suffix = last.ids[high + 1 :]
            if suffix and last.ids[high] != page[-1]:
                prefix, suffix = prefix + suffix, []  # the page goes on past it: a guess had put these too late
                self.is_contradicted |= self._is_numbered  # and an index is no guess
            spared = frozenset(prefix) | frozenset(suffix) | on_page
            moved = [event_id for event_id in between if event_id not in spared]
            sometimes("ledger: a page put a guessed order right", moved)
            self.is_contradicted |= self._is_numbered and bool(moved)
            if not self._is_numbered:
                # A chain placed them by their timestamps; the page does not show them: they are behind it or in no log.
                self._take_out(moved)
                moved = []
            merged = Segment(prefix + page + moved + suffix)
            self._note_places(merged.ids, start, len(merged.ids) - len(suffix) + 1)
            if any(segment is self._main for segment in self._segments[touched[0] : touched[-1] + 1]):
                self._main = merged
            self._segments[touched[0] : touched[-1] + 1] = [merged]
        else:
            merged = Segment(page)
            self._note_places(page, 0, len(page))
            self._segments.insert(0 if at_head else len(self._segments) - self._is_before_index(page), merged)
        for event_id in merged.ids:
            self._segment_of[event_id] = merged
            self._forget_unplaced(event_id)
        for event_id in page:
            self._note_skipped(event_id)
        self._number(merged, at_head=at_head)
        self._extend_by_seq()

    def _is_before_index(self, page: list[str]) -> bool:
        """Whether the tail of the log that a page shows, in a view behind the socket, ends before the index that began
        anew (R52, R75)."""
        last_ids = self._segments[-1].ids if self._segments else []
        return self.is_index_anew and bool(last_ids) and self._timestamp(page[-1]) < self._timestamp(last_ids[0])

    def _first_branch_index(self, segment: Segment, page: list[str]) -> int:
        """Where a segment has the first branch event of a page; updates before it there may have been put too early."""
        found = (one for one in page if self._segment_of.get(one) is segment and self.is_branch_event(one))
        branch_id = next(found, None)
        return 0 if branch_id is None else segment.ids.index(branch_id)

    @decision("place-with-parents")
    def _with_parents(self, page: list[str]) -> list[str]:
        """Insert unplaced events whose record is corrupt, so that pages skip them. Each goes directly before the first
        page event that names it as its parent (R59)."""
        on_page = frozenset(page)
        found: dict[str, None] = {}
        for event_id in page:
            skipped: list[str] = []
            parent_id = self.parent_of(event_id)
            while parent_id in self._unplaced and parent_id not in on_page and parent_id not in found:
                skipped.append(parent_id)
                parent_id = self.parent_of(parent_id)
            if skipped and parent_id in found:
                sometimes("ledger: a page skipped what one of its events names as its parent")
                found.update(dict.fromkeys(reversed(skipped)))
            found[event_id] = None
        return list(found)

    def _with_skipped(self, page: list[str], placed: Iterable[str], *, at_head: bool) -> list[str]:
        """The page, and in their places those held that it skips though an index puts them between two of it: their
        records are corrupt, so no page has them (R59)."""
        if not self._is_numbered:
            return page
        on_page = frozenset(page)
        # An index of our own counting is a guess: nobody has said that it stands there.
        named = (one for one in (*placed, *self._unplaced) if one in self._seqs and one not in self._counted)
        skipped = {self._seqs[event_id]: event_id for event_id in named if event_id not in on_page}
        found: list[str] = []
        unnumbered: list[str] = []
        after_seq = -1 if at_head and not self.is_index_anew else None
        for event_id in page:
            seq = self._seqs.get(event_id)
            if seq is None:
                unnumbered.append(event_id)
                continue
            found += [*self._between(after_seq, seq, unnumbered, skipped), event_id]
            after_seq, unnumbered = seq, []
        found += self._between(after_seq, None, unnumbered, skipped)
        sometimes("ledger: a page skipped a corrupt record that is held", len(found) > len(page))
        return found

    def _between(
        self, after_seq: int | None, before_seq: int | None, unnumbered: list[str], skipped: Mapping[int, str]
    ) -> Iterator[str]:
        """What stands between two events of a page: those on it whose indexes are not known, and those that it skips.

        Which is which is certain where there are as many indexes to spare as there are events without one. Where more
        are to spare, more is skipped than is held, and only what follows directly on the first is certain. Where fewer
        are, what was held there is held there no more (R60).
        """
        if after_seq is None:
            yield from unnumbered
            return
        seq = after_seq + 1
        if before_seq is not None and before_seq - seq <= len(unnumbered) + len(skipped):
            spare = [one for one in range(seq, before_seq) if one not in skipped]
            if len(spare) < len(unnumbered):
                self.is_contradicted |= any(seq <= one < before_seq for one in skipped)
                yield from unnumbered
                return
            if len(spare) == len(unnumbered):
                numbered = {**skipped, **dict(zip(spare, unnumbered, strict=True))}
                yield from (numbered[one] for one in range(seq, before_seq))
                return
        while seq in skipped and seq != before_seq:
            yield skipped[seq]
            seq += 1
        yield from unnumbered

    def _number(self, segment: Segment, *, at_head: bool) -> None:
        """Give indexes to the events of a page from their neighbours, where any is known."""
        seq = 0 if at_head and not self.is_index_anew else None
        for event_id in segment.ids:
            if event_id in self._seqs and event_id not in self._counted:
                seq = self._seqs[event_id]
            elif seq is not None:
                self._count(event_id, seq)
            seq = None if seq is None else seq + 1
        segment.next_seq = seq


def _digest(event: LogEvent) -> int:
    """Tells versions of one event apart."""
    return zlib.crc32(json.dumps(event, sort_keys=True).encode())
