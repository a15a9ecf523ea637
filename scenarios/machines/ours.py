"""Our client as a machine: `SyncCore` without trio.

It decides nothing, as the driver does not: requests, retries and deadlines are the core's, and answers are read by
`gapless.syncclient.answers` for both.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from gapless.scenarios.clients.contract import Claim, GapIds
from gapless.scenarios.clients.ours import claim_of
from gapless.scenarios.machines import machine as model
from gapless.scenarios.machines.shared_events import shared
from gapless.syncclient import answers, wire
from gapless.syncclient.core import actions, events
from gapless.syncclient.core.core import SyncCore
from gapless.syncclient.errors import ProtocolViolation, RunTimedOut, SyncError
from gapless.syncclient.settings import Settings
from gapless.syncclient.wire import Frame, Generation, Page


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
        self._asked: dict[int, actions.Ask] = {}
        self._is_session: dict[int, bool] = {}
        self._step: str | None = None
        self._failure: SyncError | None = None
        self._out: list[model.Effect] = []

    def __repr__(self) -> str:
        return f"<GaplessMachine {self._core.ledger!r}>"

    @property
    def wake_at_s(self) -> float:
        """The time of the next `Timer`, in seconds. Infinity for never."""
        return self._core.wake_at_s

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
                self._step = "attach"
                self._feed(events.AttachRequested(self._generation), now_s)
            case model.SendStep(text):
                self._send(text, now_s)
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
                if self._core.wake_at_s <= now_s < math.inf:
                    self._feed(events.TimerFired(), now_s)
        out, self._out = self._out, []
        return out

    # -- steps --------------------------------------------------------------------------------------------------------

    def _send(self, text: str, now_s: float) -> None:
        self._step = "send"
        if self._failure is not None:
            self._fail_step(self._failure, now_s)
        else:
            self._feed(events.SendRequested(0, text), now_s)

    def _run(self, now_s: float) -> None:
        self._step = "run"
        if self._failure is not None:
            self._fail_step(self._failure, now_s)
        else:
            self._feed(events.RunRequested(), now_s)

    def _give_up(self, now_s: float) -> None:
        step, self._step = self._step, None
        if step == "send":
            self._feed(events.SendAbandoned(0), now_s)
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
                self._generation = generation
                self._is_session[number] = generation == "session"
                self._out.append(model.DialSocket(number, generation == "session", after_seq))
            case actions.CloseSocket(number):
                self._is_session.pop(number, None)
                self._out.append(model.DropSocket(number))
            case actions.FetchPage(_, page_id, limit, descending):
                self._ask(action, "search", page_id=page_id, limit=limit, descending=descending)
            case actions.FetchInfo():
                self._ask(action, "conversation")
            case actions.FetchCount():
                self._ask(action, "count")
            case actions.FetchServerInfo():
                self._ask(action, "server_info")
            case actions.PostMessage(_, text):
                self._ask(action, "message", text=text)
            case actions.PostRun():
                self._ask(action, "run")
            case actions.FinishSend(_, error):
                if self._step == "send" and error is None:
                    self._finish_step()
                elif self._step == "send" and error is not None:
                    self._fail_step(error, now_s)
            case actions.FailRun(error):
                if self._step == "run":
                    self._fail_step(error, now_s)
            case actions.Deliver(event, origin) if origin != "update":
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
                self._finish_step(claim_of(report))
            case actions.Fail(error):
                self._failure = error
                self._fail_step(error, now_s)
            case actions.Deliver():
                return  # a newer version of an event that was delivered
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

    def _ask(
        self,
        action: actions.Ask,
        name: model.CallName,
        *,
        page_id: str | None = None,
        limit: int = 100,
        descending: bool = False,
        text: str = "",
    ) -> None:
        self._asked[action.request] = action
        self._out.append(model.RestCall(action.request, name, page_id, limit, descending, text))

    def _answered(self, told: model.CallAnswered | model.NoAnswer, now_s: float) -> None:
        action = self._asked.pop(told.call, None)
        if action is None:
            return
        if isinstance(told, model.NoAnswer):
            self._feed(answers.unanswered(action, told.reason, was_sent=told.was_sent), now_s)
        else:
            body, wait_s = told.body.encode(), told.retry_after_s
            self._feed(answers.answered(action, told.status, body, wait_s, self._codec.page), now_s)


def _frame(text: str, *, is_session: bool, knows_leaf: bool) -> Frame | str:
    """The parsed frame, or the reason why it cannot be parsed."""
    try:
        return wire.parse_session_frame(text) if is_session else wire.parse_events_frame(text, knows_leaf=knows_leaf)
    except ProtocolViolation as error:
        return str(error)


def _page(body: bytes) -> Page:
    return wire.parse_page(body)


@functools.lru_cache(maxsize=4096)
def _shared_frame(text: str, *, is_session: bool, knows_leaf: bool) -> Frame | str:
    frame = _frame(text, is_session=is_session, knows_leaf=knows_leaf)
    return replace(frame, event=shared(frame.event)) if isinstance(frame, wire.Durable) else frame


@functools.lru_cache(maxsize=4096)
def _shared_page(body: bytes) -> Page:
    page = _page(body)
    return replace(page, items=tuple(shared(item) for item in page.items))


class _ParseFrame(Protocol):
    def __call__(self, text: str, *, is_session: bool, knows_leaf: bool) -> Frame | str: ...


@dataclass(frozen=True)
class _Codec:
    frame: _ParseFrame
    page: Callable[[bytes], Page]


_PLAIN = _Codec(_frame, _page)
_SHARING = _Codec(_shared_frame, _shared_page)
