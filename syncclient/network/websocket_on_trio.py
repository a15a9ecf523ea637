"""A WebSocket on trio, by trio-websocket. Its exceptions are mapped here; no other file uses the library."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final, cast

import trio
import trio_websocket
from anyio.abc import TaskGroup

from gapless.syncclient.errors import SyncError, WrongLoop
from gapless.syncclient.network.event_loop import is_of_another_loop
from gapless.syncclient.network.handshake_on_trio import HandshakeStream
from gapless.syncclient.network.pinged_socket import CLOSE_S_MAX, PingedSocket
from gapless.syncclient.network.plain_task_group import open_plain_task_group
from gapless.syncclient.network.transport import Socket, SocketLost, SocketRequest
from gapless.syncclient.settings import Settings

_CURE: Final = "on trio it must return a trio.abc.Stream"


@asynccontextmanager
async def open_socket(request: SocketRequest, settings: Settings) -> AsyncIterator[Socket]:
    """A WebSocket, opened within `handshake_timeout_s`. Entering raises `SocketLost` if that fails."""
    try:
        async with _connected(request, settings) as socket:
            yield socket
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
async def _connected(request: SocketRequest, settings: Settings) -> AsyncIterator[Socket]:
    async with AsyncExitStack() as sockets, _followed(request, settings, sockets) as socket:
        yield socket


@asynccontextmanager
async def _followed(request: SocketRequest, settings: Settings, sockets: AsyncExitStack) -> AsyncIterator[Socket]:
    async with open_plain_task_group() as tasks:
        connection = await _shake_hands(request, settings, tasks, sockets)
        socket = PingedSocket(_TrioConnection(connection), settings)
        tasks.start_soon(socket.keep_alive)
        try:
            with socket.in_use():
                yield socket
        finally:
            with trio.move_on_after(CLOSE_S_MAX) as scope:
                scope.shield = True
                await connection.aclose()


async def _shake_hands(
    request: SocketRequest, settings: Settings, tasks: TaskGroup, sockets: AsyncExitStack
) -> trio_websocket.WebSocketConnection:
    host = request.host if request.port in (80, 443) else f"{request.host}:{request.port}"
    watched: HandshakeStream | None = None
    try:
        with trio.fail_after(settings.handshake_timeout_s) as scope:
            stream = await _dial(request)
            sockets.push_async_callback(_close_stream, stream)
            watched = HandshakeStream(stream, scope)
            connection = await trio_websocket.wrap_client_stream(
                tasks,  # type: ignore[arg-type]  # the library starts one task in it, and needs no more of a nursery
                watched,  # type: ignore[arg-type]  # any stream works; the library's types allow sockets only
                host,
                request.resource,
                extra_headers=[(name.encode(), value.encode()) for name, value in request.headers.items()],
                max_message_size=settings.frame_size_bytes_max,
                receive_buffer_size=65536,
            )
            watched.is_over = True
            return connection
    except trio.TooSlowError as error:
        if watched is not None and watched.broke_off:
            raise SocketLost("the connection broke off in the handshake", code=None) from error
        raise SocketLost(f"no handshake in {settings.handshake_timeout_s:g} s", code=None) from error
    except trio_websocket.ConnectionClosed as error:
        raise _lost(error) from error
    except SyncError:
        raise
    except Exception as error:  # whatever the library makes of what a server sent is a failed handshake
        raise SocketLost(f"handshake failed: {error or type(error).__name__}", code=None) from error


async def _dial(request: SocketRequest) -> trio.abc.Stream:
    if request.dial is None and request.tls is None:
        return await trio.open_tcp_stream(request.host, request.port)
    if request.dial is None:
        return await trio.open_ssl_over_tcp_stream(request.host, request.port, ssl_context=request.tls)
    try:
        stream = await request.dial(request.host, request.port)
    except (RuntimeError, TypeError) as error:
        if is_of_another_loop(error):
            raise WrongLoop(f"dial is made for another event loop ({error}); {_CURE}") from error
        raise
    if not hasattr(stream, "receive_some"):  # any that has the methods works
        raise WrongLoop(f"dial returned {type(stream).__name__}, which is no stream of trio; {_CURE}")
    return cast(trio.abc.Stream, stream)


async def _close_stream(stream: trio.abc.Stream) -> None:
    """Close a stream. trio-websocket leaves it open when the server ends the connection, and in a failed handshake."""
    while isinstance(stream, trio.SSLStream):
        stream = stream.transport_stream
    if isinstance(stream, trio.SocketStream):
        stream.socket.close()
        return
    with trio.move_on_after(CLOSE_S_MAX) as scope:
        scope.shield = True
        await stream.aclose()


class _TrioConnection:
    def __init__(self, connection: trio_websocket.WebSocketConnection) -> None:
        self._connection = connection

    async def receive(self) -> str | bytes:
        try:
            message: str | bytes = await self._connection.get_message()
        except trio_websocket.ConnectionClosed as error:
            raise _lost(error) from error
        return message

    async def ping(self, payload: bytes) -> None:
        try:
            await self._connection.ping(payload)
        except trio_websocket.ConnectionClosed as error:
            raise _lost(error) from error


def _only(group: ExceptionGroup[Exception]) -> Exception:
    first = group.exceptions[0]
    return _only(first) if isinstance(first, ExceptionGroup) else first


def _lost(error: trio_websocket.ConnectionClosed) -> SocketLost:
    reason = error.reason
    if reason is None:
        return SocketLost("the connection broke off", code=None)
    text = f"closed with code {int(reason.code)}" + (f" ({reason.reason})" if reason.reason else "")
    return SocketLost(text, code=int(reason.code))
