"""What stands between the clients and the real server in place of the fake one: it carries HTTP and WebSockets.

Each connection of a client has one of its own to the server, which ends when that one does. `rest_relay` says what the
faults change in a call, `socket_relay` carries a WebSocket.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Final

import h11
import trio

from gapless.scenarios.realserver import rest_relay
from gapless.scenarios.realserver.http1 import BrokenOff, ClientSide, HttpAnswer, RelayedRequest, ServerSide, plain
from gapless.scenarios.realserver.program import ProgramStream
from gapless.scenarios.realserver.relayed_world import RelayedWorld
from gapless.scenarios.realserver.socket_relay import RelayedSocket
from gapless.simserver.faults.match import Facts
from gapless.simserver.faults.verdicts import Hang, ResetCall
from gapless.simserver.messages import call_message, handshake_message
from gapless.simserver.network.socket_name import SocketName
from gapless.simserver.network.streams import MemoryConnection, Stream
from gapless.simserver.protocol.call_names import call_name
from gapless.simserver.protocol.rest_calls import COUNTED
from gapless.simserver.protocol.socket_faults import upgrade

_GONE: Final = (trio.BrokenResourceError, trio.ClosedResourceError, h11.RemoteProtocolError)
_SWITCHING: Final = 101
END_OF_IDLE_S: Final = 0.001
# A compressed frame depends on those before it, so none of them could be held back or left out.
_LEFT_OUT: Final = (b"sec-websocket-extensions",)
NO_SUCH_SOCKET: Final = 403  # what a server answers that has no session socket


def is_session_socket(request: RelayedRequest) -> bool:
    """Whether the handshake is for the session socket; otherwise it is for that of events."""
    return request.path.startswith("/sockets/session/")


class Relay:
    """Carries what clients and the server of one world say to each other."""

    def __init__(self, world: RelayedWorld) -> None:
        self._world = world
        self._calls = 0
        self._cursor: str | None = None

    async def serve(self, _: Any, stream: Stream) -> None:
        """Serve one connection of a client to its end."""
        connection = self._world.connections.of({"client": stream.socket.getpeername()})
        assert connection is not None
        side = ServerSide(stream)
        with suppress(*_GONE):
            request = await side.read()
            if request is not None and request.is_upgrade:
                await self._socket(side, request, connection)
            elif request is not None:
                await _RestConnection(self, side, connection).serve(request)

    def number_call(self) -> int:
        """The ordinal of a REST call, from 1."""
        self._calls += 1
        return self._calls

    def cursor_before(self, name: str, cursor: str | None) -> str | None:
        """The cursor of the search before this call; this one's is remembered."""
        before = self._cursor
        if name == "search":
            self._cursor = cursor
        return before

    @property
    def world(self) -> RelayedWorld:
        return self._world

    # --- sockets -----------------------------------------------------------------------------------------------------

    async def _socket(self, side: ServerSide, request: RelayedRequest, connection: MemoryConnection) -> None:
        world = self._world
        name = world.connections.socket_of(connection)
        number = name.number
        refused, quiet_s = await upgrade(world.link, name)
        world.journal.keep(handshake_message(number), request.headers)
        if refused is None and world.told_version and is_session_socket(request):
            refused = NO_SUCH_SOCKET
        if refused is not None:
            world.journal.record("socket", "refused", connection=number, status=refused)
            await side.answer(plain(refused, "", extra=[(b"connection", b"close")]))
            return
        try:
            server = world.dial_server()
            headers = [one for one in request.headers if one[0].lower() not in _LEFT_OUT]
            answer = await ClientSide(server).ask(RelayedRequest(request.method, request.target, headers))
        except (BrokenOff, ConnectionRefusedError):
            world.journal.record("socket", "refused", connection=number, status=None)
            connection.reset()
            return
        if answer.status != _SWITCHING:
            world.journal.record("socket", "refused", connection=number, status=answer.status)
            await side.answer(answer)
            server.close()
            return
        await self._relay(side, request, answer, connection, name, server, quiet_s)

    async def _relay(
        self,
        side: ServerSide,
        request: RelayedRequest,
        answer: HttpAnswer,
        connection: MemoryConnection,
        name: SocketName,
        server: ProgramStream,
        quiet_s: float,
    ) -> None:
        world, query = self._world, rest_relay.query_of(request.target)
        dialect = "session" if is_session_socket(request) else "events"
        fields: dict[str, Any] = {"connection": name.number, "path": dialect}
        if "resend_mode" in query:
            fields["resend_mode"] = query["resend_mode"]
        if query.get("after_seq", "").lstrip("-").isdigit():
            fields["after_seq"] = int(query["after_seq"])
        if dialect == "session" and world.log:
            fields["through_seq"] = len(world.log) - 1
        world.journal.add("socket", "opened", fields)
        socket = RelayedSocket(world, dialect, name, connection, server, quiet_s)
        world.sockets.append(socket)
        try:
            await socket.serve(answer.trailing, await side.switch(answer))
        finally:
            world.sockets.remove(socket)


