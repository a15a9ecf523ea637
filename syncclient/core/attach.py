"""The first sync: subscribe, then read the head and the tail, and leave the middle as an explicit gap. Pure.

Subscribe first: an event between a first page and the subscription would be nobody's (R01). Two pages whatever the
length, one if the log fits it, none if the snapshot or the socket says all.
"""

from __future__ import annotations

import math

from gapless.syncclient.core import actions
from gapless.syncclient.core.events import AttachRequested
from gapless.syncclient.core.repairs import Repairs
from gapless.syncclient.core.requests import Request
from gapless.syncclient.core.resume import Resume, SavedBelief
from gapless.syncclient.core.situation import Situation
from gapless.syncclient.core.socket_state import Connection
from gapless.syncclient.decisions import decision
from gapless.syncclient.errors import ServerUnreachable
from gapless.syncclient.log.walk import Walk
from gapless.syncclient.path_marks import sometimes
from gapless.syncclient.wire import Durable, Generation, Page

_STALE_PAGES_MAX = 3
"""How often a page that is behind the socket is asked for again, before it is taken as it is: a record may be
corrupt."""

_READ_BACK_TRIES_MAX = 8
"""How often what came before an index that began anew is read, while pages are behind it."""


class Attach:
    """The attach, from its request until head and tail are held."""

    def __init__(self, situation: Situation, repairs: Repairs) -> None:
        self._situation = situation
        self._repairs = repairs
        self._resume = Resume(situation)
        self._has_begun = False
        self._epoch = 0
        self._head_shown_in_epoch = -1
        self._is_read_back = False
        """Whether what was followed before the index began anew is held again."""
        self._read_back_tries = 0
        self._read_back_at_s = -math.inf
        self._since_s: float | None = None
        self._start: int | None = None
        """The log index from which the socket replayed the tail (session generation)."""

    @property
    def is_resuming(self) -> bool:
        """Whether there is something saved that is neither believed nor dropped yet."""
        return self._resume.is_open

    def request(self, requested: AttachRequested) -> None:
        """Somebody wants to follow the conversation: hold what an earlier client saved, and go on from there.

        Ask which generation the server speaks, if nobody said.
        """
        self._since_s = self._situation.now_s
        if requested.saved is not None:  # at once: until it is held, a store would be told that nothing is
            self._resume.begin(requested.saved, requested.payloads)
        if requested.generation is None:
            deadline_s = self._since_s + self._situation.settings.attach_deadline_s
            self._situation.ask(Request("generation", self._situation.step, deadline_s))
        else:
            self.begin(requested.generation)

    def begin(self, generation: Generation) -> None:
        """Subscribe."""
        self._situation.generation = generation
        self._resume.subscribe()
        self._has_begun = True
        self._situation.open_socket()

    def step(self) -> None:
        """Read what is to be read, once the subscription stands, or when it has been waited for long enough."""
        now = self._situation
        if self._epoch != now.epoch:
            self._epoch, self._read_back_tries = now.epoch, 0
            self._repairs.begin_epoch()
            self._since_s = now.now_s if self._since_s is None else self._since_s
        if self._since_s is None or not self._has_begun:
            return
        deadline_s = self._since_s + now.settings.attach_deadline_s
        if now.due(deadline_s):
            sometimes("attach: gave up at the deadline")
            why = f"attach_deadline_s ({now.settings.attach_deadline_s:g} s) was reached"
            asked = now.exchange
            now.fail(ServerUnreachable(f"{why}; the last answer: {asked.reason}" if asked and asked.reason else why))
            return
        if now.exchange is not None:
            return
        if now.ready_connection() is None:
            if not now.due(self._since_s + now.settings.poll_after_s):
                return
            sometimes("attach: read before the subscription stood")
            now.unverified = True  # what comes between this page and the subscription is nobody's yet (R01)
        if self._resume.is_open:
            self._step_resume()
            return
        replaying = now.replaying_connection()
        if replaying is not None:
            self._follow_replay(replaying)
        elif self._is_known_empty():
            sometimes("attach: the snapshot said that the log is empty")
            now.ledger.begin(next_seq=None, at_head=True)
            self._finish()
        else:
            self._walk(Walk.from_head(pages_max=self._situation.settings.end_events))

    def is_behind(self, exchange: Request, page: Page) -> bool:
        """Whether a page is from a view that is behind the socket. Then it is not placed, and is asked for again.

        It says that the log ends, and does not show the last event that the socket has named before it was asked for.
        """
        connection, walk = self._situation.ready_connection(), exchange.walk
        if connection is None or connection.asked_step > exchange.begun_step or walk is None or self._resume.is_open:
            return False
        is_whole = walk.border is None and (walk.descending or page.next_page_id is None)
        now = self._situation
        # One that shows nothing at all would make what came before the index a part of no log.
        is_tried = bool(page.items) or self._since_s is None or now.due(self._since_s + now.settings.veto_wait_s)
        if not is_whole or self._shows_last(connection, page) or (exchange.turns >= _STALE_PAGES_MAX and is_tried):
            return False
        sometimes("attach: a page was behind the socket, and was asked for again")
        exchange.turns += 1
        now.retry(exchange, now.now_s + now.settings.settle_s + now.backoff_s(exchange.turns))
        return True

    def _shows_last(self, connection: Connection, page: Page) -> bool:
        """Whether a page shows the last event of the log that the connection named when it was made."""
        ledger, ids = self._situation.ledger, [item["id"] for item in page.items]
        if connection.last_seq >= 0:
            seqs = [ledger.seq_of(event_id) for event_id in ids]
            return any(seq is None or seq >= connection.last_seq for seq in seqs)
        leaf_id = connection.snapshot.leaf_id if connection.snapshot is not None else None
        return leaf_id is None or leaf_id in ids or (bool(ids) and ledger.has_child(leaf_id))

    @decision("attach-end-shown")
    def has_end(self, exchange: Request) -> bool:
        """Whether a walk has shown enough of the log's head or tail; pages may be smaller than what was asked for."""
        assert exchange.walk is not None, "only a walk has pages"
        settings = self._situation.settings
        walk, ledger = exchange.walk, self._situation.ledger
        if walk.reads_back:
            return False
        is_all = settings.certainty == "log"
        shown_events = walk.shown_events if is_all else walk.shown_branch_events(ledger)
        return shown_events >= settings.end_events or walk.shown_events >= settings.page_size_events

    def end_walk(self, exchange: Request, *, reached_end: bool) -> None:
        """A page of the attach is placed; `reached_end` says that nothing lies beyond it."""
        now, is_resuming = self._situation, self._resume.is_open
        replaying = now.replaying_connection()
        if replaying is not None and not is_resuming:
            self._read_over(exchange, replaying, reached_end=reached_end)
            return  # the head is read, the socket replays the tail
        assert exchange.walk is not None, "only a walk ends"
        if reached_end or exchange.walk.descending:
            sometimes("attach: one page held the whole log", not exchange.walk.descending)
            is_whole = reached_end and not exchange.walk.descending
            self._resume.end(has_read_on=is_whole)
            if is_whole and not exchange.walk.is_broken:
                now.walked_from_step, now.unseen_ids = exchange.begun_step, ()
            self._finish()
        else:
            sometimes("attach: the tail was read, the middle left alone")
            self._walk(self._walk_from_tail())

    def _walk_from_tail(self) -> Walk:
        """To the log's tail alone; or, where all is begun anew, back to what the application was given as history."""
        now = self._situation
        if not now.has_attached:
            return Walk.backward(pages_max=now.settings.end_events)
        # Another log may not have that event, and be long.
        pages_max = 2 + now.given_events // now.settings.page_size_events
        return Walk.back_to(now.attached_id, pages_max=pages_max)

    def _read_over(self, exchange: Request, connection: Connection, *, reached_end: bool) -> None:
        """A page beside an index has been read: the index may begin behind what it shows (R75)."""
        now, walk = self._situation, exchange.walk
        if self._head_shown_in_epoch == now.epoch and not now.ledger.is_head_indexed():
            if not now.ledger.is_index_anew:
                self._is_read_back = reached_end
            now.ledger.begin_index()
        is_met = now.attached_id is not None and now.ledger.is_at_tail(now.attached_id)
        now.is_cut_off = reached_end and not is_met and now.ledger.is_index_anew and bool(now.ledger.gaps())
        if now.is_cut_off and self._read_back_tries < _READ_BACK_TRIES_MAX:
            sometimes("attach: a page was behind the index that began anew, and was asked for again")
            self._read_back_tries += 1
            self._read_back_at_s = now.now_s + now.settings.settle_s + now.backoff_s(self._read_back_tries)
            self._is_read_back = False
        if connection.last_seq < 0 and (reached_end or (walk is not None and walk.reads_back)):
            now.ledger.number_next(0)  # the next event is the first that has an index

    def contradicts(self, connection: Connection, frame: Durable) -> bool:
        """Whether the frame shows that what is held is of another log; then all is begun anew without it (R60)."""
        now = self._situation
        seq, is_new = frame.seq, frame.event["id"] not in now.ledger
        is_held = seq is not None and now.is_attached and seq <= connection.held_seq
        is_other = is_new and seq is not None and (is_held or now.ledger.is_taken(seq))
        event_id = frame.event["id"]
        is_other = is_other or bool(now.ledger.conflicting(event_id, seq)) or now.ledger.has_no_room(event_id, seq)
        is_other = is_other and not self._resume.is_open
        if not self._resume.contradicts(frame) and not is_other:
            return False
        self.begin_anew("the log has another event where one of ours was")
        return True

    def heard_length(self, connection: Connection) -> None:
        """The log is as long as the connection's sync says; if that is less than it was, it has lost its end (R60)."""
        now = self._situation
        if not now.is_attached or now.generation != "session":
            return
        if connection.last_seq < connection.held_seq:
            self.begin_anew("the log is shorter than what was held")
        elif now.ledger.unplaced_from(connection.last_seq + 1):
            sometimes("socket: what was held beyond a hole is beyond the log's end")
            self.begin_anew("the log ends before what was held beyond a hole")

    def turn_back(self, page: Page | None) -> None:
        """The server does not know an event that was saved: ask once more by the log's tail, or begin anew."""
        self._situation.exchange = None
        walk = self._resume.second_walk(page)
        if walk is not None:
            self._walk(walk)
        else:
            self.begin_anew("the log does not have the last events that were saved")

    def begin_anew(self, why: str) -> None:
        """Hold nothing of the log any more, for it contradicts what is held (R60)."""
        held = "saved" if self._resume.is_open else "held"
        self._resume.end(has_read_on=False)
        self._situation.begin_epoch(why, held=held)

    def _step_resume(self) -> None:
        """See whether what was saved can be believed, by the socket or by a page."""
        replaying = self._situation.replaying_connection()
        match self._resume.look():
            case SavedBelief.WAIT:
                pass
            case SavedBelief.HELD:
                self._resume.end(has_read_on=replaying is not None)
                if replaying is None:
                    self._finish()
                else:
                    self._follow_replay(replaying)
            case SavedBelief.STALE:
                self.begin_anew("the log is shorter than what was saved")
                self.step()
            case SavedBelief.READ:
                walk = self._resume.first_walk()
                if walk is not None:
                    self._walk(walk)
                else:
                    self.begin_anew("what was saved ends before its first sync did")
                    self.step()

    def _is_known_empty(self) -> bool:
        """A snapshot that speaks of leaves and names none, and nothing was ever said: nothing is on the branch.

        A log that began before 1.31 has no leaf either, and is not empty.
        """
        now, connection = self._situation, self._situation.ready_connection()
        snapshot = connection.snapshot if connection is not None else None
        has_no_leaf = snapshot is not None and snapshot.knows_leaf and snapshot.leaf_id is None
        if snapshot is not None and (snapshot.has_message or snapshot.status not in (None, "idle")):
            return False
        return has_no_leaf and now.settings.certainty == "branch" and not len(now.ledger)

    @decision("attach-replay")
    def _follow_replay(self, connection: Connection) -> None:
        """The socket tells how long the log is and replays it: a short log whole, a long one's tail.

        The index may have begun anew behind a log that went on (R75). Then pages show the log's head, and what was
        followed before.
        """
        now, through_seq = self._situation, connection.last_seq
        page_size = now.settings.page_size_events
        if (
            through_seq < 0
            and connection.snapshot is None
            and not now.due(connection.asked_at_s + now.settings.ready_wait_s)
        ):
            return  # it comes with the length, and says whether there is anything
        if now.ledger.next_seq() is None:
            # Begun anew, it is followed from where it was at first: the application was there since then (R60).
            start = max(0, through_seq - page_size + 1)
            self._start = start = start if self._start is None else min(start, self._start)
            now.ledger.begin(next_seq=start, at_head=start == 0 and not now.ledger.is_index_anew)
            if through_seq >= 0:
                sometimes("attach: the socket replayed a short log whole", start == 0)
                now.open_socket()
                return
        next_seq = now.ledger.next_seq()
        if not now.ledger.head_known:
            sometimes("attach: the socket replayed a long log's tail")
            self._walk(Walk.from_head(pages_max=now.settings.end_events))
        elif (next_seq is None or next_seq <= through_seq) and not self._is_end_unreadable(connection):
            self._repairs.step()
        elif next_seq is not None and next_seq <= through_seq:
            sometimes("attach: the log's last records could not be read")
            now.note("the log's last records cannot be read")
            now.ledger.skip_to(through_seq + 1)
            self._follow_replay(connection)
        elif self._is_head_doubted(connection):
            sometimes("attach: the index began anew, so the log's head was read")
            self._head_shown_in_epoch, self._is_read_back = now.epoch, False
            self._walk(Walk.from_head(pages_max=now.settings.end_events))
        elif now.ledger.is_index_anew and not self._is_read_back:
            if not now.due(self._read_back_at_s):
                return
            sometimes("attach: the index began anew, so the log was read back to where it was followed from")
            self._is_read_back = True
            self._walk(self._walk_from_tail())
        else:
            sometimes("attach: the index said that the log is empty", through_seq < 0)
            self._finish()

    def _is_end_unreadable(self, connection: Connection) -> bool:
        """Whether neither a replay nor pages show the records up to the index that the connection has named (R59).

        A view that is behind the socket looks the same, but not for long (R52). If the leaf is held, what is missing is
        no part of the branch.
        """
        now, settings = self._situation, self._situation.settings
        leaf_id = connection.snapshot.leaf_id if connection.snapshot is not None else None
        if self._since_s is None or (leaf_id is not None and leaf_id not in now.ledger):
            return False
        wait_s = settings.veto_wait_s if settings.certainty == "branch" else settings.attach_deadline_s / 2
        return now.exchange is None and now.confirmed_step >= connection.asked_step and now.due(self._since_s + wait_s)

    def _is_head_doubted(self, connection: Connection) -> bool:
        """Whether the index begins with another event than the log does: it may have begun anew (R75)."""
        now, ledger = self._situation, self._situation.ledger
        if self._head_shown_in_epoch == now.epoch:
            return False
        first_id = ledger.first_branch_id()
        before_id = connection.snapshot.leaf_id if connection.snapshot is not None else None
        if first_id is not None:
            before_id = ledger.parent_of(first_id)
        is_cut_off = before_id is not None and before_id not in ledger
        return is_cut_off or (now.head_before is not None and ledger.head_id() != now.head_before)

    def _walk(self, walk: Walk) -> None:
        now = self._situation
        assert self._since_s is not None, "the attach has begun"
        now.begin_exchange("attach", walk, deadline_s=self._since_s + now.settings.attach_deadline_s)

    @decision("attach-finish")
    def _finish(self) -> None:
        now = self._situation
        self._since_s, now.is_attached, now.confirmed_step = None, True, now.step
        self._resume.drop_unseen()
        now.ledger.settle_main()
        if now.run is not None:
            now.run.find_arm(now.ledger)  # the log may be another than the one in which it was armed
        if not now.has_attached:
            now.attached_id = now.ledger.tail_id()
            unanswered = now.ledger.unanswered()
            now.messages.is_one_unanswered = bool(unanswered) and now.status == "idle"
            for message in unanswered if now.status == "running" else ():
                now.messages.heard(message)
            now.out.append(actions.FinishAttach())
        now.has_attached = True
