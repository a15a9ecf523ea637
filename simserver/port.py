"""A world on a real TCP port, in real time.

Each TCP connection is joined to a connection in memory, and bytes are copied between the two. The world serves the
connection in memory and knows nothing of TCP. So the client sees over TCP whatever the faults do to that connection:
delays, stalls, throttling, lost bytes, cuts. A reset becomes a TCP reset. A refused connection becomes a reset before
any answer. In the journal, "delivered" means handed to the operating system.

A client may send garbage, send nothing, or disappear. None of this is an error of the server. The number of
connections, the size of a first request's head and the wait for it are bounded.
"""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

import trio

from gapless.simserver.network.streams import SERVER_ADDRESS, Stream
from gapless.simserver.world import World

CONNECTIONS_MAX: Final = 96  # of a world; with the others enough for a process that may open only 256 files
OPENINGS_MAX: Final = 32  # connections whose first request has not come yet; one more resets the oldest of them
TURNED_AWAY_MAX: Final = 32  # so many more at a time get a 503; any beyond these are reset
OPENING_BYTES_MAX: Final = 64 * 1024
OPENING_S_MAX: Final = 10.0
GOODBYE_S_MAX: Final = 5.0  # after its last byte the server waits so long for the client to close, then closes
BLOCKED_S: Final = 0.05  # how often a blocked write checks whether the connection has been reset
_CHUNK_BYTES_MAX: Final = 64 * 1024
_GONE: Final = (trio.BrokenResourceError, trio.ClosedResourceError)
_ANSWER_S_MAX: Final = 2.0


@dataclass(frozen=True, slots=True)
class Opening:
    """The beginning of a TCP connection.

    data: the bytes read so far; path: of the first request, empty when the bytes are no HTTP request; is_websocket:
    whether the request asks for an upgrade to a WebSocket.
    """

    data: bytes
    path: str
    is_websocket: bool


Admit = Callable[[trio.SocketStream, Opening], Awaitable[None]]


async def serve_tcp(
    world: World,
    port: int,
    *,
    host: str = "127.0.0.1",
    task_status: trio.TaskStatus[int] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve a running world on a real port until canceled. Reports the port through ``task_status``.

    port: 0 takes any free one. Raises OSError when the port is taken.
    """

    desk = Refusing()
    connections = 0

    async def admit(stream: trio.SocketStream, opening: Opening) -> None:
        nonlocal connections
        if connections >= CONNECTIONS_MAX:
            await desk.respond(stream, 503, f"Too many connections at once: {CONNECTIONS_MAX} are open; close some")
            return
        connections += 1
        try:
            await join_world(world, stream, opening)
        finally:
            connections -= 1

    await serve_port(admit, port, host=host, task_status=task_status)


async def join_world(world: World, stream: trio.SocketStream, opening: Opening) -> None:
    """Join a TCP connection to a new connection of the world, until either has ended."""
    dial = world.connections.dial if opening.is_websocket else world.connections.dial_rest
    try:
        inner = await dial(*SERVER_ADDRESS)
    except ConnectionRefusedError:
        abort(stream)
        return
    await join(stream, inner, opening.data)


async def serve_port(
    admit: Admit,
    port: int,
    *,
    host: str = "127.0.0.1",
    task_status: trio.TaskStatus[int] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Accept connections until canceled, and pass each to ``admit`` with its opening.

    Connections that have sent no request yet are bounded here: a crowd of them resets its own oldest, so the next
    request is always read. ``admit`` bounds the rest. The port is reported through ``task_status``. Raises OSError when
    the port is taken, and whatever ``admit`` raises.
    """
    listeners = await trio.open_tcp_listeners(port, host=host)
    openings = Newest(OPENINGS_MAX)

    async def handle(stream: trio.SocketStream) -> None:
        with suppress(OSError):  # the client closed its end first
            with openings.holding(stream):
                opening = await read_opening(stream)
            if opening is not None:
                stream.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)  # notices clients that have disappeared
                await admit(stream, opening)

    async with trio.open_nursery() as nursery:
        await nursery.start(trio.serve_listeners, handle, listeners)
        task_status.started(int(listeners[0].socket.getsockname()[1]))


class Newest:
    """At most ``streams_max`` connections. One more resets the one that came first."""

    def __init__(self, streams_max: int) -> None:
        self._streams_max = streams_max
        self._streams: dict[trio.SocketStream, None] = {}

    @contextmanager
    def holding(self, stream: trio.SocketStream) -> Iterator[None]:
        """Hold a connection for the length of the block."""
        while len(self._streams) >= self._streams_max:
            oldest = next(iter(self._streams))
            del self._streams[oldest]
            abort(oldest)
        self._streams[stream] = None
        try:
            yield
        finally:
            self._streams.pop(stream, None)


