"""The transport over httpx and trio-websocket. Their exceptions are mapped here.

`conversation.py` uses httpx in one signature; no other file uses these libraries.
"""

from __future__ import annotations

import functools
import math
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from urllib.parse import urlencode, urlsplit

import httpx
import trio
import trio_websocket

from gapless.syncclient.errors import ProtocolViolation, SettingsError, SyncError
from gapless.syncclient.network.handshake import HandshakeStream
from gapless.syncclient.network.plain_nursery import open_plain_nursery
from gapless.syncclient.network.transport import RequestBroken, Response, Socket, SocketLost
from gapless.syncclient.settings import Settings

Dial = Callable[[str, int], Awaitable[trio.abc.Stream]]
"""Opens a byte stream to a host and port. Raises `OSError`. The default is TCP, with TLS for https."""

_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


@functools.cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()  # shared, since each takes 20 ms to make


class Network:
    """REST and WebSockets of the server at `base_url`.

    `api_key` is sent with every request and handshake as `X-Session-API-Key`. `http_transport` and `dial` replace TCP,
    for example by streams in memory.
    """

    def __init__(
        self,
        base_url: str,
        settings: Settings,
        *,
        api_key: str | None = None,
        http_transport: httpx.AsyncBaseTransport | None = None,
        dial: Dial | None = None,
    ) -> None:
        url = urlsplit(base_url)
        if url.scheme not in ("http", "https") or not url.hostname:
            raise SettingsError(f"base_url is {base_url!r}; give http://host:port or https://host:port")
        self._settings = settings
        self._is_tls = url.scheme == "https"
        self._host = url.hostname
        self._port = url.port or (443 if self._is_tls else 80)
        self._prefix = url.path.rstrip("/")
        self._headers = {} if api_key is None else {"X-Session-API-Key": api_key}
        self._dial = dial or (_dial_tls if self._is_tls else trio.open_tcp_stream)
        self._http = httpx.AsyncClient(
            base_url=f"{url.scheme}://{url.netloc}{self._prefix}",
            headers=self._headers,
            timeout=settings.request_timeout_s,
            transport=http_transport,
            verify=_tls() if self._is_tls else _no_tls(),
        )

    async def request(self, method: str, path: str, *, query: Mapping[str, str], body: object | None) -> Response:
        """One HTTP exchange, within `request_timeout_s`. Raises `RequestBroken` if no answer came."""
        what = f"{method} {path}"
        try:
            with trio.fail_after(self._settings.request_timeout_s):
                async with self._http.stream(method, path, params=query, json=body) as answer:
                    return Response(answer.status_code, await self._read(answer, what), _retry_after_s(answer.headers))
        except trio.TooSlowError as error:
            limit_s = self._settings.request_timeout_s
            raise RequestBroken(f"{what}: no answer in {limit_s:g} s", was_sent=True) from error
        except httpx.HTTPError as error:
            was_sent = not isinstance(error, _NEVER_SENT)
            reason = str(error) or type(error).__name__
            raise RequestBroken(f"{what}: {reason}", was_sent=was_sent) from error
        except SyncError:
            raise
        except Exception as error:  # whatever a library makes of what a server sent is a broken request
            raise RequestBroken(f"{what}: {error or type(error).__name__}", was_sent=True) from error

    async def _read(self, answer: httpx.Response, what: str) -> bytes:
        """The body of an answer, decoded. Raises `RequestBroken` as soon as it is too large."""
        body = bytearray()
        async for chunk in answer.aiter_bytes():
            body += chunk
            if len(body) > self._settings.body_size_bytes_max:
                limit = self._settings.body_size_bytes_max
                raise RequestBroken(f"{what}: the body is larger than body_size_bytes_max ({limit})", was_sent=True)
        return bytes(body)

    def socket(self, path: str, *, query: Mapping[str, str]) -> AbstractAsyncContextManager[Socket]:
        """A WebSocket, opened within `handshake_timeout_s`. Entering raises `SocketLost` if that fails."""
        resource = self._prefix + path + (f"?{urlencode(query)}" if query else "")
        return self._open(resource)

    @asynccontextmanager
    async def _open(self, resource: str) -> AsyncIterator[Socket]:
        try:
            async with self._connect(resource) as receiver:
                yield receiver
        except ExceptionGroup as group:
            # trio-websocket raises in its reader task, so a refusal, or what the server did wrong, comes in a group.
            if group.subgroup(AssertionError) is not None:
                raise
            refusal = group.subgroup(trio_websocket.ConnectionRejected)
            if refusal is None:
                first = _only(group)
                raise SocketLost(f"the connection failed: {first or type(first).__name__}", code=None) from group
            status = _only(refusal).status_code  # type: ignore[attr-defined]
            raise SocketLost(f"handshake refused with status {status}", code=None) from group

    @asynccontextmanager
    async def _connect(self, resource: str) -> AsyncIterator[Socket]:
        async with open_plain_nursery() as nursery:
            connection = await self._handshake(nursery, resource)
            receiver = _Receiver(connection)
            nursery.start_soon(self._ping, connection, receiver)
            try:
                yield receiver
            finally:
                # A peer that is gone does not answer the close, so the wait for the answer is bounded.
                with trio.move_on_after(1) as scope:
                    scope.shield = True
                    await connection.aclose()

    async def _ping(self, connection: trio_websocket.WebSocketConnection, receiver: _Receiver) -> None:
        """Find out that the server is gone although the connection is still open."""
        limit_s = self._settings.ping_timeout_s
        while True:
            await trio.sleep(self._settings.ping_interval_s)
            try:
                with trio.fail_after(limit_s):
                    await connection.ping(b"gapless")  # a fixed payload; the library's default is random
            except trio.TooSlowError:
                receiver.give_up(f"no answer to a ping in {limit_s:g} s")
                return
            except trio_websocket.ConnectionClosed:
                return  # the receiver gets the same error

    async def _handshake(self, nursery: trio.Nursery, resource: str) -> trio_websocket.WebSocketConnection:
        host = self._host if self._port in (80, 443) else f"{self._host}:{self._port}"
        watched: HandshakeStream | None = None
        try:
            with trio.fail_after(self._settings.handshake_timeout_s) as scope:
                watched = HandshakeStream(await self._dial(self._host, self._port), scope)
                connection = await trio_websocket.wrap_client_stream(
                    nursery,
                    watched,  # type: ignore[arg-type]  # any stream works; the library's types allow sockets only
                    host,
                    resource,
                    extra_headers=[(name.encode(), value.encode()) for name, value in self._headers.items()],
                    max_message_size=self._settings.frame_size_bytes_max,
                    receive_buffer_size=65536,
                )
                watched.is_over = True
                return connection
        except trio.TooSlowError as error:
            if watched is not None and watched.broke_off:
                raise SocketLost("the connection broke off in the handshake", code=None) from error
            limit_s = self._settings.handshake_timeout_s
            raise SocketLost(f"no handshake in {limit_s:g} s", code=None) from error
        except trio_websocket.ConnectionClosed as error:
            raise _lost(error) from error
        except (trio_websocket.HandshakeError, OSError, trio.BrokenResourceError) as error:
            raise SocketLost(f"handshake failed: {error or type(error).__name__}", code=None) from error
        except SyncError:
            raise
        except Exception as error:  # whatever the library makes of what a server sent is a failed handshake
            raise SocketLost(f"handshake failed: {error or type(error).__name__}", code=None) from error

    async def aclose(self) -> None:
        """Close the HTTP connections. WebSockets are closed by their own blocks."""
        await self._http.aclose()


