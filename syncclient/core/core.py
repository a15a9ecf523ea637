"""The decisions of the sync client: what happened goes in, what to do comes out. No I/O, no clock, no randomness.

How it thinks. An event only changes what is known; then `_advance` looks at all that is known and decides what should
be going on: is there a socket, is the attach done, is something missing, is the run over, is a GET under way. Nothing
waits in the middle of a decision, so any order of events is a legal one. Times when something will be due without any
event are gathered in `wake_at_s`; the driver sends `TimerFired` then.

What it deliberately does not do: it never reads the whole history, never filters by timestamp, and never uses an id
that no log has confirmed as a cursor.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import assert_never

from gapless.syncclient.core import actions, events
from gapless.syncclient.core.attach import Attach
from gapless.syncclient.core.authority import EvidenceSource
from gapless.syncclient.core.gap_reading import Reading
from gapless.syncclient.core.repairs import Repairs
from gapless.syncclient.core.requests import FailureVerdict, Request, judge
from gapless.syncclient.core.runs.endings import Ending
from gapless.syncclient.core.runs.runs import Runs
from gapless.syncclient.core.situation import Situation
from gapless.syncclient.core.socket_state import Connection
from gapless.syncclient.core.unread import Unread
from gapless.syncclient.decisions import decision
from gapless.syncclient.errors import (
    AuthenticationFailed,
    ConversationNotFound,
    RequestRefused,
    SendUnconfirmed,
    ServerUnreachable,
    SyncError,
)
from gapless.syncclient.log.ledger import Ledger
from gapless.syncclient.log.walk import Outcome
from gapless.syncclient.path_marks import sometimes
from gapless.syncclient.report import SyncReport
from gapless.syncclient.settings import Settings
from gapless.syncclient.stores.saved import Batch
from gapless.syncclient.wire import Durable, Frame, Ignored, Info, Page, Snapshot, Sync

_PASSES_MAX = 8
_REREADS_MAX = 3
_TOO_BIG = 1009
_GOING_AWAY = (1001, 1012)  # the server ends, or starts again (RFC 6455, and the IANA registry of close codes)
_UNKNOWN = 4004

_FATAL_CLOSES = {
    4001: AuthenticationFailed("the server refused the API key on the socket (close 4001)"),
    4004: ConversationNotFound("the server knows no such conversation (close 4004)"),
}


@decision("fatal-close")
def _fatal_close(code: int | None) -> SyncError | None:
    """The error that a close code means for good; None for a connection that may be renewed."""
    return None if code is None else _FATAL_CLOSES.get(code)


class SyncCore:
    """The state of one followed conversation; `handle` is the only way in.

    `draw` gives the jitter of backoff, a number from 0 to 1; it is injected, so that a replay draws the same. With
    `is_saved` there is a store, and each step that changes what is held begins with a `Save`.
    """

    def __init__(self, settings: Settings, *, draw: Callable[[], float], is_saved: bool = False) -> None:
        self._now = Situation(settings, draw, is_saved=is_saved)
        self._repairs = Repairs(self._now)
        self._attach = Attach(self._now, self._repairs)
        self._runs = Runs(self._now, self._repairs)
        self._reading = Reading(self._now, self._repairs)

    @property
    def ledger(self) -> Ledger:
        """The events held."""
        return self._now.ledger

    @property
    def wake_at_s(self) -> float:
        """When `TimerFired` is wanted, on the clock of `handle`; infinite when never."""
        return self._now.wake_at_s

    def handle(self, event: events.CoreEvent, now_s: float) -> list[actions.Action]:
        """Take note of what happened at `now_s` (seconds, any monotonic clock) and say what to do."""
        now = self._now
        now.now_s, now.step, now.out, now.wake_at_s = now_s, now.step + 1, [], math.inf
        now.noted_events = now.delivered_events
        if not now.failed:
            self._note(event)
        self._settle()
        now.ledger.trim(now.settings.window_bytes_max)
        batch = now.take_batch()
        return now.out if batch is None else [actions.Save(batch), *now.out]

    def last_batch(self) -> Batch | None:
        """What a store is to be told when the client ends: how much the application has been given."""
        self._now.noted_events = self._now.delivered_events
        return self._now.take_batch()

    @property
    def unread(self) -> Unread:
        """From where on the log has to be read for what nothing tells of."""
        return self._now.unread

    def report(self) -> SyncReport:
        """What is known now; it claims nothing, for it is no barrier."""
        return self._now.report()

    # -- taking note --------------------------------------------------------------------------------------------------

    def _note(self, event: events.CoreEvent) -> None:
        match event:
            case events.AttachRequested():
                self._attach.request(event)
            case events.HistoryRequested(after_id):
                self._reading.want(after_id)
            case events.HistoryAbandoned():
                self._reading.abandon()
            case events.SendRequested(ticket, text):
                self._now.post("message", text=text, ticket=ticket)
            case events.SendAbandoned(ticket):
                for request in tuple(self._now.requests.values()):
                    if request.purpose == "message" and request.ticket == ticket:
                        self._now.forget(request)
            case events.RunRequested(settings):
                self._runs.begin(settings)
            case events.RunAbandoned():
                self._runs.abandon()
            case events.SocketOpened(number):
                connection = self._now.subscription.find(number)
                if connection is not None:
                    connection.opened_at_s = connection.last_frame_at_s = self._now.now_s
            case events.SocketClosed(number, code, reason):
                self._note_closed(number, code, reason)
            case events.FrameReceived(number, frame):
                connection = self._now.subscription.find(number)
                if connection is not None:
                    connection.last_frame_at_s = self._now.now_s
                    self._note_frame(connection, frame)
            case events.FrameRejected(_, reason):
                sometimes("socket: a frame could not be read")
                self._now.skipped_frames += 1
                self._now.note(f"a frame was skipped: {reason}")
            case (
                events.PageReceived()
                | events.InfoReceived()
                | events.CountReceived()
                | events.GenerationReceived()
                | events.PostTaken()
                | events.RequestFailed()
            ):
                self._note_result(event)
            case events.TimerFired():
                pass
            case other:
                assert_never(other)

    def _is_hidden(self, code: int | None) -> bool:
        """Whether the server may know the conversation again soon: a lease may hide it since a restart (R33)."""
        now = self._now
        if code != _UNKNOWN or not now.may_be_hidden:
            return False
        since_s = now.subscription.hidden_since_s
        since_s = now.subscription.hidden_since_s = now.now_s if since_s is None else since_s
        return now.now_s - since_s < now.settings.hidden_s_max

    @decision("socket-closed")
    def _note_closed(self, number: int, code: int | None, reason: str) -> None:
        now = self._now
        fatal = _fatal_close(code)
        if fatal is not None and not self._is_hidden(code):
            sometimes("socket: closed for good")
            now.fail(fatal)
            return
        subscription, failures = now.subscription, now.subscription.failures
        connection = subscription.find(number)
        if subscription.lose(number, now.now_s, lasting_s=now.settings.backoff_s_max):
            subscription.retry_at_s = now.now_s + now.backoff_s(subscription.failures)
            sometimes("socket: the connection was lost")
            now.note(f"a connection was lost: {reason}")
            if now.generation == "session" and now.is_attached and connection is not None:
                self._repairs.replay_broke_off(connection, is_oversized=code == _TOO_BIG)
        elif subscription.failures > failures:
            sometimes("socket: a renewal was refused")
            subscription.renew_at_s = now.now_s + now.backoff_s(subscription.failures)
            now.note(f"the subscription could not be renewed: {reason}")
        is_refused = connection is not None and connection.opened_at_s is None
        if is_refused or code in _GOING_AWAY:
            now.died_step = now.step
            if now.run is not None and now.run.is_taken:
                now.run.may_have_died = True
        if now.ready_connection() is None and subscription.replaced is None and connection is not None:
            now.unverified, now.lost_step = True, now.step  # nothing is read any more, so anything may be missed
            if now.has_attached and now.places_by_chain():
                now.unread.open(now.ledger.tail_id())
            if now.run is not None:
                now.run.lost_socket(now.step)

    def _note_frame(self, connection: Connection, frame: Frame) -> None:
        match frame:
            case Sync():
                self._now.show_itself()
                connection.synced, connection.through_seq = True, frame.through_seq
                connection.unseen_messages = self._now.messages.unseen
                self._now.make_ready(connection)
                self._attach.heard_length(connection)
            case Snapshot():
                self._now.show_itself()
                # The first one greets; any other is what a run's end publishes, unless it is a copy (R32).
                is_copy = connection.snapshot == frame and frame.timestamp != ""
                greets = connection.snapshot is None or is_copy
                connection.snapshot = frame
                self._now.make_ready(connection)
                status, asked_step = frame.status or "unknown", connection.asked_step
                source = EvidenceSource.GREETING if greets else EvidenceSource.FINAL
                self._runs.status_report(
                    Ending(status, frame.leaf_id, frame.knows_leaf, asked_step, frame.timestamp, source)
                )
            case Durable():
                self._note_durable(connection, frame)
            case Ignored():
                pass

    @decision("durable-frame")
    def _note_durable(self, connection: Connection, frame: Durable) -> None:
        now = self._now
        if self._attach.contradicts(connection, frame):
            return
        now.heard_index(frame.seq)
        now.heard_frame(frame.event["id"])
        if now.ledger.add_live(frame.event, frame.seq, size_bytes=frame.size_bytes):
            is_replayed = frame.seq is not None and frame.seq <= connection.last_seq
            if not is_replayed:
                now.subscription.progress()
            sometimes("socket: a replay brought what was missing", is_replayed and now.is_attached)
            now.deliver([frame.event], "history" if not now.has_attached else "repair" if is_replayed else "live")
            if now.run is not None:
                now.run.silence_s = now.settings.silence_s
                if is_replayed:
                    now.run.repair_step = now.step
                    now.run.had_dead_socket(connection.asked_step)
        else:
            now.renew_from_frame(frame.event, frame.size_bytes)

    def _note_result(self, event: events.Answer) -> None:
        request = self._now.take(event.request)
        if request is None:
            return  # nobody waits for it any more
        if isinstance(event, events.RequestFailed):
            self._note_failure(request, event)
        else:
            self._note_answer(request, event)

    def _note_answer(
        self,
        request: Request,
        event: events.PageReceived
        | events.InfoReceived
        | events.CountReceived
        | events.GenerationReceived
        | events.PostTaken,
    ) -> None:
        now = self._now
        request.failures, request.unknown_since_s = 0, None
        match event:
            case events.GenerationReceived(_, generation):
                self._attach.begin(generation)
                return
            case events.PostTaken():
                now.was_known = True
                if request.purpose == "run":
                    self._runs.taken(request)
                else:
                    now.messages.taken(request.text)
                    now.out.append(actions.FinishSend(request.ticket))
                return
            case _:
                now.was_known = True
                now.spend(body_bytes=event.size_bytes)
        match event:
            case events.PageReceived() if request.purpose == "history":
                self._reading.take(request, event.page)
            case events.PageReceived():
                self._note_page(request, event.page)
            case events.InfoReceived():
                self._note_info(request, event.info)
            case events.CountReceived():
                now.exchange = None
                self._runs.count(request, event.count)

    def _note_info(self, exchange: Request, info: Info) -> None:
        self._now.exchange = None
        knows_leaf = self._now.generation != "legacy"
        self._runs.status_report(Ending(info.status, info.leaf_id, knows_leaf, exchange.begun_step))

    def _note_page(self, exchange: Request, page: Page) -> None:
        now = self._now
        assert exchange.walk is not None, "only a walk asks for pages"
        if exchange.purpose == "attach" and self._attach.is_behind(exchange, page):
            return
        if exchange.purpose == "repair" and self._repairs.is_blank(exchange, page):
            return
        if page.breaks and exchange.rereads < _REREADS_MAX and exchange.leaves_time(now.now_s):
            sometimes("rest: a page with an item that could not be read was asked for again")
            exchange.rereads += 1
            now.note_unreadable(page)
            now.retry(exchange, now.now_s + now.settings.settle_s + now.backoff_s(exchange.rereads))
            return
        outcome, new = exchange.walk.take(page, now.ledger)
        is_attach = exchange.purpose == "attach"
        now.note_unreadable(page)
        if outcome is not Outcome.CURSOR_UNKNOWN:
            now.renew_from_page(exchange, page, new)
        now.deliver(new, "history" if not now.has_attached else "repair")
        if now.ledger.is_contradicted:
            self._attach.begin_anew("a page of the log does not have what was held")
            return
        match outcome:
            case Outcome.MORE if is_attach and self._attach.has_end(exchange):
                now.exchange = None
                self._attach.end_walk(exchange, reached_end=False)
            case Outcome.MORE if is_attach:
                now.ask(exchange)
            case Outcome.MORE:
                self._repairs.go_on(exchange)
            case Outcome.CURSOR_UNKNOWN if is_attach and self._attach.is_resuming:
                self._attach.turn_back(page)
            case Outcome.CURSOR_UNKNOWN:
                self._repairs.turn_back(exchange)
            case Outcome.DONE | Outcome.BOUNDED if is_attach:
                now.exchange = None
                self._attach.end_walk(exchange, reached_end=outcome is Outcome.DONE)
            case Outcome.DONE:
                now.exchange = None
                self._repairs.end_walk(exchange)
            case Outcome.BOUNDED:
                sometimes("repair: gave up at the page limit")
                self._repairs.give_up(f"pages_max ({now.settings.pages_max}) was reached")
            case Outcome.ENDLESS:
                sometimes("repair: gave up, for the cursor never ended")
                self._repairs.give_up("the server's page cursor never comes to an end")

    def _note_failure(self, request: Request, failure: events.RequestFailed) -> None:
        now = self._now
        if not request.is_post and request.purpose != "generation":
            now.spend(failed_calls=1)
        verdict = judge(
            request,
            failure,
            now_s=now.now_s,
            backoff_s=now.backoff_s(request.failures + 1),
            hidden_s_max=now.settings.hidden_s_max if now.may_be_hidden else 0.0,
        )
        match request.purpose:
            case "generation":
                self._attach.begin("legacy")  # every server speaks it
            case _ if verdict is FailureVerdict.RETRY:
                assert request.retry_at_s is not None, "the verdict sets it"
                now.retry(request, request.retry_at_s)
            case "message":
                if verdict is not FailureVerdict.UNSURE:
                    now.messages.refused(request.text)
                now.out.append(actions.FinishSend(request.ticket, self._error_of(request, failure, verdict)))
            case "run":
                self._runs.failed(request, failure, verdict, self._error_of(request, failure, verdict))
            case "history" if verdict not in (FailureVerdict.KEY_REFUSED, FailureVerdict.GONE):
                self._reading.failed(request, failure, verdict)
            case _:
                self._give_up(request, failure, verdict)

    def _error_of(self, request: Request, failure: events.RequestFailed, verdict: FailureVerdict) -> SyncError:
        """The error that a failure of a request means to its caller."""
        bound = "attach_deadline_s" if request.purpose == "attach" else "repair_deadline_s"
        match verdict:
            case FailureVerdict.KEY_REFUSED:
                return AuthenticationFailed(f"the server refused the API key ({failure.reason})")
            case FailureVerdict.GONE:
                return ConversationNotFound(f"the server knows no such conversation ({failure.reason})")
            case FailureVerdict.UNSURE:
                return SendUnconfirmed(f"the answer to a POST was lost: {failure.reason}")
            case FailureVerdict.TOO_LATE:
                limit_s = getattr(self._now.settings, bound)
                return ServerUnreachable(f"{bound} ({limit_s:g} s) was reached; the last answer: {failure.reason}")
            case _:
                why = f"the server refused a request for good: {failure.reason}"
                body = failure.body or failure.reason
                return RequestRefused(f"{why}: {body}", status=failure.status or 0, body=body)

    @decision("give-up")
    def _give_up(self, request: Request, failure: events.RequestFailed, verdict: FailureVerdict) -> None:
        """A GET has failed, and is not tried again by itself."""
        now, is_attach = self._now, request.purpose == "attach"
        error = self._error_of(request, failure, verdict)
        if verdict is FailureVerdict.UNKNOWN_CURSOR and is_attach and self._attach.is_resuming:
            self._attach.turn_back(None)
        elif verdict is FailureVerdict.UNKNOWN_CURSOR:
            sometimes("rest: an unknown cursor was refused")
            self._repairs.turn_back(request)
        elif verdict in (FailureVerdict.KEY_REFUSED, FailureVerdict.GONE) or is_attach:
            sometimes("rest: the API key was refused", verdict is FailureVerdict.KEY_REFUSED)
            sometimes("rest: there was no such conversation", verdict is FailureVerdict.GONE)
            sometimes("attach: gave up, for the server was not reached", verdict is FailureVerdict.TOO_LATE)
            sometimes("attach: gave up, for the server refused", verdict is FailureVerdict.REFUSED)
            now.fail(error)
        elif request.purpose == "status":
            sometimes("poll: gave up")
            now.exchange = None
            now.note(str(error))
        else:
            self._repairs.give_up(str(error))

    # -- deciding -----------------------------------------------------------------------------------------------------

    def _settle(self) -> None:
        """Decide until nothing more is wanted: what was just asked for may itself have to be waited for."""
        now = self._now
        for _ in range(_PASSES_MAX):
            asked, now.wake_at_s = len(now.out), math.inf
            if not now.failed:
                self._advance()
            if len(now.out) == asked:
                return

    def _advance(self) -> None:
        self._step_socket()
        if not self._now.is_attached:
            self._attach.step()
        if self._now.is_attached:  # perhaps only now, with a run in progress: the attach may have been begun anew (R60)
            self._repairs.step()
            self._runs.step()
            self._reading.step()
        self._step_requests()

    @decision("socket-upkeep")
    def _step_socket(self) -> None:
        now, current = self._now, self._now.subscription.current
        if current is None:
            retry_at_s = now.subscription.retry_at_s
            if retry_at_s is not None and now.due(retry_at_s):
                sometimes("socket: opened again after a loss")
                now.open_socket()
        elif (
            current.opened_at_s is not None
            and not current.is_ready
            and now.due(current.opened_at_s + now.settings.ready_wait_s)
        ):
            sometimes("socket: no greeting came on subscribe")
            now.note("no snapshot came on subscribe")
            now.make_ready(current)

    def _step_requests(self) -> None:
        for request in self._now.retry_due():
            self._now.ask(request)
            if request.purpose == "run":
                self._runs.tried_again(request)
