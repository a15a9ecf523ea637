"""Our client as a machine: `SyncCore`, and what `gapless.syncclient.network.driver` does around it, without trio.

The driver can wait in the middle of a function, for example before it retries a POST. The machine stores such a wait as
a `_Post` with a time of its next attempt.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from gapless.scenarios.clients.contract import Claim, GapIds
from gapless.scenarios.machines import machine as model
from gapless.scenarios.machines.shared_events import shared
from gapless.syncclient import wire
from gapless.syncclient.core import actions, events
from gapless.syncclient.core.core import SyncCore
from gapless.syncclient.errors import (
    AuthenticationFailed,
    ConversationNotFound,
    ProtocolViolation,
    RequestRefused,
    RunTimedOut,
    SendUnconfirmed,
    ServerUnreachable,
    SyncError,
)
from gapless.syncclient.settings import Settings
from gapless.syncclient.wire import Frame, Generation, Page


def connection_settings(settings: Settings) -> model.ConnectionSettings:
    """The connection settings that `gapless.syncclient.network.http_and_websocket` applies."""
    return model.ConnectionSettings(
        request_timeout_s=settings.request_timeout_s,
        handshake_timeout_s=settings.handshake_timeout_s,
        ping_interval_s=settings.ping_interval_s,
        ping_timeout_s=settings.ping_timeout_s,
        frame_size_bytes_max=settings.frame_size_bytes_max,
    )


@dataclass(slots=True)
class _Post:
    """A POST in progress, or waiting for its next attempt.

    ``run``: the number of the POST run; 0 for a message
    ``deadline_s``: the time after which it is not tried again
    ``failures``: how often it failed so far
    ``retry_at_s``: the time of the next attempt; None while a call is in progress
    """

    name: model.CallName
    text: str
    run: int
    deadline_s: float
    failures: int = 0
    retry_at_s: float | None = None


class GaplessMachine:
    """Our client without I/O.

    ``generation``: None asks the server which protocol it speaks, as `open_conversation` does
    ``draw``: the source of jitter, from 0 to 1
    ``shares``: whether events are stored as shared objects, see ``shared_events.py``
    """

    def __init__(
        self, settings: Settings, generation: Generation | None, draw: Callable[[], float], *, shares: bool = False
    ) -> None:
        self._settings = settings
        self._codec = _SHARING if shares else _PLAIN
        self._generation = generation
        self._core = SyncCore(settings, draw=draw)
        self._calls = 0
        self._gets: dict[int, actions.FetchPage | actions.FetchInfo | actions.FetchCount] = {}
        self._posts: dict[int, _Post] = {}
        self._asks_generation = 0
        self._is_session: dict[int, bool] = {}
        self._step: str | None = None
        self._failure: SyncError | None = None
        self._out: list[model.Effect] = []

    def __repr__(self) -> str:
        return f"<GaplessMachine {self._core.ledger!r}>"

    @property
    def wake_at_s(self) -> float:
        """The time of the next `Timer`, in seconds. Infinity for never."""
        retries_s = [post.retry_at_s for post in self._posts.values() if post.retry_at_s is not None]
        return min([self._core.wake_at_s, *retries_s])

    def held(self) -> Sequence[str]:
        """The ids of the events whose payload is in memory, in the order of `Conversation.events`."""
        ledger = self._core.ledger
        return [event_id for event_id in ledger.ordered_ids() if event_id in ledger.payloads]

    def gaps(self) -> Sequence[GapIds]:
        """The gaps in what it holds now."""
        return tuple((gap.after_id, gap.before_id) for gap in self._core.report().gaps)

    def handle(self, told: model.Input, now_s: float) -> list[model.Effect]:
        """Process an input and return the effects."""
        self._out = []
        match told:
            case model.AttachStep():
                self._attach(now_s)
            case model.SendStep(text):
                self._step = "send"
                self._post(_Post("message", text, 0, now_s + self._settings.repair_deadline_s))
            case model.RunStep():
                self._run(now_s)
            case model.StepCanceled():
                self._give_up(now_s)
            case model.HandshakeDone(number):
                self._feed(events.SocketOpened(number), now_s)
            case model.SocketGone(number, code, reason):
                self._is_session.pop(number, None)
                self._feed(events.SocketClosed(number, code, reason), now_s)
            case model.FrameArrived(number, text):
                self._frame(number, text, now_s)
            case model.CallAnswered() | model.NoAnswer():
                self._answered(told, now_s)
            case model.Timer():
                self._timer(now_s)
        out, self._out = self._out, []
        return out

    # -- steps --------------------------------------------------------------------------------------------------------

    def _attach(self, now_s: float) -> None:
        self._step = "attach"
        if self._generation is None:
            self._asks_generation = self._call("server_info")
        else:
            self._feed(events.AttachRequested(self._generation), now_s)

    def _run(self, now_s: float) -> None:
        self._step = "run"
        if self._failure is not None:
            self._fail_step(self._failure, now_s)
        else:
            self._feed(events.RunRequested(), now_s)

    def _give_up(self, now_s: float) -> None:
        step, self._step = self._step, None
        if step == "send":
            self._posts = {call: post for call, post in self._posts.items() if post.run}
        elif step == "run":
            self._feed(events.RunAbandoned(), now_s)

    def _fail_step(self, error: SyncError, now_s: float) -> None:
        step, self._step = self._step, None
        if step is None:
            return
        self._out.append(model.StepError(type(error).__name__, str(error)))
        if step == "run":
            self._feed(events.RunAbandoned(), now_s)

    def _finish_step(self, claim: Claim | None = None) -> None:
        self._step = None
        self._out.append(model.StepDone(claim))

    # -- the core -----------------------------------------------------------------------------------------------------

    def _feed(self, event: events.CoreEvent, now_s: float) -> None:
        for action in self._core.handle(event, now_s):
            self._perform(action, now_s)

    def _perform(self, action: actions.Action, now_s: float) -> None:
        match action:
            case actions.OpenSocket(number, generation, after_seq):
                self._is_session[number] = generation == "session"
                self._out.append(model.DialSocket(number, generation == "session", after_seq))
            case actions.CloseSocket(number):
                self._is_session.pop(number, None)
                self._out.append(model.DropSocket(number))
            case actions.FetchPage(_, page_id, limit, descending):
                call = self._call("search", page_id=page_id, limit=limit, descending=descending)
                self._gets[call] = action
            case actions.FetchInfo():
                self._gets[self._call("conversation")] = action
            case actions.FetchCount():
                self._gets[self._call("count")] = action
            case actions.PostRun(post):
                self._post(_Post("run", "", post, now_s + self._settings.repair_deadline_s))
            case actions.Deliver(event, origin):
                self._out.append(model.DeliverEvent(str(event["id"]), origin == "repair"))
            case actions.FinishAttach():
                self._finish_step()
            case actions.FinishRun(report, timed_out):
                if self._step != "run":
                    return
                if timed_out:
                    self._step = None
                    error = RunTimedOut("the run did not end in time; see report", report=report)
                    self._out.append(model.StepError(type(error).__name__, str(error)))
                    return
                self._finish_step(
                    Claim(
                        report.complete,
                        report.covers,
                        report.proof,
                        report.status,
                        report.notes,
                        error=report.error or "",
                        calls=report.spent.calls,
                    )
                )
            case actions.Fail(error):
                self._failure = error
                if self._step != "send":
                    self._fail_step(error, now_s)
            case actions.Save() | actions.HistoryRead() | actions.HistoryFailed():
                raise AssertionError(f"{action} belongs to a store or to a reader of history; there is none")

    # -- sockets ------------------------------------------------------------------------------------------------------

    def _frame(self, number: int, text: str, now_s: float) -> None:
        frame = self._codec.frame(text, is_session=self._is_session[number], knows_leaf=self._core_knows_leaf())
        if isinstance(frame, str):
            self._feed(events.FrameRejected(number, frame), now_s)
        else:
            self._feed(events.FrameReceived(number, frame), now_s)

    def _core_knows_leaf(self) -> bool:
        return self._generation == "tree"

    # -- calls --------------------------------------------------------------------------------------------------------

    def _call(
        self,
        name: model.CallName,
        *,
        page_id: str | None = None,
        limit: int = 100,
        descending: bool = False,
        text: str = "",
    ) -> int:
        self._calls += 1
        self._out.append(model.RestCall(self._calls, name, page_id, limit, descending, text))
        return self._calls

    def _answered(self, told: model.CallAnswered | model.NoAnswer, now_s: float) -> None:
        call = told.call
        if call == self._asks_generation:
            self._asks_generation = 0
            self._generation = _generation(told)
            self._feed(events.AttachRequested(self._generation), now_s)
        elif call in self._gets:
            self._feed(_fetched(self._gets.pop(call), told, self._codec.page), now_s)
        elif call in self._posts:
            self._posted(self._posts.pop(call), told, now_s)

    def _post(self, post: _Post) -> None:
        post.retry_at_s = None
        self._posts[self._call(post.name, text=post.text)] = post

    def _posted(self, post: _Post, told: model.CallAnswered | model.NoAnswer, now_s: float) -> None:
        if isinstance(told, model.CallAnswered) and told.status not in (429, 503):
            self._end_post(post, told, now_s)
            return
        if isinstance(told, model.NoAnswer) and told.was_sent:
            self._fail_post(post, SendUnconfirmed(f"the answer to a POST was lost: {told.reason}"), now_s)
            return
        reason, wait_s = "", 0.0
        if isinstance(told, model.CallAnswered):
            reason, wait_s = f"status {told.status}", told.retry_after_s or 0.0
        else:
            reason = told.reason
        post.failures += 1
        wait_s = max(wait_s, self._core.backoff_s(post.failures))
        if now_s + wait_s > post.deadline_s:
            limit_s = self._settings.repair_deadline_s
            error = ServerUnreachable(f"repair_deadline_s ({limit_s:g} s) was reached; {reason}")
            self._fail_post(post, error, now_s)
            return
        post.retry_at_s = now_s + wait_s
        self._calls += 1
        self._posts[-self._calls] = post  # no call is in progress: a negative key matches no answer

    def _end_post(self, post: _Post, told: model.CallAnswered, now_s: float) -> None:
        if post.run and told.status == 409:
            self._feed(events.RunConflicted(post.run), now_s)
        elif told.status >= 300:
            self._fail_post(post, _refusal("POST run" if post.run else "POST events", told), now_s)
        elif post.run:
            self._feed(events.RunAccepted(post.run), now_s)
        elif self._step == "send":
            self._finish_step()

    def _fail_post(self, post: _Post, error: SyncError, now_s: float) -> None:
        if post.run and isinstance(error, SendUnconfirmed):
            self._feed(events.RunAccepted(post.run, is_unsure=True), now_s)
        elif self._step == ("run" if post.run else "send"):
            self._fail_step(error, now_s)

    def _timer(self, now_s: float) -> None:
        for key, post in list(self._posts.items()):
            if post.retry_at_s is not None and post.retry_at_s <= now_s:
                del self._posts[key]
                self._post(post)
        if self._core.wake_at_s <= now_s < math.inf:
            self._feed(events.TimerFired(), now_s)


def _generation(told: model.CallAnswered | model.NoAnswer) -> Generation:
    if isinstance(told, model.NoAnswer):
        return "legacy"
    try:
        return wire.parse_generation(told.body.encode())
    except ProtocolViolation:
        return "legacy"


def _fetched(
    action: actions.FetchPage | actions.FetchInfo | actions.FetchCount,
    told: model.CallAnswered | model.NoAnswer,
    parse_page: Callable[[str], Page],
) -> events.CoreEvent:
    """The event that the driver passes to the core for an answer to a GET."""
    number = action.request
    if isinstance(told, model.NoAnswer):
        return events.RequestFailed(number, None, True, None, told.reason)
    status, what = told.status, type(action).__name__
    if status != 200:
        is_transient = status in (408, 425, 429) or status >= 500
        reason = f"{what} was answered with status {status}"
        return events.RequestFailed(number, status, is_transient, told.retry_after_s, reason)
    size_bytes = len(told.body.encode())
    try:
        match action:
            case actions.FetchPage():
                return events.PageReceived(number, parse_page(told.body), size_bytes)
            case actions.FetchInfo():
                return events.InfoReceived(number, wire.parse_info(told.body.encode()), size_bytes)
            case actions.FetchCount():
                return events.CountReceived(number, wire.parse_count(told.body.encode()), size_bytes)
    except ProtocolViolation as error:
        return events.RequestFailed(number, status, True, None, f"{what}: {error}")


def _refusal(what: str, told: model.CallAnswered) -> SyncError:
    if told.status in (401, 403):
        return AuthenticationFailed(f"the server refused the API key ({what}: status {told.status})")
    if told.status == 404:
        return ConversationNotFound(f"the server knows no such conversation ({what}: status 404)")
    message = f"{what} was answered with status {told.status}: {told.body[:200]}"
    return RequestRefused(message, status=told.status, body=told.body[:200])


def _frame(text: str, *, is_session: bool, knows_leaf: bool) -> Frame | str:
    """The parsed frame, or the reason why it cannot be parsed."""
    try:
        return wire.parse_session_frame(text) if is_session else wire.parse_events_frame(text, knows_leaf=knows_leaf)
    except ProtocolViolation as error:
        return str(error)


def _page(text: str) -> Page:
    return wire.parse_page(text.encode())


@functools.lru_cache(maxsize=4096)
def _shared_frame(text: str, *, is_session: bool, knows_leaf: bool) -> Frame | str:
    frame = _frame(text, is_session=is_session, knows_leaf=knows_leaf)
    return replace(frame, event=shared(frame.event)) if isinstance(frame, wire.Durable) else frame


@functools.lru_cache(maxsize=4096)
def _shared_page(text: str) -> Page:
    page = _page(text)
    return replace(page, items=tuple(shared(item) for item in page.items))


class _ParseFrame(Protocol):
    def __call__(self, text: str, *, is_session: bool, knows_leaf: bool) -> Frame | str: ...


@dataclass(frozen=True)
class _Codec:
    frame: _ParseFrame
    page: Callable[[str], Page]


_PLAIN = _Codec(_frame, _page)
_SHARING = _Codec(_shared_frame, _shared_page)
