"""A world on a real port, in real time: each TCP connection is joined to one in memory, where every fault can act.

The world serves the connection in memory and knows nothing of TCP. What its faults do to that connection (delay bytes,
stall, throttle, swallow, cut, reset) is what the TCP client sees, for between the two is only a copy: a reset becomes a
TCP reset, a refused connection a reset before any answer. "Delivered", in the journal, means handed to the operating
system.

A client may do anything here: send garbage, or nothing, or vanish. Connections, the head of a first request and the
wait for it are bounded, and nothing that a client does is an error of ours.
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

CONNECTIONS_MAX: Final = 128  # where a process may open 256 files, as on some systems, this is what it can serve
TURNED_AWAY_MAX: Final = 32  # at a time, of those above: they are told so; those above these are reset
OPENING_BYTES_MAX: Final = 64 * 1024
OPENING_S_MAX: Final = 10.0
GOODBYE_S_MAX: Final = 5.0  # from the server's last byte until a client that does not hang up is hung up on
BLOCKED_S: Final = 0.05  # how often a write that the client does not take looks whether the connection still stands
_CHUNK_BYTES_MAX: Final = 64 * 1024
_GONE: Final = (trio.BrokenResourceError, trio.ClosedResourceError)
_TOO_MANY: Final = b'{"detail":"Too many connections at once; close some"}'
_FULL: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\nconnection: close\r\n"
    b"content-length: %d\r\n\r\n%s" % (len(_TOO_MANY), _TOO_MANY)
)


@dataclass(frozen=True, slots=True)
class Opening:
    """What a connection begins with. data: the bytes read so far; path: of its first request, empty when it is none;
    is_websocket: does it ask to become a socket?"""

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
    """Serve a running world on a real port until cancelled; reports the port (pass 0 for any free one).

    Raises OSError when the port is taken.
    """

    async def admit(stream: trio.SocketStream, opening: Opening) -> None:
        await admit_to(world, stream, opening)

    await serve_port(admit, port, host=host, task_status=task_status)


async def admit_to(world: World, stream: trio.SocketStream, opening: Opening) -> None:
    """Join a TCP connection to the world, to its end."""
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
    """Accept connections until cancelled, and hand each to ``admit`` with what it begins with; reports the port.

    Raises OSError when the port is taken, and whatever ``admit`` raises.
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
                stream.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)  # to learn of those who vanished
                await admit(stream, opening)
        except OSError:
            pass  # the client was faster: its socket is gone
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
    """Read up to the end of the first request's head; None when the client goes away, or takes too long, before it has
    said anything that can be answered."""
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
    """What the first bytes of a connection ask for; anything may be in them."""
    head = data.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
    words = head[0].split(" ")
    target = words[1] if len(words) == 3 and words[2].startswith("HTTP/") else ""
    headers = (line.partition(":") for line in head[1:])
    upgrades = any(name.lower() == "upgrade" and "websocket" in value.lower() for name, _, value in headers)
    return Opening(data, target.partition("?")[0], upgrades)


def abort(stream: trio.SocketStream) -> None:
    """Reset a TCP connection: what was not yet sent is lost, and the peer is told of no end."""
    with suppress(OSError):
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        stream.socket.close()


async def join(tcp: trio.SocketStream, inner: Stream, begun: bytes) -> None:
    """Copy between a TCP connection and one in memory until both have ended, or either is broken.

    ``begun``: what was read from the TCP connection already.
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
        # Once the server has closed, what a client still says is read and thrown away: with unread bytes in its buffer,
        # closing a TCP connection would reset it, and the client might never see the answer.
        with suppress(*_GONE):
            await inner.send_all(data)
        try:
            data = await tcp.receive_some(_CHUNK_BYTES_MAX)
        except _GONE:
            both.cancel()
            return
    hung_up.set()
    if inner.outgoing.vanishing:
        both.cancel()  # nobody will ever be told that the client has left
    with suppress(*_GONE):
        await inner.send_eof()


async def _copy_down(tcp: trio.SocketStream, inner: Stream) -> bool:
    """Copy what the server says to the client; whether it came to its end."""
    with suppress(*_GONE, OSError):
        while data := await inner.receive_some(_CHUNK_BYTES_MAX):
            await _send_while_it_stands(tcp, inner, data)
        await tcp.send_eof()
        return True
    return False


async def _send_while_it_stands(tcp: trio.SocketStream, inner: Stream, data: bytes) -> None:
    """Send all; a reset meanwhile raises trio.BrokenResourceError even when the client takes nothing."""
    left = memoryview(data)
    while left:
        sent = 0
        with trio.move_on_after(BLOCKED_S):
            sent = await tcp.socket.send(left)
        left = left[sent:]
        if left and inner.incoming.broken and not inner.incoming.chunks:
            raise trio.BrokenResourceError("connection reset")
