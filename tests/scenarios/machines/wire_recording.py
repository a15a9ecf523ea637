"""Records what a client received at the wire, and gives a machine the same.

`record` performs a run at the wire and writes down, in order, each input that the client received (steps of the script,
answers, frames, sockets) and each output (requests, new sockets, deliveries, ends of steps). `replay` passes the inputs
to the machine of that name. The machine *agrees* when it has the same outputs. So no second world and no second event
loop is needed, and every kind of fault can be compared: whatever it did to the bytes, the client received something.

A machine has no history to read, no store and no statistics, so runs with the steps ``history`` and ``reopen`` are not
compared, nor the field ``statistics`` of a claim. The timers of our client are inputs that are recorded. A baseline has
none: it sleeps, which only its requests show, so runs in which it is suspended are not compared.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from typing import Any
from unittest import mock

import httpx
import trio

from gapless.scenarios.clients.baselines.wire import Wire
from gapless.scenarios.clients.contract import Claim, ClientContext, ClientUnderTest, Event, Factory, GapIds
from gapless.scenarios.clients.registry import DEFAULT, resolve
from gapless.scenarios.definition.scenario import Suspend
from gapless.scenarios.machines import machine as model
from gapless.scenarios.machines import registry
from gapless.scenarios.running.runner import RunRequest, perform
from gapless.syncclient import answers, wire
from gapless.syncclient.core import actions, events
from gapless.syncclient.core.core import SyncCore

_UNPLAYABLE = frozenset({"history", "reopen"})
_EPSILON_S = 1e-9
SCHEDULES_MAX = 12
_PATHS = {"search": "/events/search", "count": "/events/count", "message": "/events", "run": "/run"}


@dataclass(frozen=True, slots=True)
class Dialed:
    """A new socket: of a session or not, and the first number wanted."""

    is_session: bool = False
    after_seq: int | None = None


@dataclass(frozen=True, slots=True)
class Requested:
    """A REST request. ``path``: behind that of the conversation; ``/server_info`` is whole."""

    path: str
    query: tuple[tuple[str, str], ...] = ()
    text: str = ""


@dataclass(frozen=True, slots=True)
class Ended:
    """A step of the script has ended, with a claim or with an error of this class."""

    claim: Claim | None = None
    error: str = ""


Output = Dialed | Requested | Ended | model.DeliverEvent


@dataclass(slots=True)
class Recording:
    """What a client received and did: ``(seconds, input or output)``, in order. ``held``, ``gaps``: at its end.

    ``has_crashed``: whether it raised what is no typed error
    """

    request: RunRequest
    entries: list[tuple[float, model.Input | Output]]
    held: tuple[str, ...] = ()
    gaps: tuple[GapIds, ...] = ()
    has_crashed: bool = False

    def outputs(self, kind: type[Output]) -> list[Output]:
        """The outputs of a kind, in order."""
        return [entry for _, entry in self.entries if isinstance(entry, kind)]


def is_playable(request: RunRequest) -> bool:
    """Whether the machine can be given what the client received."""
    script, background = request.scenario.script, request.scenario.workload.background
    if any(isinstance(step, str) and step in _UNPLAYABLE for step in script):
        return False
    is_suspended = any(isinstance(step, Suspend) for step in script) or any(one.suspend_s for one in background)
    return request.client == DEFAULT or not is_suspended


def record(request: RunRequest, schedule: int | None = None) -> Recording:
    """Perform a run at the wire and record it. ``schedule``: the seed of the order of tasks, as in `perform`."""
    recording = Recording(request, [])

    def note(entry: model.Input | Output) -> None:
        recording.entries.append((trio.current_time(), entry))

    spies = _our_spies if request.client == DEFAULT else _baseline_spies
    with spies(note):
        result = perform(request, factory=_recorded(resolve(request.client), note, recording), schedule=schedule)
    recording.has_crashed = any('"what":"error"' in line and '"outcome":"crashed"' in line for line in result.lines)
    return recording


def replay(recording: Recording) -> str | None:
    """The first output in which the machine differs from the client; None when it agrees.

    A baseline crashes at an event without an id, and so does its machine: both do nothing after it.
    """
    try:
        differs = _replayed(recording)
    except Exception as error:
        return None if recording.has_crashed else f"the machine alone crashes: {error!r}"
    if differs is None and recording.has_crashed:
        return "the client crashes, and the machine does not"
    return differs


def _replayed(recording: Recording) -> str | None:
    request, has_timers = recording.request, recording.request.client == DEFAULT
    known, expect = registry.resolve(request.client), request.scenario.expect
    settings = request.scenario.client.model_dump(exclude_none=True)
    machine = known.make(expect.certainty, registry.jitter(request.seed), settings)
    made: dict[type[Output], deque[Output]] = {kind: deque() for kind in (Dialed, Requested, Ended, model.DeliverEvent)}

    dropped: set[int] = set()

    def tell(told: model.Input, now_s: float) -> None:
        if isinstance(told, model.HandshakeDone | model.SocketGone | model.FrameArrived) and told.socket in dropped:
            return  # a driver may pass on a frame that it had read when the socket was dropped
        for effect in machine.handle(told, now_s):
            if isinstance(effect, model.DropSocket):
                dropped.add(effect.socket)
            elif (output := _output(effect)) is not None:
                made[type(output)].append(output)

    for now_s, entry in recording.entries:
        if not isinstance(entry, Output):
            while not has_timers and machine.wake_at_s < now_s - _EPSILON_S:
                tell(model.Timer(), machine.wake_at_s)
            if isinstance(entry, model.Timer) and machine.wake_at_s > now_s + _EPSILON_S:
                return f"at {now_s:g} s the client's timer is due, and the machine's is at {machine.wake_at_s:g} s"
            tell(entry, now_s)
            continue
        while not has_timers and not made[type(entry)] and machine.wake_at_s <= now_s + _EPSILON_S:
            tell(model.Timer(), machine.wake_at_s)
        output = made[type(entry)].popleft() if made[type(entry)] else None
        if output != entry:
            return f"at {now_s:g} s the client has {entry}, and the machine {output}"
    over = [one for kind in (Ended, model.DeliverEvent) for one in made[kind]]
    if over:
        return f"the machine alone has {over[0]}"
    if tuple(machine.held()) != recording.held:
        return f"the client holds {len(recording.held)} events, and the machine {len(machine.held())}, or another order"
    gaps = tuple(machine.gaps())
    return None if gaps == recording.gaps else f"the client declares the gaps {recording.gaps}, and the machine {gaps}"


def difference(request: RunRequest, *, schedules_max: int = SCHEDULES_MAX) -> str | None:
    """The first output in which the machine differs from the client at the wire; None when they agree.

    A task of a baseline may wake after a frame of the same moment was read, and the machine does not wait. So a
    baseline is recorded under up to ``schedules_max`` orders of its tasks, until the machine agrees with one. Our
    client's core decides without such a wait, and has to agree at once.
    """
    differs = replay(record(request))
    for schedule in range(1, 1 if request.client == DEFAULT else schedules_max):
        if differs is None:
            break
        differs = replay(record(request, request.seed + schedule))
    return differs


def _output(effect: model.Effect) -> Output | None:
    match effect:
        case model.DialSocket(_, is_session, after_seq):
            return Dialed(is_session, after_seq)
        case model.RestCall(_, name, page_id, limit, descending, text):
            query = {"limit": str(limit)} if name == "search" else {}
            query |= {"page_id": page_id} if page_id is not None else {}
            query |= {"sort_order": "TIMESTAMP_DESC"} if descending else {}
            path = "/server_info" if name == "server_info" else _PATHS.get(name, "")
            return Requested(path, tuple(sorted(query.items())), text)
        case model.StepDone(claim):
            return Ended(claim)
        case model.StepError(error):
            return Ended(error=error)
        case model.DeliverEvent():
            return effect
        case model.DropSocket():
            return None


# -- at the script and the application --------------------------------------------------------------------------------


def _recorded(factory: Factory, note: Callable[[model.Input | Output], None], recording: Recording) -> Factory:
    """The factory of a client whose steps and deliveries are recorded."""

    @asynccontextmanager
    async def opened(context: ClientContext) -> AsyncIterator[ClientUnderTest]:
        def on_event(event: Event, repaired: bool | None) -> None:
            note(model.DeliverEvent(str(event["id"]), bool(repaired)))
            context.on_event(event, repaired)

        async with factory(replace(context, on_event=on_event)) as client:
            yield _RecordedClient(client, note, recording)

    def make(context: ClientContext) -> AbstractAsyncContextManager[ClientUnderTest]:
        return opened(context)

    return make


class _RecordedClient:
    def __init__(
        self, client: ClientUnderTest, note: Callable[[model.Input | Output], None], recording: Recording
    ) -> None:
        self._client, self._note, self._recording = client, note, recording
        self.errors = client.errors

    async def attach(self) -> None:
        await self._step(model.AttachStep(), self._client.attach)

    async def send(self, text: str) -> None:
        await self._step(model.SendStep(text), lambda: self._client.send(text))

    async def run(self) -> Claim:
        claim = await self._step(model.RunStep(), self._client.run)
        assert isinstance(claim, Claim)
        return claim

    async def close(self) -> None:
        self._recording.held = tuple(str(event["id"]) for event in self._client.held())
        self._recording.gaps = tuple(self._client.gaps() or ())
        await self._client.close()

    def held(self) -> Any:
        return self._client.held()

    def gaps(self) -> Any:
        return self._client.gaps()

    async def _step(self, told: model.Input, step: Callable[[], Any]) -> Claim | None:
        self._note(told)
        try:
            claim: Claim | None = await step()
        except trio.Cancelled:
            self._note(model.StepCanceled())
            raise
        except self._client.errors as error:
            self._note(Ended(error=type(error).__name__))
            raise
        self._note(Ended(None if claim is None else replace(claim, statistics=None)))
        return claim


# -- at the network, for our client -----------------------------------------------------------------------------------


@contextmanager
def _our_spies(note: Callable[[model.Input | Output], None]) -> Iterator[None]:
    """Record around the core of our client. What the driver parsed is recorded as it was before."""
    parsed: dict[int, tuple[object, str]] = {}
    answered: dict[int, tuple[object, model.Input]] = {}
    last_text = [""]
    handle, had_answer, had_none = SyncCore.handle, answers.answered, answers.unanswered

    def on_answer(
        ask: actions.Ask, status: int, body: bytes, retry_after_s: float | None, parse_page: Any = None
    ) -> events.Answer:
        event = had_answer(ask, status, body, retry_after_s, parse_page)
        told = model.CallAnswered(ask.request, status, body.decode(errors="replace"), retry_after_s)
        answered[id(event)] = event, told
        return event

    def on_no_answer(ask: actions.Ask, reason: str, *, was_sent: bool) -> events.RequestFailed:
        event = had_none(ask, reason, was_sent=was_sent)
        answered[id(event)] = event, model.NoAnswer(ask.request, was_sent, reason)
        return event

    def parsing(parse: Callable[..., wire.Frame]) -> Callable[..., wire.Frame]:
        def parse_and_note(text: str, **options: bool) -> wire.Frame:
            last_text[0] = text
            frame = parse(text, **options)
            parsed[id(frame)] = frame, text
            return frame

        return parse_and_note

    def input_of(event: events.CoreEvent) -> model.Input | None:
        match event:
            case events.SocketOpened(number):
                return model.HandshakeDone(number)
            case events.SocketClosed(number, code, reason):
                return model.SocketGone(number, code, reason)
            case events.FrameReceived(number, frame):
                return model.FrameArrived(number, parsed.pop(id(frame))[1])
            case events.FrameRejected(number):
                return model.FrameArrived(number, last_text[0])
            case events.TimerFired():
                return model.Timer()
        return answered.pop(id(event))[1] if id(event) in answered else None  # a step is recorded at the script

    def on_event(core: SyncCore, event: events.CoreEvent, now_s: float) -> list[actions.Action]:
        if (told := input_of(event)) is not None:
            note(told)
        done = handle(core, event, now_s)
        for action in done:
            if isinstance(action, actions.OpenSocket):
                note(Dialed(action.generation == "session", action.after_seq))
            elif isinstance(action, actions.Ask):
                request = answers.http(action, "")
                text = action.text if isinstance(action, actions.PostMessage) else ""
                path = request.path.removeprefix("/api/conversations/")
                note(Requested(path, tuple(sorted(request.query.items())), text))
        return done

    with (
        mock.patch.object(SyncCore, "handle", on_event),
        mock.patch.object(answers, "answered", on_answer),
        mock.patch.object(answers, "unanswered", on_no_answer),
        mock.patch.object(wire, "parse_session_frame", parsing(wire.parse_session_frame)),
        mock.patch.object(wire, "parse_events_frame", parsing(wire.parse_events_frame)),
    ):
        yield


# -- at the network, for the baselines --------------------------------------------------------------------------------


@contextmanager
def _baseline_spies(note: Callable[[model.Input | Output], None]) -> Iterator[None]:
    """Record around httpx and trio-websocket, as the baselines use them."""
    calls, sockets = [0], [0]
    request, socket = httpx.AsyncClient.request, Wire.socket

    async def on_request(http: httpx.AsyncClient, method: str, url: httpx.URL, *, json: Any = None) -> httpx.Response:
        calls[0] += 1
        number, text = calls[0], "" if json is None else json["content"][0]["text"]
        _, _, path = url.path.removeprefix("/api/conversations/").partition("/")
        note(Requested(f"/{path}" if path else "", tuple(sorted(url.params.items())), text))
        try:
            response = await request(http, method, url, json=json)
        except httpx.HTTPError as error:
            note(model.NoAnswer(number, True, repr(error)))
            raise
        note(model.CallAnswered(number, response.status_code, response.text))
        return response

    @asynccontextmanager
    async def on_socket(wire_: Wire) -> AsyncIterator[Any]:
        sockets[0] += 1
        number = sockets[0]
        note(Dialed())
        try:
            async with socket(wire_) as connection:
                note(model.HandshakeDone(number))
                yield _RecordedSocket(connection, number, note)
        except trio.Cancelled:
            raise
        except BaseException:
            note(model.SocketGone(number, None, ""))
            raise

    with mock.patch.object(httpx.AsyncClient, "request", on_request), mock.patch.object(Wire, "socket", on_socket):
        yield


class _RecordedSocket:
    def __init__(self, connection: Any, number: int, note: Callable[[model.Input | Output], None]) -> None:
        self._connection, self._number, self._note = connection, number, note

    async def get_message(self) -> Any:
        text = await self._connection.get_message()
        self._note(model.FrameArrived(self._number, text))
        return text