class _RestConnection:
    """One connection of a client for REST calls."""

    def __init__(self, relay: Relay, side: ServerSide, connection: MemoryConnection) -> None:
        self._relay = relay
        self._world = relay.world
        self._side = side
        self._connection = connection
        self._stream: ProgramStream | None = None
        self._server: ClientSide | None = None

    async def serve(self, request: RelayedRequest) -> None:
        """Carry calls until the client or the server leaves."""
        try:
            following: RelayedRequest | None = request
            while following is not None:
                await self._call(following)
                following = await self._next()
        finally:
            if self._stream is not None:
                self._stream.close()

    async def _next(self) -> RelayedRequest | None:
        """The next request; None when the client leaves, or the server has closed the connection that nobody used."""
        found: RelayedRequest | None = None
        if self._stream is None:
            return await self._side.read()
        stream = self._stream
        async with trio.open_nursery() as nursery:

            async def watch() -> None:
                await stream.wait_gone()
                # On its way to the client, the end takes a moment. What the client sends at this very instant is not
                # lost then: without that, a client that rests for as long as the server keeps connections would be.
                await trio.sleep(END_OF_IDLE_S)
                if not self._connection.up.readable():
                    nursery.cancel_scope.cancel()

            nursery.start_soon(watch)
            with suppress(*_GONE):
                found = await self._side.read()
            nursery.cancel_scope.cancel()
        return found

    async def _call(self, request: RelayedRequest) -> None:
        world = self._world
        call, name = self._relay.number_call(), call_name(request.method, request.path)
        fields = {"method": request.method, "path": request.path, "query": request.query}
        world.journal.record("rest", "request", call=call, counted=name in COUNTED, **fields)
        world.journal.keep(call_message(call, "request"), request.headers, request.body, from_client=True)
        cursor = rest_relay.query_of(request.target).get("page_id")
        idle_s = self._connection.idle_s(world.now_s())
        facts = Facts("call", f"call {call} {name}", call=name, cursor=cursor, idle_s=idle_s)
        verdicts = world.link.consult(facts)
        reset = next((verdict for verdict in verdicts if isinstance(verdict, ResetCall)), None)
        if reset is not None and reset.when == "before":
            self._connection.reset()
            self._journal(call, name, request, plain(502, ""))
            return
        answer = rest_relay.answer_instead(request, verdicts)
        if answer is None:
            answer = await self._ask(rest_relay.changed_request(request, verdicts), name)
            if answer is None:
                self._connection.reset()
                self._journal(call, name, request, plain(502, ""))
                return
        fields_read = self._read_fields(name, request, answer)
        answer = rest_relay.with_version(request, answer, world.told_version)
        answer = rest_relay.changed_answer(request, answer, verdicts, self._relay.cursor_before(name, cursor))
        for verdict in verdicts:
            if isinstance(verdict, Hang):
                await world.link.sleep_unless_healed(verdict.hang_s)
        if reset is not None:
            self._connection.reset()
        shown = self._read_fields(name, request, answer)
        answer = rest_relay.spoiled(answer, verdicts)
        self._journal(call, name, request, answer, shown | {"events_read": fields_read["events_read"]})
        if reset is None:
            await self._side.answer(answer)

    async def _ask(self, request: RelayedRequest, name: str) -> HttpAnswer | None:
        """The server's answer; None when it leaves before it has given one."""
        asked = self._world.run_asked() if rest_relay.asks_for_run(name, request) else None
        answer: HttpAnswer | None = None
        try:
            if self._server is None or self._stream is None or self._stream.is_gone or not self._server.can_go_on:
                self._stream = self._world.dial_server()
                self._server = ClientSide(self._stream)
            answer = await self._server.ask(request)
        except (BrokenOff, ConnectionRefusedError):
            self._stream = self._server = None
        if asked is not None:
            self._world.run_answered(asked, taken=answer is not None and answer.status == 200)
        return answer

    def _read_fields(self, name: str, request: RelayedRequest, answer: HttpAnswer) -> dict[str, Any]:
        return rest_relay.read_fields(name, request, answer, len(self._world.log))

    def _journal(
        self, call: int, name: str, request: RelayedRequest, answer: HttpAnswer, shown: dict[str, Any] | None = None
    ) -> None:
        shown = self._read_fields(name, request, answer) if shown is None else shown
        fields: dict[str, Any] = {"call": call, "status": answer.status, "bytes": len(answer.body), **shown}
        self._connection.answered_s = self._world.now_s()
        if self._connection.client_gone:
            fields["lost"] = True
        self._world.journal.add("rest", "response", fields)
        self._world.journal.keep(call_message(call, "response"), answer.headers, answer.body)