class _Receiver:
    def __init__(self, connection: trio_websocket.WebSocketConnection) -> None:
        self._connection = connection
        self._waiting = trio.CancelScope()
        self._why: str | None = None

    def give_up(self, why: str) -> None:
        """Treat the connection as lost: `receive` raises `SocketLost` with this reason."""
        self._why = why
        self._waiting.cancel()

    async def receive(self) -> str:
        message: str | bytes = b""
        try:
            with trio.CancelScope() as self._waiting:
                message = await self._connection.get_message()
        except trio_websocket.ConnectionClosed as error:
            raise _lost(error) from error
        if self._why is not None:
            raise SocketLost(self._why, code=None)
        if isinstance(message, str):
            return message
        try:
            return bytes(message).decode()
        except UnicodeDecodeError as error:
            raise ProtocolViolation("a binary frame is not UTF-8") from error


def _only(group: ExceptionGroup[Exception]) -> Exception:
    first = group.exceptions[0]
    return _only(first) if isinstance(first, ExceptionGroup) else first


def _lost(error: trio_websocket.ConnectionClosed) -> SocketLost:
    reason = error.reason
    if reason is None:
        return SocketLost("the connection broke off", code=None)
    text = f"closed with code {int(reason.code)}" + (f" ({reason.reason})" if reason.reason else "")
    return SocketLost(text, code=int(reason.code))


async def _dial_tls(host: str, port: int) -> trio.abc.Stream:
    return await trio.open_ssl_over_tcp_stream(host, port, ssl_context=_tls())


@functools.cache
def _no_tls() -> ssl.SSLContext:
    # httpx wants a context even if none is used. This one is cheap, because it loads no certificates.
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _retry_after_s(headers: httpx.Headers) -> float | None:
    """`Retry-After` in seconds (RFC 9110, 10.2.3). The date form is ignored: it needs synchronized clocks."""
    try:
        value = float(headers.get("Retry-After", ""))
    except ValueError:
        return None
    return value if math.isfinite(value) and value >= 0 else None
