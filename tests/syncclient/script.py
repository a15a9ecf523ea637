"""A conversation to test the core with, no trio and no bytes: made-up events and a hand that plays driver."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from gapless.syncclient.core import actions, events
from gapless.syncclient.core.core import SyncCore
from gapless.syncclient.settings import Settings
from gapless.syncclient.wire import Durable, Frame, Generation, Info, LogEvent, Page, Snapshot, Sync


def message(event_id: str, parent_id: str | None = None) -> dict[str, Any]:
    """A branch event; without a parent it is a root, or one of the legacy generation."""
    return _event(event_id, "MessageEvent", parent_id)


def said(event_id: str, text: str) -> dict[str, Any]:
    """What a user said."""
    return {**message(event_id), "source": "user", "llm_message": {"content": [{"type": "text", "text": text}]}}


def system_prompt(event_id: str) -> dict[str, Any]:
    """The first event of a log."""
    return _event(event_id, "SystemPromptEvent", None)


def update(event_id: str, key: str, value: object, parent_id: str | None = None) -> dict[str, Any]:
    """A per-field state update."""
    return _event(event_id, "ConversationStateUpdateEvent", parent_id) | {"key": key, "value": value}


def _event(event_id: str, kind: str, parent_id: str | None) -> dict[str, Any]:
    event = {"id": event_id, "kind": kind, "timestamp": event_id}
    return event if parent_id is None else event | {"parent_id": parent_id}


def branch(ids: Iterable[str], parent_id: str | None = None) -> list[LogEvent]:
    """Messages, each the parent of the next; without a parent, the first is the system prompt that begins a log."""
    made: list[LogEvent] = []
    for event_id in ids:
        made.append(message(event_id, parent_id) if parent_id is not None else system_prompt(event_id))
        parent_id = event_id
    return made


RUNNING = ("execution_status", "running")
FINISHED = ("execution_status", "finished")


def run_of(ids: str, parent_id: str | None = None) -> list[dict[str, object]]:
    """The events of a run: `running`, a branch, `finished`; update ids are `<`, `>` and the last id."""
    made = branch(ids, parent_id)
    first = update(f"<{ids}", *RUNNING, parent_id=parent_id) | {"timestamp": ids}
    last = update(f"{ids[-1]}>", *FINISHED, parent_id=ids[-1])
    return [dict(event) for event in (first, *made, last)]


def page(items: Sequence[LogEvent], next_page_id: str | None = None) -> Page:
    """A page."""
    return Page(tuple(items), next_page_id)


class Hand:
    """Feeds a core by hand and keeps what it asks for; `now_s` goes on only when told."""

    def __init__(self, generation: Generation, **settings: Any) -> None:
        self.core = SyncCore(Settings(**{"end_events": 1, **settings}), draw=lambda: 0.5)
        self.now_s = 0.0
        self.generation: Generation = generation
        self.asked: list[actions.Action] = []
        self.delivered: list[tuple[str, str]] = []
        self.feed(events.AttachRequested(generation))

    def feed(self, event: events.CoreEvent) -> list[actions.Action]:
        """One event; returns what the core asks for, deliveries apart."""
        asked: list[actions.Action] = []
        for action in self.core.handle(event, self.now_s):
            if isinstance(action, actions.Deliver):
                self.delivered.append((action.event["id"], action.origin))
            else:
                asked.append(action)
        self.asked += asked
        return asked

    def wait(self, delay_s: float) -> list[actions.Action]:
        """Time passes; the timer fires as often as the core wants it to. Returns all that is asked for on the way."""
        end_s = self.now_s + delay_s
        asked: list[actions.Action] = []
        for _ in range(1000):
            if self.core.wake_at_s > end_s:
                self.now_s = end_s
                return asked
            self.now_s = self.core.wake_at_s
            asked += self.feed(events.TimerFired())
        raise AssertionError("the core wakes without end")

    @property
    def connection(self) -> int:
        """The number of the latest connection asked for."""
        return next(a.connection for a in reversed(self.asked) if isinstance(a, actions.OpenSocket))

    @property
    def pages(self) -> list[actions.FetchPage]:
        """The pages asked for so far."""
        return [a for a in self.asked if isinstance(a, actions.FetchPage)]

    @property
    def finished(self) -> list[actions.FinishRun]:
        """The ends of runs so far."""
        return [a for a in self.asked if isinstance(a, actions.FinishRun)]

    def frame(self, frame: Frame, connection: int | None = None) -> list[actions.Action]:
        """A frame on the latest connection, or on another."""
        return self.feed(events.FrameReceived(connection or self.connection, frame))

    def live(self, *log_events: LogEvent, seq: int | None = None) -> list[actions.Action]:
        """Durable events on the socket; `seq` is the index of the first."""
        asked: list[actions.Action] = []
        for offset, event in enumerate(log_events):
            asked += self.frame(Durable(event, None if seq is None else seq + offset))
        return asked

    def snapshot(self, status: str, leaf_id: str | None = None) -> list[actions.Action]:
        """A `full_state` push."""
        knows_leaf = self.generation != "legacy"
        return self.frame(Snapshot(status, leaf_id if knows_leaf else None, knows_leaf))

    def open_socket(self) -> None:
        """The latest connection's handshake is done."""
        self.feed(events.SocketOpened(self.connection))

    def sync(self, through_seq: int | None, from_seq: int | None = None) -> list[actions.Action]:
        """A session socket's first frame."""
        return self.frame(Sync(from_seq, through_seq))

    def answer(self, answer: Page | Info | int) -> list[actions.Action]:
        """The answer to the latest GET."""
        request = self._request()
        if isinstance(answer, int):
            return self.feed(events.CountReceived(request, answer, 1))
        if isinstance(answer, Page):
            return self.feed(events.PageReceived(request, answer, 100))
        return self.feed(events.InfoReceived(request, answer, 100))

    def refuse(
        self, status: int | None, *, transient: bool = True, retry_after_s: float | None = None
    ) -> list[actions.Action]:
        """The latest GET fails."""
        failed = events.RequestFailed(self._request(), status, transient, retry_after_s, f"status {status}")
        return self.feed(failed)

    def _request(self) -> int:
        asked = [a for a in self.asked if isinstance(a, actions.FetchPage | actions.FetchInfo | actions.FetchCount)]
        return asked[-1].request

    def attach_empty(self) -> None:
        """Attach to an empty log, by the shortest way of the generation."""
        self.open_socket()
        match self.generation:
            case "session":
                self.sync(None)
                self.snapshot("idle")
            case "tree":
                self.snapshot("idle")
            case "legacy":
                self.snapshot("idle")
                self.answer(page([]))
        assert any(isinstance(a, actions.FinishAttach) for a in self.asked), "the attach is not done"

    def begin_run(self) -> None:
        """Start a run; the server accepts it."""
        self.feed(events.RunRequested())
        self.accept()

    def accept(self) -> list[actions.Action]:
        """The server takes the latest `POST run`."""
        return self.feed(events.PostTaken(self.post))

    def lose_post(self) -> list[actions.Action]:
        """The answer to the latest `POST run` is lost."""
        return self.feed(events.RequestFailed(self.post, None, True, None, "the connection broke off"))

    def conflict(self) -> list[actions.Action]:
        """The latest `POST run` is answered 409."""
        return self.feed(events.RequestFailed(self.post, 409, False, None, "PostRun was answered with status 409"))

    @property
    def post(self) -> int:
        """The number of the latest `POST run`."""
        return next(a.request for a in reversed(self.asked) if isinstance(a, actions.PostRun))

    def held(self) -> list[str]:
        """The ids held, in the client's order."""
        return [event["id"] for event in self.core.ledger.ordered()]
