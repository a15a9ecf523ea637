"""The baselines of `gapless.scenarios.clients.baselines` as machines: the same strategies, without trio.

Each machine does the same as the baseline of that name, step by step; a test compares them. What all share is in
`FollowerMachine`, the counterpart of ``follower.py`` there. A machine cannot wait in the middle of a function, so it
stores its current step as a *task*.
"""

from __future__ import annotations

import functools
import json
import math
from bisect import bisect_right
from collections.abc import Sequence
from typing import Any, ClassVar, Final

from gapless.scenarios.clients.contract import Claim, GapIds
from gapless.scenarios.machines import machine as model
from gapless.scenarios.machines.shared_events import Shared, shared

PAGES_MAX: Final = 1000
READY_TIMEOUT_S: Final = 30.0
RECONNECT_S_MAX: Final = 30.0
RUN_TIMEOUT_S: Final = 3600.0
POLL_S: Final = 1.0
FALLBACK_S: Final = 30.0
ENDED: Final = frozenset({"finished", "error", "stuck", "paused", "waiting_for_confirmation"})
TERMINAL: Final = frozenset({"finished", "error", "stuck"})
STATE_UPDATE: Final = "ConversationStateUpdateEvent"


class FollowerMachine:
    """What all baselines share: the cache, the socket, and reconnecting.

    ``task``: the name of the current step; None between steps
    """

    after_subscribe: ClassVar[str | None] = None
    """The task that an attach begins when the socket is ready. None if there is none."""

    def __init__(self) -> None:
        self.cache: list[Shared] = []
        self.cached_ids: dict[str, None] = {}
        self.task: str | None = None
        self.wait_until_s = math.inf
        self.status: str | None = None
        self._calls = 0
        self._call = 0
        self._pages_left = 0
        self._echo = 0
        self._sockets = 0
        self._retry_at_s = math.inf
        self._delay_s = 1.0
        self._is_ready = False
        self._out: list[model.Effect] = []

    @property
    def wake_at_s(self) -> float:
        """The time of the next `Timer`, in seconds. Infinity for never."""
        return min(self.wait_until_s, self._retry_at_s)

    def held(self) -> Sequence[str]:
        """The ids of the cached events, without snapshots."""
        return [event["id"] for event in self.cache if not _is_snapshot(event)]

    def gaps(self) -> Sequence[GapIds]:
        """Always empty: these clients do not detect gaps."""
        return ()

    def handle(self, told: model.Input, now_s: float) -> list[model.Effect]:
        """Process an input and return the effects."""
        self._out = []
        match told:
            case model.AttachStep():
                self.read("sync", None)
            case model.SendStep(text):
                self.ask("send", "message", text=text)
            case model.RunStep():
                self.begin_run(now_s)
            case model.StepCanceled():
                self.task, self.wait_until_s = None, math.inf
            case model.HandshakeDone():
                self._delay_s = 1.0
            case model.SocketGone():
                self._retry_at_s = now_s + self._delay_s
                self._delay_s = min(2 * self._delay_s, RECONNECT_S_MAX)
            case model.FrameArrived(_, text):
                self._frame(text, now_s)
            case model.CallAnswered(call) | model.NoAnswer(call):
                if call == self._call:
                    self._answered(told, now_s)
            case model.Timer():
                self._timer(now_s)
        out, self._out = self._out, []
        return out

    # -- overridden by strategies -------------------------------------------------------------------------------------

    def begin_run(self, now_s: float) -> None:
        """Begin ``run()``: post the run."""
        self.ask("run", "run")

    def accepted(self, now_s: float) -> None:
        """Called when the server has accepted the run, or answered 409."""

    def polled(self, status: str | None, now_s: float) -> None:
        """Called with the status from a poll. None when the poll failed or its body could not be read."""

    def on_frame(self, event: Shared, now_s: float) -> None:
        """Called for each event from the socket, after it was cached."""

    def read_on(self, now_s: float) -> None:
        """A hook for the end of a read during a run. No strategy uses it."""

    def insert(self, event: Shared) -> None:
        """Add a new event to the cache: at the end, in order of arrival."""
        self.cache.append(event)

    # -- shared -------------------------------------------------------------------------------------------------------

    def ask(self, task: str, name: model.CallName, *, page_id: str | None = None, text: str = "") -> None:
        """Make a REST call. ``task`` is the current task until the answer arrives."""
        self.task = task
        self._calls += 1
        self._call = self._calls
        self._out.append(model.RestCall(self._calls, name, page_id, text=text))

    def read(self, task: str, cursor: str | None) -> None:
        """Read pages to the end of the log, from a cursor, or from the head if it is None."""
        self._pages_left, self._echo = PAGES_MAX, 0
        self.ask(task, "search", page_id=cursor)

    def finish(self, claim: Claim | None = None) -> None:
        """End the current step of the script."""
        self.task, self.wait_until_s = None, math.inf
        self._out.append(model.StepDone(claim))

    def fail(self, message: str, *, error: str = "BaselineError") -> None:
        """End the current step of the script with an error."""
        self.task, self.wait_until_s = None, math.inf
        self._out.append(model.StepError(error, message))

    def keep(self, event: Shared, *, is_repaired: bool) -> None:
        """Cache an event and deliver it to the application, unless it is cached already."""
        if event["id"] in self.cached_ids:
            return
        self.cached_ids[event["id"]] = None
        self.insert(event)
        self._out.append(model.DeliverEvent(event["id"], is_repaired))

    def _frame(self, text: str, now_s: float) -> None:
        event = _parsed(text)
        if event is None:
            return
        if event.get("kind") == STATE_UPDATE and not self._is_ready:
            self._is_ready = True
        self.keep(event, is_repaired=False)
        self.on_frame(event, now_s)
        if self._is_ready and self.task == "subscribe":
            self._subscribed()

    def _subscribed(self) -> None:
        self.wait_until_s = math.inf
        if self.after_subscribe is None:
            self.finish()
        else:
            self.reconcile(self.after_subscribe)

    def reconcile(self, task: str) -> None:
        """Read events that may have been missed: here, the whole log."""
        self.read(task, None)

    def _answered(self, told: model.CallAnswered | model.NoAnswer, now_s: float) -> None:
        task = self.task
        body = _body(told)
        match task:
            case "send":
                if _failed(told) is None and body is not None:
                    self.finish()
                else:
                    self._fail_call("POST …/events", told)
            case "run":
                if (_failed(told) is None and body is not None) or _failed(told) == 409:
                    self.task = "running"
                    self.accepted(now_s)
                else:
                    self._fail_call("POST …/run", told)
            case "poll":
                self._polled(told, body, now_s)
            case "sync" | "resync" | "reconcile" | "last":
                self._page(task, told, body, now_s)

    def _polled(self, told: model.CallAnswered | model.NoAnswer, body: Any, now_s: float) -> None:
        failed = _failed(told)
        self.task = "running"
        if failed is not None and 400 <= failed < 500 and failed != 429:
            self._fail_call("GET …", told)
        elif failed is not None or not isinstance(body, dict) or "execution_status" not in body:
            self.polled(None, now_s)
        else:
            self.polled(str(body["execution_status"]), now_s)

    def _page(self, task: str, told: model.CallAnswered | model.NoAnswer, body: Any, now_s: float) -> None:
        is_page = _failed(told) is None and isinstance(body, dict) and "items" in body and "next_page_id" in body
        if not is_page and task in ("sync", "resync"):
            self._fail_call("GET …/events/search", told)
            return
        if is_page:
            for item in body["items"][self._echo :]:
                self.keep(shared(item), is_repaired=task in ("reconcile", "last"))
            self._echo = 0
            self._pages_left -= 1
            if body["next_page_id"] is not None and self._pages_left:
                self.ask(task, "search", page_id=body["next_page_id"])
                return
        self._read(task, now_s)

    def _read(self, task: str, now_s: float) -> None:
        """Called when all pages are read. For a reconciliation, also after a failure, which is swallowed (R55)."""
        if task == "sync":
            self.task = "subscribe"
            self._open()
            if self._is_ready:
                self._subscribed()
            else:
                self.wait_until_s = now_s + READY_TIMEOUT_S
        elif task == "last":
            self.finish(Claim(status=self.status))
        else:
            self.finish()

    def _fail_call(self, what: str, told: model.CallAnswered | model.NoAnswer) -> None:
        failed = _failed(told)
        if failed is not None and failed > 0:
            self.fail(f"{what} was answered with {failed}", error="Rejected")
        else:
            self.fail(f"{what} failed: {told.reason if isinstance(told, model.NoAnswer) else 'no use'}")

    def _open(self) -> None:
        self._sockets += 1
        self._retry_at_s = math.inf
        self._out.append(model.DialSocket(self._sockets))

    def _timer(self, now_s: float) -> None:
        if self._retry_at_s <= now_s:
            self._open()
        if self.wait_until_s <= now_s:
            self.wait_until_s = math.inf
            if self.task == "subscribe":
                self.fail(f"the socket was not ready after {READY_TIMEOUT_S:g} s")
            else:
                self.waited(now_s)

    def waited(self, now_s: float) -> None:
        """Called when the wait of a run is over."""


