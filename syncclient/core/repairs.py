"""What is missing, and how it is asked for: by socket replay, by pages from an anchor, or backward from the tail. Pure.

A repair is begun when something has been missing for the settle interval, or when an outage leaves it open whether
anything is. It never runs inside the reader: answers come back as events, frames go on in between (R63).
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from gapless.syncclient.core.missing import Missing
from gapless.syncclient.core.requests import Request
from gapless.syncclient.core.situation import Situation
from gapless.syncclient.core.socket_state import Connection
from gapless.syncclient.decisions import decision
from gapless.syncclient.log.walk import Walk
from gapless.syncclient.path_marks import sometimes
from gapless.syncclient.wire import Page, Snapshot

_QUICK_REPLAYS_MAX = 4
"""How many replays may follow one another before the next waits, longer each time."""


class Repairs:
    """The repairs of one conversation; one at a time."""

    def __init__(self, situation: Situation) -> None:
        self._situation = situation
        self._missing = Missing()
        self._replays: dict[int, int] = {}
        self._replayed_at_s = -math.inf
        self._replays_in_a_row = 0
        self._shown_step = -1
        """When the newest events held were last shown once more."""
        self._blank_at: tuple[str | None, int] = (None, 0)
        """What was held last, and how many messages of ours were not seen, when a page was believed to be all."""
        self._gone_ids: tuple[str, ...] = ()
        """What was placed before, and the log did not show any more at `_gone_at_s`, while no run was in progress."""
        self._gone_at_s = 0.0
        self._skipped_step = -1
        """When what pages had skipped was asked for again."""
        self._unknown_cursor: str | None = None
        """The cursor that the server did not know the last time it was asked for."""

    @decision("repair-epoch")
    def begin_epoch(self) -> None:
        """Forget what was missing in a log that is held no more: indexes of it are those of other events."""
        self._missing, self._replays, self._unknown_cursor = Missing(), {}, None

    @decision("repair-step")
    def step(self) -> None:
        """Ask for what is missing, once it has been missing for long enough."""
        now = self._situation
        is_over = self._is_run_over()
        if now.exchange is not None or (now.ready_connection() is None and not is_over):
            return  # a GET is under way, or a socket is on its way that may tell more
        self._verify_after_outage()
        self._look_again()
        if now.exchange is not None:
            return
        missing, settings = self._missing, now.settings
        missing.update(self._tokens(), now.now_s)
        if not missing:
            return
        if missing.tries and now.due(missing.oldest_s() + settings.repair_deadline_s):
            self.give_up(f"repair_deadline_s ({settings.repair_deadline_s:g} s) was reached")
        elif missing.tries and missing.is_only(doubted := now.ledger.doubted_parents()):
            # A view that is behind the socket does not show them yet, or they are in no log (R53, R60).
            if now.due(missing.asked_at_s + settings.veto_wait_s):
                sometimes("repair: what may be in no log was asked for once more")
                missing.leave(doubted)
                missing.asked_at_s = now.now_s
                self.begin(to_tail=False)
        elif now.due(max(missing.due_at_s(settings.settle_s), -math.inf if is_over else self._replay_not_before_s())):
            missing.tries += 1
            missing.asked_at_s = now.now_s
            missing.not_before_s = now.now_s + settings.settle_s + now.backoff_s(missing.tries)
            self.begin(to_tail=False)

    def _is_run_over(self) -> bool:
        """Whether a run may be over, so that somebody waits for what is missing of it."""
        now, run = self._situation, self._situation.run
        return run is not None and run.may_be_over(now.now_s, not_before_s=now.end_not_before_s(run))

    def replay_broke_off(self, connection: Connection, *, is_oversized: bool) -> None:
        """A connection was lost before it had replayed what it said it would: after a few, read over it by a page.

        A frame that is too large for us (close 1009) or for the server (1013) comes again at every replay (R38).
        """
        now, next_seq = self._situation, self._situation.ledger.next_seq()
        if next_seq is None or not (is_oversized or connection.last_seq >= next_seq):
            return
        sometimes("repair: a frame was too large for the socket", is_oversized)
        if is_oversized:
            now.oversized_seq = next_seq
        tries = now.settings.replays_max if is_oversized else self._replays.get(next_seq, 0) + 1
        self._replays[next_seq] = tries
        if tries >= now.settings.replays_max and now.exchange is None:
            sometimes("repair: a replay that breaks off was read over")
            self.begin()

    def _count_replay(self) -> None:
        """A line that loses frame after frame is not worth a socket for each: the next one waits, and brings more."""
        now = self._situation
        is_quick = now.now_s - self._replayed_at_s < now.settings.backoff_s_max
        self._replays_in_a_row = self._replays_in_a_row + 1 if is_quick else 0
        self._replayed_at_s = now.now_s

    def _replay_not_before_s(self) -> float:
        settings, is_repeated = self._situation.settings, self._replays_in_a_row > _QUICK_REPLAYS_MAX
        wait_s = settings.settle_s * 2 ** (self._replays_in_a_row - _QUICK_REPLAYS_MAX) if is_repeated else 0.0
        return self._replayed_at_s + min(wait_s, settings.backoff_s_max / 2)

    def has_work(self) -> bool:
        """Whether something is known to be missing, or is being asked for."""
        return bool(self._missing) or self._situation.exchange is not None

    @decision("repair-begin")
    def begin(self, *, to_tail: bool = True, shows_end: bool = False, from_id: str | None = None) -> None:
        """Ask for what is missing: by socket replay where there is one and it has not failed, else by pages.

        `to_tail` asks for pages up to the log's tail, which proves it; without, they end when nothing is missing. With
        `shows_end`, the first page after an outage shows the newest events held once more, if it has room to spare:
        others may have been inserted among them (R76). With `from_id`, pages begin before that event.
        """
        now = self._situation
        if now.run is not None:
            now.run.repair_step = now.step
        next_seq = now.ledger.next_seq()
        is_replayed = now.generation == "session" and not self._holds_nothing() and from_id is None
        if is_replayed and next_seq is not None and now.ready_connection() is not None:
            tried = self._replays.get(next_seq, 0)
            # What loses nearly all of each replay is not waited for when somebody waits.
            is_lossy = self._replays_in_a_row > _QUICK_REPLAYS_MAX and self._is_run_over()
            sometimes("repair: replays lost most of what they brought, so a page was read", is_lossy)
            if tried < now.settings.replays_max and not is_lossy and not now.subscription.is_refusing():
                sometimes("repair: by socket replay")
                self._count_replay()
                self._replays[next_seq] = tried + now.renew_socket()
                return
        if now.places_by_chain():
            now.ledger.place_path(now.ledger.linked_path())
        pages_max = now.settings.pages_max
        back_events = 0 if from_id is None else now.ledger.placed_since(from_id) + 1
        anchor = now.ledger.anchor(back=max(back_events, self._shown_again_events(shows_end=shows_end)))
        if not now.is_echoed:
            anchor = now.ledger.anchor_at_seq(now.unechoed_seq)
        if anchor is not None and anchor.cursor == self._unknown_cursor and now.is_echoed:
            sometimes("repair: from the tail at once, for the cursor was unknown before")
            walk = Walk.backward(pages_max=pages_max)
        elif anchor is not None:
            sometimes("repair: by pages from an anchor")
            walk = Walk.forward(anchor, pages_max=pages_max)
        elif now.ledger.follows_from_head():
            sometimes("repair: by pages from the head")
            walk = Walk.from_head(pages_max=pages_max)
        else:
            walk = Walk.backward(pages_max=pages_max)
        now.begin_exchange("repair", walk, deadline_s=now.now_s + now.settings.repair_deadline_s, to_tail=to_tail)

    def _shown_again_events(self, *, shows_end: bool) -> int:
        """How many of the newest events held the next page is to show once more, if it has room to spare."""
        now = self._situation
        room_events = now.settings.page_size_events - now.ledger.unplaced_events() - 3
        wanted_events = max((now.ledger.placed_since(event_id) for event_id in now.contested), default=0)
        sometimes("repair: an event was shown again, for a frame had another version of it", wanted_events)
        if shows_end and not now.unverified and now.lost_step > self._shown_step:
            self._shown_step = now.step
            wanted_events = max(wanted_events, now.settings.end_events)
        return max(0, min(wanted_events, room_events))

    @decision("repair-next")
    def go_on(self, exchange: Request) -> None:
        """More pages follow. Where the chain tells what is missing, read no more of them than that takes."""
        now, walk = self._situation, exchange.walk
        if walk is not None and not walk.descending and not exchange.to_tail and now.places_by_chain():
            now.ledger.place_path(now.ledger.linked_path())
            self._missing.update(self._tokens(), now.now_s)
            anchor = now.ledger.anchor()
            if not self._missing:
                sometimes("repair: ended as soon as nothing was missing")
                now.exchange = None
                return
            if anchor is not None and anchor.echo != walk.border and not walk.has_read(anchor.echo):
                sometimes("repair: went on at the next hole")
                exchange.walk = Walk.forward(anchor, pages_max=walk.pages_left)  # the next hole is further on
        if now.run is None:
            now.ask(exchange)
        else:
            now.retry(exchange, now.now_s)  # unless the page that came proves the run already

    def is_blank(self, exchange: Request, page: Page) -> bool:
        """Whether a page says that the log is empty, though events of it are held, or the server has taken a message of
        ours. It is asked for again (R85).

        A log is replaced only by a server that has died (R60), and then the socket is lost.
        """
        now, walk, settings = self._situation, exchange.walk, self._situation.settings
        is_whole = walk is not None and walk.border is None and walk.query().page_id is None
        if not is_whole or page.items or page.next_page_id is not None:
            return False
        newest_id, unseen = now.ledger.newest_id(), now.messages.unseen
        was_believed = newest_id in (None, self._blank_at[0]) and unseen <= self._blank_at[1]
        connection = now.replaying_connection()
        was_told = connection is not None and connection.says_empty(unseen)
        if was_believed or was_told or now.lost_step > now.confirmed_step:
            self._blank_at = newest_id, unseen
            return False
        exchange.turns += 1
        retry_at_s = now.now_s + settings.settle_s + now.backoff_s(exchange.turns + 2)
        if retry_at_s <= exchange.deadline_s:
            now.retry(exchange, retry_at_s)
        else:
            self.give_up(f"repair_deadline_s ({settings.repair_deadline_s:g} s) was reached; pages are blank")
        return True

    def end_walk(self, exchange: Request) -> None:
        """A walk came to the log's tail, or met what is confirmed: the log is held as it was when the walk began."""
        now, walk = self._situation, exchange.walk
        if walk is not None and walk.is_broken:
            sometimes("repair: gave up, for an item could not be read")
            self.give_up("an item of the log cannot be read")
            return
        is_cut = walk is not None and self._lacks_echoes(walk)
        now.walked_from_step, now.unverified, now.unechoed = exchange.begun_step, False, {}
        now.confirmed_step = exchange.begun_step
        if walk is not None and not walk.descending:
            self._unknown_cursor = None
        if walk is None:
            return
        if now.generation == "session":
            if walk.lost_head:
                now.begin_epoch("the log's head was another")
            elif is_cut:
                now.begin_epoch("the log does not have the last event that was held")
            return
        if self._has_lost_leaf(exchange):
            sometimes("repair: the log does not have the leaf that was named before an outage")
            now.leaf_id = None
        gone = walk.unseen(now.ledger)
        passed = tuple(event_id for event_id in exchange.unplaced_ids if now.ledger.is_unplaced(event_id))
        now.unseen_ids = (*gone, *passed)
        now.ledger.pass_over(passed)
        if walk.lost_head:
            # Nothing of that log is left, and what the socket brought of it went with it.
            sometimes("repair: the log's head was another")
            now.discard(now.unseen_ids)
        elif replaced := now.ledger.replaced_by(walk.news_id, gone):
            # A view behind the socket hides what came last, and nothing else: these are in no log any more (R60).
            now.discard(replaced)
        elif now.run is None:
            self._doubt_gone(gone)

    @decision("log-was-cut")
    def _lacks_echoes(self, walk: Walk) -> bool:
        """Whether a walk back from the tail, to what is held, did not show an event that the log was to show again."""
        now = self._situation
        anchors = [now.ledger.anchor_at_seq(seq) for seq in now.unechoed]
        return walk.descending and any(anchor is None or not walk.has_read(anchor.echo) for anchor in anchors)

    @decision("leaf-lost")
    def _has_lost_leaf(self, exchange: Request) -> bool:
        """Whether a walk to the tail, begun since an outage, has not shown the leaf that was named before it (R60)."""
        now = self._situation
        is_missing = now.leaf_id is not None and now.leaf_id not in now.ledger
        return is_missing and now.leaf_step < now.lost_step < exchange.begun_step

    def _doubt_gone(self, gone: tuple[str, ...]) -> None:
        """The log has lost its end (R60), or its view is behind the socket, and then not for long (R52)."""
        now = self._situation
        is_late = now.due(self._gone_at_s + now.settings.veto_wait_s)
        if lost := [event_id for event_id in gone if event_id in self._gone_ids and is_late]:
            sometimes("repair: the log has lost its end")
            now.discard(lost)
        if gone != self._gone_ids:
            self._gone_ids, self._gone_at_s = gone, now.now_s

    def _look_again(self) -> None:
        """Read the log's end once more, if it did not show what was there before. A run's own proof does the same."""
        now, doubted = self._situation, [one for one in self._gone_ids if one in self._situation.ledger]
        if not doubted or now.run is not None:
            self._gone_ids = ()
        elif now.exchange is None and now.due(self._gone_at_s + now.settings.veto_wait_s):
            self.begin()

    def turn_back(self, exchange: Request) -> None:
        """The cursor is unknown to the server: stop at once, and walk backward from the tail (R51).

        If it does not know the cursors either that it gives on the way, the walk is begun anew, ever more slowly, until
        the deadline.
        """
        now = self._situation
        assert exchange.walk is not None, "only a walk has cursors"
        sometimes("repair: the cursor of the last event held was unknown, so it was looked for", not now.is_echoed)
        sometimes("repair: the cursor was unknown, so back from the tail")
        now.note("the server did not know a page cursor; read backward from the tail")
        self._unknown_cursor = exchange.walk.query().page_id
        again, exchange.walk = exchange.walk.descending, Walk.backward(pages_max=now.settings.pages_max)
        if not again:
            now.ask(exchange)
            return
        sometimes("repair: no cursor was known, so begun anew")
        exchange.turns += 1
        retry_at_s = now.now_s + now.backoff_s(exchange.turns)
        if retry_at_s <= exchange.deadline_s:
            now.retry(exchange, retry_at_s)
        else:
            limit_s = now.settings.repair_deadline_s
            sometimes("repair: gave up, for no cursor was known")
            self.give_up(f"repair_deadline_s ({limit_s:g} s) was reached; the server knows none of its cursors")

    def give_up(self, why: str) -> None:
        """Stop asking for what is missing now, and say so."""
        now = self._situation
        now.exchange, now.unverified, now.gave_up_step = None, False, now.step
        tokens = self._missing.give_up()
        now.note(why + (f"; missing: {', '.join(tokens)}" if tokens else "; the latest events may be missing"))

    @decision("skipped-records")
    def _skipped_id(self) -> str | None:
        """From which event on a page is to be read for what pages had skipped, once since the server may have died: it
        may have an index anew, and be able to read these records (R85)."""
        now = self._situation
        if now.died_step <= self._skipped_step:
            return None
        since = {named_by: now.ledger.placed_since(named_by) for named_by in now.ledger.skipped.values()}
        on_page = [named_by for named_by, events in since.items() if events < now.settings.page_size_events]
        return max(on_page, key=since.__getitem__, default=None)

    def _holds_nothing(self) -> bool:
        """Whether the log was empty, so that no index can show any of it again: it may begin anew (R75)."""
        return self._situation.is_attached and self._situation.ledger.tail_id() is None

    @decision("verify-after-outage")
    def _verify_after_outage(self) -> None:
        """Settle by leaf or `seq` that nothing was missed, or read on from the anchor."""
        now, connection = self._situation, self._situation.ready_connection()
        if now.replaying_connection() is not None and connection is not None and now.ledger.next_seq() is None:
            self._learn_index(connection)
            return
        if not now.unverified or connection is None:
            return
        if now.is_echoed and (from_id := self._skipped_id()) is not None:
            sometimes("outage: what pages had skipped was asked for again")
            self._skipped_step = now.step
            self.begin(from_id=from_id)
        elif now.replaying_connection() is not None and self._holds_nothing():
            sometimes("outage: nothing was held that an index could show again, so the log was read")
            self.begin()
        elif now.replaying_connection() is not None:
            next_seq = now.ledger.next_seq()
            is_behind = next_seq is None or next_seq <= connection.last_seq
            now.unverified = is_behind or not now.is_echoed
            sometimes("outage: the index said that nothing was missed", not now.unverified)
        elif now.places_by_chain() and connection.snapshot is not None and not self._leads_back(connection.snapshot):
            sometimes("outage: the leaf told what was missed")
            now.unverified = False  # a leaf that is not held counts as missing by itself
        else:
            sometimes("outage: the log was read on")
            self.begin()

    def _leads_back(self, snapshot: Snapshot) -> bool:
        """Whether a greeting names a leaf that the log had gone on from, when nothing goes on: it may have lost its end
        (R60)."""
        now = self._situation
        return now.run is None and snapshot.leaf_id is not None and now.ledger.has_child(snapshot.leaf_id)

    def _learn_index(self, connection: Connection) -> None:
        """What was attached by pages has no index, so no socket can go on from it: have the log's tail replayed.

        Where the replay does not show the last event held, the log is another (R60).
        """
        now = self._situation
        if not len(now.ledger):
            return
        if connection.after_seq is None:
            sometimes("repair: the indexes of what pages had shown were learned")
            now.renew_socket(after_seq=max(-1, connection.last_seq - now.settings.page_size_events))
        elif now.due(connection.last_frame_at_s + now.settings.ready_wait_s):
            now.begin_epoch("the log's tail does not have the last event that was held")

    def _tokens(self) -> Iterator[str]:
        now = self._situation
        if now.generation == "legacy":
            return
        if now.leaf_id is not None and now.leaf_id not in now.ledger:
            yield now.leaf_id
        if now.generation == "tree":
            yield from now.ledger.missing_parents()
        elif self._has_hole_in_seq(now.subscription.current):
            yield f"seq:{now.ledger.next_seq()}"
        elif self._lacks_echo(now.replaying_connection()):
            yield f"echo:{now.unechoed_seq}"

    def _lacks_echo(self, connection: Connection | None) -> bool:
        """Whether a socket has not shown the last event held again. Only a proof waits for it, so it may be late."""
        now = self._situation
        if connection is None or now.is_echoed:
            return False
        return now.due(connection.asked_at_s + now.settings.veto_wait_s)

    def _has_hole_in_seq(self, connection: Connection | None) -> bool:
        ledger = self._situation.ledger
        next_seq, last_seq = ledger.next_seq(), -1 if connection is None else connection.last_seq
        return ledger.unplaced_seq_min() is not None or (next_seq is not None and last_seq >= next_seq)
