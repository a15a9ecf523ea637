"""A real agent server behind the faults: requests and sockets go on to it, through the world's link.

The world's own agent does nothing here. What the real server sends is journaled as the world's would be, so the same
oracles, the same page and the same faults apply. A fault that only a server can do is refused in a sentence.

- A call is forwarded, unless a fault answers in its place. It is counted as any call.
- A socket is forwarded frame by frame. Faults delay, drop, copy and tear frames, and break the connection.
- An observer's socket of our own says what the server published, whatever the client receives.
- The log is read from the server, page by page, when the client is judged.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
import trio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket
from trio_websocket import (
    CloseReason,
    ConnectionClosed,
    ConnectionRejected,
    HandshakeError,
    WebSocketConnection,
    wrap_client_stream,
)

from gapless.scenarios.errors import UsageError
from gapless.scenarios.serving.access import is_loopback
from gapless.simserver.conversation.publisher import describe
from gapless.simserver.faults.base import BaseFault
from gapless.simserver.faults.verdicts import Close, FaultVerdict, Reset
from gapless.simserver.journal import Fields
from gapless.simserver.messages import handshake_message
from gapless.simserver.network.socket_name import SocketName
from gapless.simserver.protocol.call_names import call_name
from gapless.simserver.protocol.outbox import OutgoingFrame
from gapless.simserver.protocol.rest import Decide, RestAnswer
from gapless.simserver.protocol.rest_calls import RestCalls
from gapless.simserver.protocol.socket_faults import upgrade
from gapless.simserver.protocol.websocket import Dialect, ServerSubscription
from gapless.simserver.world import World

LogEvents = tuple[Mapping[str, object], ...]

CALL_S_MAX: Final = 120.0
FRAME_BYTES_MAX: Final = 16 * 1024 * 1024
PAGES_MAX: Final = 2_000  # of the log, when it is read: 200,000 events
ENDED: Final = ("finished", "error", "stuck", "paused", "waiting_for_confirmation")
PLACES: Final = ("frame", "connection", "handshake", "call")
"""Where a fault can act on what passes. Elsewhere it acts inside a server."""
SERVER_ONLY: Final = (
    "queue-overflow",
    "delta-flood",
    "rest-cursor-loop",
    "rest-empty-page",
    "rest-page-cap",
    "rest-stale",
    "rest-undecodable-item",
    "rest-unknown-cursor",
)
"""Kinds that act on what passes, and need to know what a server knows."""
_FORWARDED: Final = ("x-session-api-key", "authorization", "content-type", "accept")
_METHODS: Final = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
_NEVER_PERSISTED: Final = ("StreamingDeltaEvent", "ServerErrorEvent")


def check_upstream(url: str) -> str:
    """The URL of an upstream, without a slash at its end. Raises UsageError unless it is plain HTTP on loopback."""
    try:
        parts = urlsplit(url)
        is_whole = parts.port != 0 and not (parts.query or parts.path.strip("/") or parts.username or parts.password)
    except ValueError:  # brackets without an end, a port that is no number
        raise UsageError(f"--to {url}: is no URL; give http://HOST:PORT") from None
    if parts.scheme != "http" or not parts.hostname or not is_whole:
        raise UsageError(f"--to {url}: give http://HOST:PORT, without a path or a user")
    if not is_loopback(parts.hostname):
        raise UsageError(f"--to {url}: {parts.hostname} is another machine; faults are for a server of your own, here")
    return url.rstrip("/")


def check_faults(faults: Iterable[BaseFault]) -> None:
    """Raise UsageError for a fault that only a server can do."""
    for fault in faults:
        if fault.place not in PLACES or fault.kind in SERVER_ONLY:
            raise UsageError(
                f"a {fault.kind} fault is something that only a server does, and a proxy only passes on; "
                "`gapless serve` simulates a server that does it"
            )


class Upstream:
    """The real server, and what is known of its conversation. ``url``: checked; ``log``: as it was read last."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.log: LogEvents = ()
        self.conversation_id: str | None = None
        self._headers: dict[str, str] = {}
        self._http = httpx.AsyncClient(base_url=url, timeout=CALL_S_MAX, trust_env=False)
        self._published: dict[str, None] = {}
        self._run: int | None = None
        self._runs = 0

    def app(self, world: World) -> ASGIApp:
        """The ASGI app that passes on to the server what comes on the connections of a world."""
        calls = ForwardedCalls(world, self)

        async def call(request: Request) -> Response:
            self._look_at(request.url.path, request.headers, world)
            return await calls.handle(call_name(request.method, request.url.path), _never, request)

        async def socket(websocket: WebSocket) -> None:
            self._look_at(websocket.url.path, websocket.headers, world)
            await _serve_socket(world, self, websocket)

        routes = [
            WebSocketRoute("/sockets/{dialect}/{conversation_id}", socket),
            Route("/{path:path}", call, methods=_METHODS),
        ]
        inner = Starlette(routes=routes)

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            scope["gapless.send"] = send  # of the ASGI server itself
            await inner(scope, receive, send)

        return app

    # --- what passes -------------------------------------------------------------------------------------------

    async def request(self, request: Request, body: bytes) -> httpx.Response:
        """Pass on a call. Raises httpx.TransportError when the server does not answer."""
        query = f"?{request.url.query}" if request.url.query else ""
        headers = {name: value for name, value in request.headers.items() if name in _FORWARDED}
        return await self._http.request(request.method, request.url.path + query, headers=headers, content=body)

    @asynccontextmanager
    async def socket(self, path: str, query: str, headers: Mapping[str, str]) -> AsyncIterator[WebSocketConnection]:
        """A socket to the server. Raises ConnectionRejected, or OSError, when it is not accepted."""
        parts = urlsplit(self.url)
        given = [(name.encode(), value.encode()) for name, value in headers.items() if name in _FORWARDED[:2]]
        raised: Exception | None = None
        stream = await trio.open_tcp_stream(str(parts.hostname), parts.port or 80)
        async with trio.open_nursery() as nursery:
            try:
                resource = f"{path}{'?' if query else ''}{query}"
                yield await wrap_client_stream(
                    nursery, stream, parts.netloc, resource, extra_headers=given, max_message_size=FRAME_BYTES_MAX
                )
            except Exception as error:
                raised = error  # raised again outside the nursery, which would wrap it in a group
            finally:
                nursery.cancel_scope.cancel()
                await trio.aclose_forcefully(stream)  # also when the handshake was still under way
        if raised is not None:
            raise raised

    async def close(self) -> None:
        """Close the connections to the server."""
        await self._http.aclose()

    # --- what the server does ----------------------------------------------------------------------------------

    def _look_at(self, path: str, headers: Mapping[str, str], world: World) -> None:
        """Learn the conversation and the key from what passes, and begin to observe."""
        parts = path.strip("/").split("/")
        found = parts[2] if len(parts) > 2 and parts[:2] == ["api", "conversations"] else ""
        found = parts[2] if len(parts) == 3 and parts[0] == "sockets" else found
        if self.conversation_id is None and found.count("-") == 4:
            self.conversation_id = found
            self._headers = {name: headers[name] for name in _FORWARDED[:2] if name in headers}
            world.process.start_soon(self._observe, world)

    async def _observe(self, world: World) -> None:
        """Journal what the server publishes, on a socket of our own."""
        while True:
            with suppress(OSError, HandshakeError, ConnectionClosed):
                async with self.socket(f"/sockets/events/{self.conversation_id}", "", self._headers) as connection:
                    while True:
                        self._observed(world, await connection.get_message())
            await trio.sleep(0.5)

    def _observed(self, world: World, text: str | bytes) -> None:
        event = _event_in(_read(text))
        if event is None or event["id"] in self._published:
            return
        self._published[event["id"]] = None
        is_logged = event.get("key") != "full_state" and event["kind"] not in _NEVER_PERSISTED
        if is_logged:
            fields = describe(event, len(self._published))
            world.journal.add("log", "append", {**fields, "seq": None})
            world.link.progress.published(str(event["id"]), is_logged=True)
        self._status(world, event)

    def _status(self, world: World, event: Mapping[str, Any]) -> None:
        key, value = event.get("key"), event.get("value")
        if key == "execution_status":
            world.journal.record("agent", "status", status=value)
            if value == "running" and self._run is None:
                self._run, self._runs = self._runs, self._runs + 1
                world.journal.record("agent", "run-started", run=self._run, by="client")
                world.link.progress.run_begins()
        elif key == "full_state" and isinstance(value, Mapping) and self._run is not None:
            status, leaf = value.get("execution_status"), value.get("leaf_event_id")
            if status in ENDED:
                length = len(self._published)
                world.journal.record("agent", "run-ended", run=self._run, status=status, log_length=length, leaf=leaf)
                self._run = None
                world.link.progress.run_ends()

    async def read_log(self) -> LogEvents:
        """The whole log, read from the server by an account that is not counted."""
        if self.conversation_id is None:
            return self.log
        path = f"/api/conversations/{self.conversation_id}/events/search"
        found: dict[str, Mapping[str, object]] = {}
        cursor: str | None = None
        for _ in range(PAGES_MAX):
            query = {"limit": "100", **({"page_id": cursor} if cursor else {})}
            answered = await self._http.get(path, params=query, headers=self._headers)
            answered.raise_for_status()
            page = answered.json()
            before = len(found)
            found |= {str(one["id"]): one for one in page["items"]}
            cursor = page.get("next_page_id")
            if cursor is None or len(found) == before:
                break
        self.log = tuple(found.values())
        return self.log