class SocketOnlyMachine(FollowerMachine):
    """Returns from a run at the first terminal status on the socket."""

    def __init__(self) -> None:
        super().__init__()
        self._ended = False

    def begin_run(self, now_s: float) -> None:
        """Forget the end of the last run, and post the run."""
        self._ended = False
        super().begin_run(now_s)

    def accepted(self, now_s: float) -> None:
        """Wait for a terminal status. It may have arrived already."""
        self.wait_until_s = now_s + RUN_TIMEOUT_S
        if self._ended:
            self.ended(now_s)

    def waited(self, now_s: float) -> None:
        """Return after `RUN_TIMEOUT_S` without a terminal status."""
        self.ended(now_s)

    def ended(self, now_s: float) -> None:
        """Return from ``run()``."""
        self.finish(Claim(status=self.status))

    def on_frame(self, event: Shared, now_s: float) -> None:
        """Return from ``run()`` at a terminal status."""
        status = _status_in(event)
        if status in ENDED:
            self.status, self._ended = status, True
            if self.task == "running":
                self.ended(now_s)


class TailCursorMachine(SocketOnlyMachine):
    """Reconciles from the last cached event, also at the end of a run."""

    after_subscribe = "reconcile"

    def reconcile(self, task: str) -> None:
        """Read from the last cached event. The first item is skipped, because it is assumed to be that event."""
        cursor = self.cache[-1]["id"] if self.cache else None
        self.read(task, cursor)
        self._echo = 1 if cursor is not None else 0

    def ended(self, now_s: float) -> None:
        """Reconcile before returning from ``run()``."""
        self.wait_until_s = math.inf
        self.reconcile("last")


