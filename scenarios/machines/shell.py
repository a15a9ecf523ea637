"""Runs a machine in a world: performs its effects and passes it the inputs. It implements `ClientUnderTest`.

The shell makes no decisions of its own. Timeouts, pings and the size limit of a frame come from the client's `Manners`.
"""

from __future__ import annotations

import json
import math
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Final
from urllib.parse import urlencode

import trio

from gapless.scenarios.clients.contract import Claim, ClientContext, ClientUnderTest, Event, Factory, GapIds
from gapless.scenarios.machines import machine as model
from gapless.scenarios.machines.message_carrier import CarriedMessage, MessagePipe, receive, send
from gapless.scenarios.machines.registry import Known, jitter
from gapless.simserver.loop import Nursery, Scope
from gapless.simserver.network.streams import Stream
from gapless.simserver.world import World

_GONE: Final = (trio.BrokenResourceError, trio.ClosedResourceError)
_METHODS: Final[dict[str, str]] = {"message": "POST", "run": "POST"}


class MachineFailed(Exception):
    """The machine ended a step with an error."""


class _Lost(Exception):
    """A socket was lost. ``code``: the close code; None if there was none."""

    def __init__(self, reason: str, code: int | None = None) -> None:
        self.code = code
        super().__init__(reason)


class Shell:
    """One machine in one world."""

    errors: tuple[type[Exception], ...] = (MachineFailed,)

    def __init__(
        self,
        world: World,
        context: ClientContext,
        machine: model.Machine,
        connection_settings: model.ConnectionSettings,
        nursery: Nursery,
    ) -> None:
        self._world = world
        self._loop = world.loop
        self._context = context
        self._machine = machine
        self._manners = connection_settings
        self._nursery = nursery
        self._path = f"/api/conversations/{context.conversation_id}"
        self._sockets: dict[int, Scope] = {}
        self._idle: list[Stream] = []
        self._rearm = self._loop.event()
        self._ended = self._loop.event()
        self._said: model.StepDone | model.StepError | None = None
        self._is_closed = False

    # -- the script ---------------------------------------------------------------------------------------------------

    async def attach(self) -> None:
        """Let the machine attach. Raises MachineFailed."""
        self._nursery.start_soon(self._keep_time)
        await self._step(model.AttachStep())

    async def send(self, text: str) -> None:
        """Let the machine send a user message. Raises MachineFailed."""
        await self._step(model.SendStep(text))

    async def run(self) -> Claim:
        """Let the machine run. Raises MachineFailed."""
        claim = await self._step(model.RunStep())
        assert claim is not None, "a run ends with a claim"
        return claim

    async def close(self) -> None:
        """Cancel all tasks and ignore the machine from now on."""
        self._is_closed = True
        self._nursery.cancel_scope.cancel()

    def held(self) -> Sequence[Event]:
        """The events that the machine holds, with their ids only."""
        return [{"id": event_id} for event_id in self._machine.held()]

    def gaps(self) -> Sequence[GapIds]:
        """The gaps that the machine declares."""
        return self._machine.gaps()

    async def _step(self, told: model.Input) -> Claim | None:
        self._ended, self._said = self._loop.event(), None
        is_over = False
        try:
            self._feed(told)
            await self._ended.wait()
            is_over = True
        finally:
            if not is_over:
                self._feed(model.StepCanceled())
        said: model.StepDone | model.StepError | None = self._said
        if isinstance(said, model.StepError):
            raise type(said.error, (MachineFailed,), {})(said.message)
        return said.claim if said is not None else None

    # -- the machine --------------------------------------------------------------------------------------------------

    def _feed(self, told: model.Input) -> None:
        if self._is_closed:
            return
        before_s = self._machine.wake_at_s
        for effect in self._machine.handle(told, self._loop.current_time()):
            self._perform(effect)
        if self._machine.wake_at_s != before_s:
            self._rearm.set()

    def _perform(self, effect: model.Effect) -> None:
        match effect:
            case model.DialSocket():
                self._nursery.start_soon(self._follow, effect)
            case model.DropSocket(number):
                if number in self._sockets:
                    self._sockets[number].cancel()
            case model.RestCall():
                self._nursery.start_soon(self._call, effect)
            case model.DeliverEvent(event_id, is_repaired):
                self._context.on_event({"id": event_id}, is_repaired)
            case model.StepDone() | model.StepError():
                self._said = effect
                self._ended.set()

    async def _keep_time(self) -> None:
        while True:
            self._rearm = self._loop.event()
            with self._loop.scope(self._machine.wake_at_s):
                await self._rearm.wait()
            if self._loop.current_time() >= self._machine.wake_at_s:
                self._feed(model.Timer())

    # -- calls --------------------------------------------------------------------------------------------------------

    async def _call(self, call: model.RestCall) -> None:
        limit_s = self._manners.request_timeout_s
        told: model.Input = model.NoAnswer(call.call, True, f"no answer in {limit_s:g} s")
        try:
            with self._loop.move_on_after(limit_s):
                answer = await self._exchange(self._request(call))
                told = model.CallAnswered(
                    call.call, answer.head["status"], answer.body, _seconds(answer.head["retry_after"])
                )
        except ConnectionRefusedError as error:
            told = model.NoAnswer(call.call, False, str(error))
        except _GONE as error:
            told = model.NoAnswer(call.call, True, str(error))
        self._feed(told)

    def _request(self, call: model.RestCall) -> CarriedMessage:
        path, query, body = self._path, {}, ""
        match call.name:
            case "search":
                path, query = f"{path}/events/search", {"limit": str(call.limit)}
                if call.page_id is not None:
                    query["page_id"] = call.page_id
                if call.descending:
                    query["sort_order"] = "TIMESTAMP_DESC"
            case "count":
                path += "/events/count"
            case "message":
                path += "/events"
                content = [{"type": "text", "text": call.text}]
                body = json.dumps({"role": "user", "content": content, "run": False})
            case "run":
                path += "/run"
            case "server_info":
                path = "/server_info"
            case "conversation":
                pass
        head = {"method": _METHODS.get(call.name, "GET"), "path": path, "query": urlencode(query)}
        return CarriedMessage("request", head | {"key": self._context.api_key}, body)

    async def _exchange(self, request: CarriedMessage) -> CarriedMessage:
        """Send a request on an idle or new connection, and receive the answer."""
        stream = await self._connection()
        answer: CarriedMessage | None = None
        try:
            if not send(stream.outgoing, request):
                raise trio.BrokenResourceError("the connection is gone")
            answer = await receive(stream.incoming)
        finally:
            if answer is None:
                stream.close()
        if answer is None:
            raise trio.BrokenResourceError("the server left without an answer")
        self._idle.append(stream)
        return answer

    async def _connection(self) -> Stream:
        while self._idle:
            stream = self._idle.pop()
            if not stream.incoming.readable():
                return stream
            stream.close()
        return await self._world.connections.dial_rest("", 0)

    # -- sockets ------------------------------------------------------------------------------------------------------

    async def _follow(self, wanted: model.DialSocket) -> None:
        with self._loop.scope() as scope:
            self._sockets[wanted.socket] = scope
            try:
                await self._read(wanted)
            except _Lost as lost:
                self._feed(model.SocketGone(wanted.socket, lost.code, str(lost)))
            finally:
                del self._sockets[wanted.socket]

    async def _read(self, wanted: model.DialSocket) -> None:
        stream: Stream | None = None
        try:
            with self._loop.move_on_after(self._manners.handshake_timeout_s) as in_time:
                stream = await self._world.connections.dial("", 0)
                await self._shake_hands(stream, wanted)
            if in_time.cancelled_caught:
                raise _Lost(f"no handshake in {self._manners.handshake_timeout_s:g} s")
            assert stream is not None
            self._feed(model.HandshakeDone(wanted.socket))
            await self._listen(stream, wanted.socket)
        except OSError as error:
            raise _Lost(f"handshake failed: {error}") from error
        except _GONE as error:
            raise _Lost("the connection broke off") from error
        finally:
            if stream is not None:
                stream.close()

    async def _shake_hands(self, stream: Stream, wanted: model.DialSocket) -> None:
        path = f"/sockets/{'session' if wanted.is_session else 'events'}/{self._context.conversation_id}"
        query = "" if wanted.after_seq is None else urlencode({"after_seq": wanted.after_seq})
        send(stream.outgoing, CarriedMessage("open", {"path": path, "query": query, "key": self._context.api_key}))
        reply = await receive(stream.incoming)
        if reply is None or reply.kind != "accept":
            status = "" if reply is None else f" with status {reply.head.get('status')}"
            raise _Lost(f"handshake refused{status}")

    async def _listen(self, stream: Stream, number: int) -> None:
        heard = _Heard(self._loop.event())
        assert isinstance(stream.incoming, MessagePipe)
        stream.incoming.limit_bytes = self._manners.frame_size_bytes_max
        async with self._loop.nursery() as nursery:
            if self._manners.ping_interval_s is not None:
                nursery.start_soon(self._ping, stream, heard, nursery)
            lost = await self._frames(stream, number, heard)
            nursery.cancel_scope.cancel()
        if heard.silent:
            raise _Lost(f"no answer to a ping in {self._manners.ping_timeout_s or 0.0:g} s")
        raise lost

    async def _frames(self, stream: Stream, number: int, heard: _Heard) -> _Lost:
        """Pass frames to the machine until the socket is lost, and return how it was lost."""
        while True:
            try:
                message = await receive(stream.incoming)
            except _GONE:
                return _Lost("the connection broke off")
            if message is None:
                return _Lost("the connection broke off")
            match message.kind:
                case "pong":
                    heard.pong.set()
                case "close":
                    return _Lost(f"closed with code {message.head['code']}", int(message.head["code"]))
                case _:
                    self._feed(model.FrameArrived(number, message.body))

    async def _ping(self, stream: Stream, heard: _Heard, nursery: Nursery) -> None:
        assert self._manners.ping_interval_s is not None
        while True:
            await self._loop.sleep(self._manners.ping_interval_s)
            heard.pong = self._loop.event()
            if not send(stream.outgoing, CarriedMessage("ping")):
                return
            with self._loop.move_on_after(self._manners.ping_timeout_s or math.inf):
                await heard.pong.wait()
            if not heard.pong.is_set():
                heard.silent = True
                nursery.cancel_scope.cancel()
                return


class _Heard:
    def __init__(self, pong: Any) -> None:
        self.pong = pong
        self.silent = False


def _seconds(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) and value >= 0 else None


def factory(world: World, known: Known) -> Factory:
    """The factory of a client in a world."""

    @asynccontextmanager
    async def opened(context: ClientContext) -> AsyncIterator[ClientUnderTest]:
        machine = known.make(context.certainty, jitter(context.seed), context.settings)
        async with world.loop.nursery() as nursery:
            yield Shell(world, context, machine, known.connection_settings, nursery)
            nursery.cancel_scope.cancel()

    def make(context: ClientContext) -> AbstractAsyncContextManager[ClientUnderTest]:
        return opened(context)

    return make
