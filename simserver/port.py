"""A world on a real TCP port, in real time.

Each TCP connection is joined to a connection in memory, and bytes are copied between the two. The world serves the
connection in memory and knows nothing of TCP. So the client sees over TCP whatever the faults do to that connection:
delays, stalls, throttling, lost bytes, cuts. A reset becomes a TCP reset. A refused connection becomes a reset before
any answer. In the journal, "delivered" means handed to the operating system.

A client may send garbage, send nothing, or disappear. None of this is an error of the server. The number of
connections, the size of a first request's head and the wait for it are bounded.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import trio

from gapless.simserver.network.streams import SERVER_ADDRESS, Stream
from gapless.simserver.world import World

CONNECTIONS_MAX: Final = 128  # enough for a process that may open only 256 files, as on some systems
TURNED_AWAY_MAX: Final = 32  # so many more at a time get a 503; any beyond these are reset
OPENING_BYTES_MAX: Final = 64 * 1024
OPENING_S_MAX: Final = 10.0
GOODBYE_S_MAX: Final = 5.0  # after its last byte the server waits so long for the client to close, then closes
BLOCKED_S: Final = 0.05  # how often a blocked write checks whether the connection has been reset
_CHUNK_BYTES_MAX: Final = 64 * 1024
_GONE: Final = (trio.BrokenResourceError, trio.ClosedResourceError)
_TOO_MANY: Final = b'{"detail":"Too many connections at once; close some"}'
_FULL: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\nconnection: close\r\n"
    b"content-length: %d\r\n\r\n%s" % (len(_TOO_MANY), _TOO_MANY)
)


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

    async def admit(stream: trio.SocketStream, opening: Opening) -> None:
        await join_world(world, stream, opening)

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
    connections_max: int = CONNECTIONS_MAX,
    task_status: trio.TaskStatus[int] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Accept connections until canceled, and pass each to ``admit`` with its opening.

    The port is reported through ``task_status``. Raises OSError when the port is taken, and whatever ``admit`` raises.
    """
    listeners = await trio.open_tcp_listeners(port, host=host)
    connections = 0

    async def handle(stream: trio.SocketStream) -> None:
        nonlocal connections
        connections += 1
        try:
            if connections > connections_max + TURNED_AWAY_MAX:
                abort(stream)
            elif connections > connections_max:
                await _turn_away(stream)
            elif (opening := await read_opening(stream)) is not None:
                stream.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)  # notices clients that have disappeared
                await admit(stream, opening)
        except OSError:
            pass  # the client closed its end first
        finally:
            connections -= 1

    async with trio.open_nursery() as nursery:
        await nursery.start(trio.serve_listeners, handle, listeners)
        task_status.started(int(listeners[0].socket.getsockname()[1]))


async def _turn_away(stream: trio.SocketStream) -> None:
    with suppress(*_GONE), trio.move_on_after(1):
        await stream.send_all(_FULL)
        await stream.send_eof()
        while await stream.receive_some(_CHUNK_BYTES_MAX):
            pass


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