class PollThenReturnMachine(FollowerMachine):
    """Polls every second, and returns when REST reports an end."""

    after_subscribe = "resync"

    def __init__(self) -> None:
        super().__init__()
        self._polls = 0

    def accepted(self, now_s: float) -> None:
        """Wait for the first poll."""
        self._polls = 0
        self.wait_until_s = now_s + POLL_S

    def waited(self, now_s: float) -> None:
        """Poll."""
        self.ask("poll", "conversation")

    def polled(self, status: str | None, now_s: float) -> None:
        """Return, or wait for the next poll."""
        self._polls += 1
        if status in ENDED:
            self.finish(Claim(status=status))
        elif self._polls >= int(RUN_TIMEOUT_S / POLL_S):
            self.fail(f"the run did not end within {RUN_TIMEOUT_S:g} s")
        else:
            self.wait_until_s = now_s + POLL_S


class FullRescanMachine(FollowerMachine):
    """Waits for a snapshot whose status is not ``running``, then reads the whole log."""

    after_subscribe = "reconcile"

    def __init__(self) -> None:
        super().__init__()
        self._is_armed = False
        self._heard: list[str] = []
        self._began_s = 0.0
        self._ended_since_s: float | None = None

    def begin_run(self, now_s: float) -> None:
        """Forget the snapshots received so far, and post the run."""
        self._heard = []
        super().begin_run(now_s)

    def accepted(self, now_s: float) -> None:
        """Wait for a snapshot, and poll every second."""
        self._is_armed, self._began_s, self._ended_since_s = True, now_s, None
        self.wait_until_s = now_s + POLL_S

    def on_frame(self, event: Shared, now_s: float) -> None:
        """Any snapshot whose status is not ``running`` ends the run."""
        status = _status_in(event)
        if not self._is_armed or not _is_snapshot(event) or status in (None, "running"):
            return
        assert status is not None
        if self.task == "running":
            self._end(status)
        else:
            self._heard.append(status)  # in the middle of a poll: it is received after that

    def waited(self, now_s: float) -> None:
        """Nothing came: poll."""
        self.ask("poll", "conversation")

    def polled(self, status: str | None, now_s: float) -> None:
        """Give in when REST has said so for long enough."""
        if status not in TERMINAL:
            self._ended_since_s = None
        else:
            self._ended_since_s = now_s if self._ended_since_s is None else self._ended_since_s
            if now_s - self._ended_since_s >= FALLBACK_S:
                self._end(str(status))
                return
        if now_s - self._began_s >= RUN_TIMEOUT_S:
            self._is_armed = False
            self.fail(f"the run did not end within {RUN_TIMEOUT_S:g} s")
        elif self._heard:
            self._end(self._heard.pop(0))
        else:
            self.wait_until_s = now_s + POLL_S

    def _end(self, status: str) -> None:
        self._is_armed, self.status = False, status
        self.wait_until_s = math.inf
        self.reconcile("last")

    def insert(self, event: Shared) -> None:
        """Insert a new event by timestamp."""
        at = bisect_right(self.cache, str(event["timestamp"]), key=lambda one: str(one["timestamp"]))
        self.cache.insert(at, event)


def _status_in(event: Shared) -> str | None:
    if event.get("key") == "execution_status":
        return str(event["value"])
    if _is_snapshot(event):
        status = event["value"].get("execution_status")
        return None if status is None else str(status)
    return None


def _is_snapshot(event: Shared) -> bool:
    return event.get("key") == "full_state"


def _failed(told: model.CallAnswered | model.NoAnswer) -> int | None:
    """The HTTP status of a failed call, 0 when there was no answer, None when the call succeeded."""
    if isinstance(told, model.NoAnswer):
        return 0
    return None if 200 <= told.status < 300 else told.status


def _body(told: model.CallAnswered | model.NoAnswer) -> Any:
    """The body, parsed as JSON. None when there is no body, or it is not JSON."""
    if isinstance(told, model.NoAnswer):
        return None
    try:
        return json.loads(told.body)
    except ValueError:
        return None


@functools.lru_cache(maxsize=4096)
def _parsed(text: str) -> Shared | None:
    try:
        return shared(json.loads(text))
    except ValueError:
        return None