def _never(world: object, asked: object) -> RestAnswer:
    raise AssertionError("a forwarded call is answered by the server")


class ForwardedCalls(RestCalls):
    """Calls with the faults of a world, answered by an upstream."""

    def __init__(self, world: World, upstream: Upstream) -> None:
        super().__init__(world)
        self._upstream = upstream

    async def _reach(
        self,
        name: str,
        decide: Decide,
        request: Request,
        body: bytes,
        verdicts: list[FaultVerdict],
        headers: dict[str, str],
    ) -> RestAnswer:
        instead = self._instead(request, verdicts, headers)
        if instead is not None:
            return instead
        try:
            answered = await self._upstream.request(request, body)
        except httpx.TransportError as error:
            detail = f"the server behind the proxy does not answer ({type(error).__name__})"
            return RestAnswer(502, json.dumps({"detail": detail}))
        for field in ("location", "retry-after"):
            if field in answered.headers:
                headers[field] = answered.headers[field]
        media_type = answered.headers.get("content-type", "application/json").partition(";")[0]
        return RestAnswer(answered.status_code, answered.text, media_type=media_type)

    def _ends(self, answer: RestAnswer) -> Fields:
        try:
            page = json.loads(answer.text)
            ids = [str(one["id"]) for one in page["items"]]
        except (ValueError, RecursionError, KeyError, TypeError):
            return {}
        ends = {"first": ids[0], "last": ids[-1]} if ids else {}
        return {"items": len(ids), "next": page.get("next_page_id"), **ends}