class Refusing:
    """Answers connections that go to no app, and closes them. Beyond ``TURNED_AWAY_MAX`` at a time it resets them."""

    def __init__(self) -> None:
        self._answering = 0

    async def respond(self, stream: trio.SocketStream, status: int, detail: str) -> None:
        """Answer with a status and a sentence. The client has ``_ANSWER_S_MAX`` seconds to read it."""
        if self._answering >= TURNED_AWAY_MAX:
            abort(stream)
            return
        self._answering += 1
        body = json.dumps({"detail": detail}).encode()
        head = (
            f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        try:
            with suppress(OSError, *_GONE), trio.move_on_after(_ANSWER_S_MAX):
                await stream.send_all(head.encode() + body)
                await stream.send_eof()
                while await stream.receive_some(_CHUNK_BYTES_MAX):
                    pass
        finally:
            self._answering -= 1


async def read_opening(stream: trio.abc.ReceiveStream) -> Opening | None:
    """Read up to the end of the first request's head.

    None when the connection breaks, ends before its first byte, or has not brought the head within OPENING_S_MAX.
    """
    data = b""
    with trio.move_on_after(OPENING_S_MAX), suppress(*_GONE):
        while b"\r\n\r\n" not in data and len(data) < OPENING_BYTES_MAX:
            more = await stream.receive_some(_CHUNK_BYTES_MAX)
            if not more:
                break
            data += more
        return parse_opening(data) if data else None
    return None


def parse_opening(data: bytes) -> Opening:
    """Parse the first bytes of a connection. They may be anything, so this never raises."""
    head = data.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
    words = head[0].split(" ")
    target = words[1] if len(words) == 3 and words[2].startswith("HTTP/") else ""
    headers = (line.partition(":") for line in head[1:])
    upgrades = any(name.lower() == "upgrade" and "websocket" in value.lower() for name, _, value in headers)
    return Opening(data, target.partition("?")[0], upgrades)


def abort(stream: trio.SocketStream) -> None:
    """Reset a TCP connection. Bytes not sent yet are lost, and the peer sees a reset, not the end of the stream."""
    with suppress(OSError):
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        stream.socket.close()


async def join(tcp: trio.SocketStream, inner: Stream, begun: bytes) -> None:
    """Copy between a TCP connection and one in memory until both have ended or either is broken.

    begun: the bytes that have been read from the TCP connection already.
    """
    hung_up = trio.Event()
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_copy_up, tcp, inner, begun, hung_up, nursery.cancel_scope)
            if await _copy_down(tcp, inner):
                with trio.move_on_after(GOODBYE_S_MAX):
                    await hung_up.wait()
            nursery.cancel_scope.cancel()
    finally:
        if inner.incoming.broken:
            abort(tcp)
        inner.close()


async def _copy_up(
    tcp: trio.SocketStream, inner: Stream, data: bytes, hung_up: trio.Event, both: trio.CancelScope
) -> None:
    while data:
        # After the server has closed, bytes from the client are read and discarded. Closing a TCP connection with
        # unread bytes in its buffer would reset it, and the client might never see the answer.
        with suppress(*_GONE):
            await inner.send_all(data)
        try:
            data = await tcp.receive_some(_CHUNK_BYTES_MAX)
        except _GONE:
            both.cancel()
            return
    hung_up.set()
    if inner.outgoing.loses_bytes:
        both.cancel()  # the connection in memory is half open: the server would never learn that the client has left
    with suppress(*_GONE):
        await inner.send_eof()


async def _copy_down(tcp: trio.SocketStream, inner: Stream) -> bool:
    """Copy the server's bytes to the client. Returns whether the server's stream ended without a break."""
    with suppress(*_GONE, OSError):
        while data := await inner.receive_some(_CHUNK_BYTES_MAX):
            await _send_while_it_stands(tcp, inner, data)
        await tcp.send_eof()
        return True
    return False


async def _send_while_it_stands(tcp: trio.SocketStream, inner: Stream, data: bytes) -> None:
    """Send all bytes. Raises trio.BrokenResourceError when the connection in memory is reset meanwhile.

    A plain ``send_all`` would not notice the reset while the client does not read.
    """
    left = memoryview(data)
    while left:
        sent = 0
        with trio.move_on_after(BLOCKED_S):
            sent = await tcp.socket.send(left)
        left = left[sent:]
        if left and inner.incoming.broken and not inner.incoming.chunks:
            raise trio.BrokenResourceError("connection reset")
