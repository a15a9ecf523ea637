"""Everything that the core knows at one moment, and the few things it can do about it. Shared by the core's parts.

Nothing here decides: `attach.py`, `repairs.py` and `runs/` do, each for its own question.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from gapless.syncclient.core import actions
from gapless.syncclient.core.backoff import delay_s
from gapless.syncclient.core.requests import Purpose, Request
from gapless.syncclient.core.runs.messages import Messages
from gapless.syncclient.core.runs.run_in_progress import RunInProgress
from gapless.syncclient.core.socket_state import Connection, Subscription
from gapless.syncclient.core.unread import Unread
from gapless.syncclient.decisions import decision
from gapless.syncclient.errors import SyncError
from gapless.syncclient.log.changes import Changes
from gapless.syncclient.log.held import ids_of
from gapless.syncclient.log.ledger import Ledger
from gapless.syncclient.log.proof import Certificate
from gapless.syncclient.log.stub import shares
from gapless.syncclient.log.walk import Walk
from gapless.syncclient.path_marks import sometimes
from gapless.syncclient.report import Range, Spent, SyncReport
from gapless.syncclient.settings import Settings
from gapless.syncclient.stores.saved import Batch
from gapless.syncclient.wire import (
    Generation,
    LogEvent,
    Page,
    error_detail,
    execution_status,
    is_branch_event,
    is_user_message,
)

NOTES_MAX = 100
NOTE_CHARS_MAX = 500


class Situation:
    """What is known and under way; times are the caller's clock, seconds; a step is one event handled.

    Steps order what happens at one moment, which a clock does not.
    """

    def __init__(self, settings: Settings, draw: Callable[[], float], *, is_saved: bool = False) -> None:
        self.settings = settings
        self._changes = Changes() if is_saved else None
        self.ledger = Ledger(self._changes)
        self.generation: Generation = "legacy"
        self.now_s = 0.0
        self.step = 0
        self.wake_at_s = math.inf
        self.out: list[actions.Action] = []
        self.is_attached = False
        self.has_attached = False
        """Whether the application was told so: what comes before is history, whatever epoch it is read in."""
        self.failed = False
        self.subscription = Subscription()
        self._exchange: Request | None = None
        self.requests: dict[int, Request] = {}
        """Every request that is under way, by the number of its latest try."""
        self.was_known = False
        """Whether the server has shown the conversation before."""
        self.run: RunInProgress | None = None
        self.messages = Messages()
        self.leaf_id: str | None = None
        """The newest leaf that the server named, at `leaf_step`."""
        self.leaf_step = -1
        self.status = "unknown"
        self._status_at = ""
        self.unverified = False
        """Whether events may have been missed since the last proof, without any other sign of it."""
        self.unread = Unread()
        self.walked_from_step = -1
        """When the last walk that came to the log's tail was begun: the log is held as it was then."""
        self.unseen_ids: tuple[str, ...] = ()
        """What was held when that walk was begun, and what it did not show though it read there."""
        self.died_step = -1
        """When the server may have died last: it refused a handshake, or closed a connection because it was ending."""
        self.lost_step = -1
        """When nothing was read any more, or an earlier client ended: since then the log may have become another."""
        self.confirmed_step = -1
        """When the log was last read to its tail, or an attach was done."""
        self.gave_up_step = -1
        """When a repair was last given up."""
        self.repaired_events = 0
        self.skipped_frames = 0
        self.unechoed: dict[int, None] = {}
        """The log indexes of the last events held, each time when the log may have become another; ascending. They are
        settled once the log has shown each of them again (R60)."""
        self.attached_id: str | None = None
        """The last event of the log when the first attach was done: what follows it is nobody's history."""
        self.head_before: str | None = None
        """The first event of the log that was held before all was begun anew, where it was known."""
        self.is_cut_off = False
        """Whether all was begun anew, and pages did not show what comes between the log's head and what is held."""
        self.epoch = 0
        """How often all was begun anew, for the log contradicted what was held."""
        self.oversized_seq: int | None = None
        """The log index of an event that no socket brings, for it is too large: it is not asked for again (R38)."""
        self.delivered_events = 0
        """How many of the events saved were handed to the application."""
        self.noted_events = 0
        """How many of them had been handed over before this step: those are delivered for certain."""
        self.delivered_before: dict[str, None] = {}
        """Ids of events that the application may have been given by an earlier client."""
        self._heard_step: dict[str, int] = {}
        """When a frame has shown an event last, while a page was under way."""
        self.contested: dict[str, int] = {}
        """The step at which a frame has shown another version of an event than the log had: a newer one, or a late
        one."""
        self._shown_by_log: dict[str, bool] = {}
        """Ids of what is held as a page has shown it, and whether no frame has shown it yet."""
        self._given: dict[str, None] = {}
        """Ids of events that this client has handed over and then dropped."""
        self._draw = draw
        self._tries = 0
        self._spent = Spent()
        self._ranges: list[Range] = []
        self._notes: dict[str, None] = {}

    @property
    def exchange(self) -> Request | None:
        """The GET under way, or to be tried again; one at a time, beside the one that reads history."""
        return self._exchange

    @exchange.setter
    def exchange(self, request: Request | None) -> None:
        if self._exchange is not None and request is not self._exchange:
            self.requests.pop(self._exchange.number, None)
        self._exchange = request

    # -- questions ----------------------------------------------------------------------------------------------------

    def due(self, at_s: float) -> bool:
        """Whether `at_s` has come; if not, the driver is to wake us then."""
        if at_s <= self.now_s:
            return True
        self.wake_at_s = min(self.wake_at_s, at_s)
        return False

    def ready_connection(self) -> Connection | None:
        """The current connection, if the server is known to publish to it."""
        current = self.subscription.current
        return current if current is not None and current.is_ready else None

    def is_heard(self) -> bool:
        """Whether a socket is read on which the server is known to publish: the current one, or that it is to
        replace."""
        return self.ready_connection() is not None or self.subscription.replaced is not None

    def replaying_connection(self) -> Connection | None:
        """The ready connection, if it is one that tells the log's length and replays it (session generation)."""
        connection = self.ready_connection()
        is_one = connection is not None and connection.synced and self.generation == "session"
        return connection if is_one else None

    @property
    def given_events(self) -> int:
        """How many events were handed over and then dropped."""
        return len(self._given)

    @property
    def is_echoed(self) -> bool:
        """Whether the log is still the one that was held when a session socket was opened last.

        Sockets have shown the last event of it again since, and of those before it that were never shown again, or the
        log was read.
        """
        return not self.unechoed

    @property
    def unechoed_seq(self) -> int:
        """The lowest log index that is to be shown again; -1 where there is none."""
        return next(iter(self.unechoed), -1)

    @property
    def may_be_hidden(self) -> bool:
        """Whether the conversation may exist though the server does not know it: it did, or a connection was lost."""
        return self.was_known or self.subscription.count > 1

    @property
    def known_from_step(self) -> int:
        """The log is held as it was at this step: a walk was begun then, or a socket opened that named its length."""
        connection, next_seq = self.replaying_connection(), self.ledger.next_seq()
        if connection is None or next_seq is None or not self.is_echoed:
            return self.walked_from_step
        is_whole = next_seq > connection.last_seq and self.ledger.unplaced_seq_min() is None
        return max(self.walked_from_step, connection.asked_step) if is_whole else self.walked_from_step

    def heard_index(self, seq: int | None) -> None:
        """A session socket has shown an event of ours at its index."""
        if seq is not None:
            self.unechoed.pop(seq, None)

    def is_deaf(self) -> bool:
        """Whether no socket can tell anything, and nothing is known to be missing that a repair would bring."""
        is_leaf_held = self.leaf_id is None or self.leaf_id in self.ledger
        return self.ready_connection() is None and is_leaf_held

    def end_not_before_s(self, run: RunInProgress) -> float:
        """Before this, no end of the run is believed: it may be that of another's."""
        settings = self.settings
        return run.not_before_s(late_s=settings.settle_s, unasked_s=settings.poll_after_s, silence_s=settings.silence_s)

    def places_by_chain(self) -> bool:
        """Whether the chain of parents gives events their place.

        It says nothing of state updates, so an anchor placed by it would hide a lost one from somebody who wants the
        whole log.
        """
        return self.generation == "tree" and self.settings.certainty == "branch"

    def backoff_s(self, failures: int) -> float:
        """The wait after so many failures in a row, seconds."""
        settings = self.settings
        return delay_s(failures, draw=self._draw(), min_s=settings.backoff_s_min, max_s=settings.backoff_s_max)

    def report(self, certificate: Certificate | None = None, *, error: str | None = None) -> SyncReport:
        """What is known now; without a certificate nothing is claimed."""
        wanted = self.settings.certainty
        covers = certificate.covers if certificate else wanted
        return SyncReport(
            status=self.status,
            error=error if self.status in ("error", "stuck") else None,
            complete=certificate is not None and (covers == "log" or wanted == "branch"),
            covers=covers,
            proof=certificate.proof if certificate else "none",
            gaps=self.ledger.gaps(),
            ranges=tuple(self._ranges),
            held_events=len(self.ledger),
            unloaded=self.ledger.unloaded(),
            repaired_events=self.repaired_events,
            skipped_frames=self.skipped_frames,
            spent=self._spent,
            notes=tuple(self._notes),
        )

    # -- doing --------------------------------------------------------------------------------------------------------

    @decision("open-socket")
    def open_socket(self, after_seq: int | None = None) -> None:
        """Open a connection in place of the current one, which is read until the new one is ready.

        A session socket is asked for the last event held once more: if it brings another, so is the log (R60). What
        was never shown again after an earlier loss is asked for with it, for the log may have changed both times.
        Where no index is known, it replays what follows `after_seq`.
        """
        next_seq = self.ledger.next_seq()
        if self.generation == "session" and next_seq is not None:
            if self.ledger.tail_id() is None or next_seq - 1 == self.oversized_seq:
                self.unechoed = {}
            else:
                self.unechoed.setdefault(next_seq - 1)
            after_seq = max((self.unechoed_seq if self.unechoed else next_seq) - 1, -1)
        held_seq = next(reversed(self.unechoed), -1)
        connection, superseded = self.subscription.begin(self.now_s, self.step, after_seq, held_seq=held_seq)
        if superseded is not None:
            self.out.append(actions.CloseSocket(superseded.number))
        self.spend(connections=1)
        self.out.append(actions.OpenSocket(connection.number, self.generation, after_seq))

    def renew_socket(self, after_seq: int | None = None) -> bool:
        """Open a connection in place of one that is alive, unless that was refused a moment ago; true if begun."""
        if self.due(self.subscription.renew_at_s):
            self.open_socket(after_seq)
            return True
        return False

    @decision("subscription-ready")
    def make_ready(self, connection: Connection) -> None:
        """The current connection is known to be published to; the one it replaces is not wanted any more."""
        if connection is self.subscription.current and not connection.is_ready:
            replaced = self.subscription.ready()
            if replaced is not None:
                self.out.append(actions.CloseSocket(replaced.number))

    def show_itself(self) -> None:
        """The server knows the conversation: what was put off because it was hidden is asked for at once."""
        self.was_known = True
        for request in self.requests.values():
            if request.unknown_since_s is not None and request.retry_at_s is not None:
                request.retry_at_s, request.unknown_since_s = self.now_s, None

    def begin_exchange(self, purpose: Purpose, walk: Walk | None, *, deadline_s: float, to_tail: bool = True) -> None:
        """Begin a walk, or ask for the conversation's status or a count when `walk` is None."""
        assert self.exchange is None, "one GET at a time"
        unplaced_ids = tuple(self.ledger.unplaced_ids()) if walk is not None else ()
        self.exchange = Request(purpose, self.step, deadline_s, walk, to_tail=to_tail, unplaced_ids=unplaced_ids)
        self.ask(self.exchange)

    def post(self, purpose: Purpose, *, text: str = "", ticket: int = 0) -> Request:
        """Begin a POST."""
        deadline_s = self.now_s + self.settings.repair_deadline_s
        if purpose == "message":
            self.messages.post(text)
        request = Request(purpose, self.step, deadline_s, text=text, ticket=ticket)
        self.ask(request)
        return request

    def ask(self, request: Request) -> None:
        """Send a request, or the next page of its walk; again, if the last try failed."""
        self._tries += 1
        self.requests.pop(request.number, None)
        request.number, request.retry_at_s, request.held_events = self._tries, None, len(self.ledger)
        request.asked_step, request.asked_at_s = self.step, self.now_s
        self.requests[request.number] = request
        number, limit = request.number, self.settings.page_size_events
        self.spend(calls=not request.is_post and request.purpose != "generation")
        match request.purpose:
            case "message":
                self.out.append(actions.PostMessage(number, request.text))
            case "run":
                self.out.append(actions.PostRun(number))
            case "generation":
                self.out.append(actions.FetchServerInfo(number))
            case "count":
                self.out.append(actions.FetchCount(number))
            case "status":
                self.out.append(actions.FetchInfo(number))
            case _:
                assert request.walk is not None, "only walks ask for pages"
                query = request.walk.query()
                self.out.append(actions.FetchPage(number, query.page_id, limit, query.descending))

    def take(self, number: int) -> Request | None:
        """The request that is answered; None if nobody waits for it."""
        return self.requests.pop(number, None)

    def retry(self, request: Request, at_s: float) -> None:
        """Send a request again at a later time."""
        request.retry_at_s = at_s
        self.requests[request.number] = request

    def forget(self, request: Request | None) -> None:
        """Nobody waits for a request any more."""
        if request is not None:
            self.requests.pop(request.number, None)

    def retry_due(self) -> Iterator[Request]:
        """The requests that are to be tried again now."""
        for request in tuple(self.requests.values()):
            if request.retry_at_s is not None and self.due(request.retry_at_s):
                yield request

    def deliver(self, new: Iterable[LogEvent], origin: actions.Origin) -> None:
        """Hand events that are held for the first time to the application, and tell the run of them."""
        for event in new:
            status = execution_status(event)
            if status is not None:
                self.hear_status(status, str(event.get("timestamp", "")))
            is_news = self.has_attached and event["id"] not in self.delivered_before
            if is_news and is_user_message(event):
                is_ours = self.messages.heard(event, is_at_rest=self.status not in ("running", "unknown"))
                if is_ours and self.run is not None:
                    self.run.saw_own_message(event["id"], self.messages.last_own_id, self.ledger)
            at = "" if origin == "live" else str(event.get("timestamp", ""))
            if (
                self.run is not None
                and event["id"] not in self.delivered_before
                and not self.run.was_there(at, self.ledger)
            ):
                self.run.fresh[event["id"]] = None
                self.run.rests_since_s = None
                if origin == "live" and is_branch_event(event) and not is_user_message(event):
                    self.run.goes_on(str(event.get("timestamp", "")))  # whoever says that it is over
                if status is not None:
                    told_at = str(event.get("timestamp", ""))
                    self.tell_run(self.run, status, event_id=event["id"], at=at, told_at=told_at)
                self.run.error = error_detail(event) or self.run.error
            if status == "running":
                self.messages.run_begun()
            self.hand_over([event], origin)

    def tell_run(
        self, run: RunInProgress, status: str, *, event_id: str | None = None, at: str = "", told_at: str = ""
    ) -> None:
        """A run is told of a status that is new since it was armed; `at` is when, if a page has shown it late."""
        run.saw_status(
            status,
            self.now_s,
            self.step,
            event_id=event_id,
            may_be_others=self.messages.may_be_others,
            at=at,
            told_at=told_at,
        )

    def note_unreadable(self, page: Page) -> None:
        """Count the items of a page that could not be read."""
        for why in page.unreadable:
            self.skipped_frames += 1
            self.note(f"an item of a page was skipped: {why}")

    def heard_frame(self, event_id: str) -> None:
        """A frame has shown an event: a page that is under way may show an older version of it."""
        if any(request.walk is not None for request in self.requests.values()):
            self._heard_step[event_id] = self.step
        else:
            self._heard_step.clear()

    def renew_from_frame(self, event: LogEvent, size_bytes: int) -> None:
        """Take over a version of an event that is held, unless it is a copy of one that was seen before."""
        event_id = event["id"]
        is_first = self._shown_by_log.get(event_id, False)
        if is_first:
            self._shown_by_log[event_id] = False
        if self.ledger.renew(event, size_bytes=size_bytes, is_from_log=False, is_first_frame=is_first):
            self.out.append(actions.Deliver(event, "update"))
            if self._shown_by_log.pop(event_id, None) is not None:
                self.contested[event_id] = self.step

    def renew_from_page(self, request: Request, page: Page, new: Sequence[LogEvent]) -> None:
        """Take over the log's version of the events on a page that were held before.

        Of what a frame has shown since the page was asked for, it may have an older one that was seen before.
        """
        new_ids = frozenset(event["id"] for event in new)
        for event in page.items:
            self._shown_by_log[event["id"]] = event["id"] in new_ids or self._shown_by_log.get(event["id"], False)
        self._note_shown(page)
        self._note_read(request, page)
        for event_id in [one for one, step in self.contested.items() if step <= request.asked_step]:
            if event_id in self._shown_by_log:
                del self.contested[event_id]
        changed = [n for n, event in enumerate(page.items) if event["id"] not in new_ids and self.ledger.differs(event)]
        sizes_bytes = shares(page.size_bytes, page.items) if changed else []
        for event, size_bytes in [(page.items[n], sizes_bytes[n]) for n in changed]:
            is_latest = self._heard_step.get(event["id"], -1) <= request.asked_step
            if self.ledger.renew(event, size_bytes=size_bytes, is_from_log=is_latest):
                self.out.append(actions.Deliver(event, "update"))

    @decision("page-shows")
    def _note_shown(self, page: Page) -> None:
        """What a page has shown is in the log, though a walk before had not shown it."""
        shown_ids = frozenset(event["id"] for event in page.items)
        self.unseen_ids = tuple(one for one in self.unseen_ids if one not in shown_ids)

    def _note_read(self, request: Request, page: Page) -> None:
        is_descending = request.walk is not None and request.walk.descending
        ids, is_last = ids_of(page.items), page.next_page_id is None
        if is_descending:
            ids.reverse()
        begins_log = is_last if is_descending else ids[:1] == [self.ledger.head_id()]
        self.unread.shown(ids, begins_log=begins_log, is_last=is_last or is_descending)

    @decision("deliver")
    def hand_over(self, new: Iterable[LogEvent], origin: actions.Origin) -> None:
        """Hand events to the application that are no news to a run."""
        for event in new:
            self.delivered_events += 1
            if event["id"] in self._given:
                continue  # it was dropped, and is in the log after all
            was_before = event["id"] in self.delivered_before
            self.out.append(actions.Deliver(event, "resumed" if was_before else origin))
            self.repaired_events += origin == "repair"

    def drop(self, event_ids: Sequence[str]) -> None:
        """Hold some events no more: the log, read to its tail, does not have them (R53, R60)."""
        run = self.run
        is_arm_lost = run is not None and run.tail_at_arm in event_ids
        if run is not None and is_arm_lost:
            run.lost_log(self.ledger, self.now_s)
        self.ledger.drop(event_ids)
        self.leaf_id = None if self.leaf_id in event_ids else self.leaf_id
        if run is not None and is_arm_lost:
            run.find_arm(self.ledger)
        self._remember_delivered(event_ids)
        self.delivered_events -= len(event_ids)

    def discard(self, event_ids: Sequence[str]) -> None:
        """Drop events that are in no log, and say so."""
        self.note(f"dropped what the log does not have: {', '.join(event_ids)}")
        self.drop(event_ids)

    @decision("begin-epoch")
    def begin_epoch(self, why: str, *, held: str = "held") -> None:
        """Hold nothing any more, and attach anew: the log contradicts what is held, so it is another (R60).

        Nothing is moved or taken out: places are forgotten, and the log is read afresh, ends first. What was delivered
        is remembered, and is not delivered again.
        """
        sometimes("epoch: the log contradicted what was held")
        self.unread.close()
        self.note(f"{why}; dropped what was {held}, {len(self.ledger)} events, and began anew")
        self._remember_delivered(self.ledger.ordered_ids())
        self.head_before = self.ledger.head_id() or self.head_before
        if self.run is not None:
            self.run.lost_log(self.ledger, self.now_s)
        if self._changes is not None:
            self._changes.reset()
        self.ledger, self.delivered_events = Ledger(self._changes), 0
        self.leaf_id, self.unseen_ids, self.exchange, self.unechoed = None, (), None, {}
        self.contested, self._shown_by_log = {}, {}
        self.is_attached, self.is_cut_off, self.epoch = False, False, self.epoch + 1
        if self.generation == "session":
            self.open_socket()

    def _remember_delivered(self, event_ids: Sequence[str]) -> None:
        """What was dropped may come again: it was handed over, unless that is only what an earlier client says."""
        self.delivered_before.update(dict.fromkeys(event_ids))
        if self.has_attached:
            self._given.update(dict.fromkeys(event_ids))

    def take_batch(self) -> Batch | None:
        """What a store is to be told now."""
        if self._changes is None:
            return None
        ledger = self.ledger
        delivered = min(self.noted_events, self.delivered_events)  # less, when this step has dropped some
        return self._changes.take(ledger.edges(), ledger.head_known, delivered, self.settings.certainty)

    def prove(self, certificate: Certificate, *, after_id: str | None) -> None:
        """Everything from behind `after_id` to the end of what is placed is proven; one certificate, one range."""
        ids = self.ledger.placed_after(after_id)
        if not ids:
            return
        last = self._ranges[-1] if self._ranges else None
        goes_on = last is not None and last.last_id == after_id
        if last is not None and goes_on and (last.proof, last.covers) == (certificate.proof, certificate.covers):
            self._ranges[-1] = replace(last, last_id=ids[-1])
        else:
            self._ranges.append(Range(ids[0], ids[-1], certificate.proof, certificate.covers))

    def hear_status(self, status: str, timestamp: str) -> None:
        """Take note of a status, unless a newer one was heard: snapshots are overtaken by field updates (R36)."""
        sometimes("run: an overtaken status was disbelieved", timestamp and timestamp < self._status_at)
        if timestamp >= self._status_at or not timestamp:
            self.status, self._status_at = status, timestamp or self._status_at

    @property
    def rested_at(self) -> str:
        """When the status that is known was told, by the server's clock, if no run is in progress by it; else empty."""
        return "" if self.status in ("running", "unknown") else self._status_at

    def fail(self, error: SyncError) -> None:
        """Nothing more can be done."""
        self.failed = True
        self.out.append(actions.Fail(error))

    def note(self, text: str) -> None:
        """Something out of the ordinary, for the report; bounded in number and length."""
        if len(self._notes) < NOTES_MAX:
            self._notes[text if len(text) <= NOTE_CHARS_MAX else f"{text[:NOTE_CHARS_MAX]} …"] = None

    def spend(self, *, calls: int = 0, failed_calls: int = 0, body_bytes: int = 0, connections: int = 0) -> None:
        """Add to what the client has spent."""
        spent = self._spent
        self._spent = Spent(
            spent.calls + calls,
            spent.failed_calls + failed_calls,
            spent.body_bytes + body_bytes,
            spent.connections + connections,
        )