# --- sockets -----------------------------------------------------------------------------------------------


async def _serve_socket(world: World, upstream: Upstream, websocket: WebSocket) -> None:
    """Answer a handshake as the faults and the server say, then pass on frames to the socket's end."""
    connection = world.connections.of(websocket.scope)
    name = world.connections.socket_of(connection)
    number = name.number
    world.link.progress.called_on_its_own("handshake")
    refused, quiet_s = await upgrade(world.link, name)
    world.journal.keep(handshake_message(number), websocket.headers.raw)
    dialect: Dialect = "session" if websocket.path_params["dialect"] == "session" else "events"
    try:
        if refused is None:
            async with upstream.socket(websocket.url.path, websocket.url.query, websocket.headers) as real:
                await websocket.accept()
                fields = {"connection": number, "path": dialect}
                world.journal.add("socket", "opened", fields)
                subscription = ForwardedSubscription(world, websocket, dialect, name, real)
                subscription.quiet_s = quiet_s
                world.publisher.subscriptions.append(subscription)
                try:
                    await subscription.forward()
                finally:
                    world.publisher.subscriptions.remove(subscription)
                return
    except ConnectionRejected as error:
        refused = error.status_code
    except (OSError, HandshakeError):
        refused = 502
    world.journal.record("socket", "refused", connection=number, status=refused)
    await websocket.send_denial_response(Response(status_code=refused or 502))


class ForwardedSubscription(ServerSubscription):
    """One socket of the client, with what the server sends on its own socket for it."""

    def __init__(
        self, world: World, websocket: WebSocket, dialect: Dialect, name: SocketName, real: WebSocketConnection
    ) -> None:
        send: Any = websocket.scope["gapless.send"]
        super().__init__(world, websocket, send, dialect, name, world.connections.of(websocket.scope))
        self._client, self._real = websocket, real

    async def forward(self) -> None:
        """Pass on frames until either side ends the socket."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._from_client, nursery.cancel_scope)
            nursery.start_soon(self._from_server)
            await self._follow()
            nursery.cancel_scope.cancel()

    async def _from_server(self) -> None:
        try:
            while True:
                self._take(await self._real.get_message())
        except ConnectionClosed as error:
            reason: CloseReason | None = error.reason
            code = 1006 if reason is None else reason.code
        self.act(Close(code, "before") if code not in (1005, 1006) else Reset("before"))

    def _take(self, text: str | bytes) -> None:
        words = text if isinstance(text, str) else text.decode("utf-8", "replace")
        said = _read(words)
        event, seq = _event_in(said), said.get("seq")
        if event is None:
            fields = {"id": None, "kind": str(said.get("type", "unknown")), "durable": False}
        else:
            is_logged = event.get("key") != "full_state" and event["kind"] not in _NEVER_PERSISTED
            durable = is_logged if self.dialect == "events" else isinstance(seq, int)
            fields = {**describe(event, seq if isinstance(seq, int) else None), "durable": durable}
        self._put(OutgoingFrame(words, fields), event)
        self._notifier.wake()

    async def _from_client(self, scope: trio.CancelScope) -> None:
        while True:
            received = await self._client.receive()
            if received["type"] == "websocket.disconnect":
                broken = self.connection is not None and self.connection.down.broken
                self._ended(None, "link" if broken else "client")
                scope.cancel()
                return
            with suppress(ConnectionClosed):
                await self._real.send_message(received.get("text") or received.get("bytes") or "")


def _read(text: str | bytes) -> dict[str, Any]:
    """What a frame of either socket says; nothing where it is no JSON object."""
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def _event_in(said: dict[str, Any]) -> dict[str, Any] | None:
    """The event in a frame; None where there is none."""
    event: object = said.get("event") if "type" in said and "kind" not in said else said
    if not isinstance(event, dict) or not (isinstance(event.get("id"), str) and isinstance(event.get("kind"), str)):
        return None
    is_foreign = event.get("key") == "full_state" and "execution_status" not in (event.get("value") or {})
    return None if is_foreign else event
