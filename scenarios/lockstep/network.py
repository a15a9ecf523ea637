"""What a program sends, into the world; what the world answers, back to the program.

A connection is answered at once, unless the server is down. It is dialled when its first bytes are known, for whether
it is a socket or carries REST calls is for them to say; a link that refuses it then is a reset, as it is on a port.

Of one connection, no more than a window is handed over at a time. More is read when the program has had a turn, in
which it may have closed the connection. So a frame beyond every limit does not arrive whole. Within the window nothing
pushes back, however slowly the program reads.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from math import inf
from typing import Final
from urllib.parse import urlsplit

import trio

from gapless.scenarios.clients.contract import ClientContext
from gapless.scenarios.lockstep.protocol import (
    CloseConnection,
    Connect,
    Connected,
    Data,
    Eof,
    Input,
    Listen,
    LockstepError,
    Output,
    RefusedConnection,
    ResetConnection,
)
from gapless.simserver.network.connections import ClientConnections, Connections
from gapless.simserver.network.streams import Stream
from gapless.simserver.port import OPENING_BYTES_MAX, parse_opening

_GONE: Final = (trio.BrokenResourceError, trio.ClosedResourceError)
_CHUNK_BYTES_MAX: Final = 64 * 1024
_WINDOW_BYTES: Final = 1024 * 1024
_PORTS: Final = {"http": 80, "https": 443}

Dial = Callable[[str, int], Awaitable[trio.abc.Stream]]


class ProgramNetwork:
    """The connections of one run. ``happen`` is told what the program has to know.

    sockets: how many WebSockets it has dialled.
    """

    def __init__(self, context: ClientContext, nursery: trio.Nursery, happen: Callable[[Input], None]) -> None:
        self._dial = context.dial
        self._connections = _connections(context)
        self._nursery = nursery
        self._happen = happen
        self._queues: dict[int, trio.MemorySendChannel[Output]] = {}
        self._handed_over: dict[int, int] = {}
        self._turn = trio.Event()
        url = urlsplit(context.base_url)
        self._server = (url.hostname, url.port or _PORTS.get(url.scheme, 80))
        self.sockets = 0

    def apply(self, output: Output) -> None:
        """The program has done something."""
        if isinstance(output, Connect):
            self._connect(output)
        elif isinstance(output, Listen):
            raise LockstepError("the client listens for connections; its shim should have refused that")
        elif output.id in self._queues:
            with suppress(*_GONE):
                self._queues[output.id].send_nowait(output)
            if isinstance(output, CloseConnection | ResetConnection):
                del self._queues[output.id]

    def turn_over(self) -> None:
        """The program has had a turn: it knows all that has happened, and what it did is applied."""
        if self._handed_over:
            self._handed_over.clear()
            self._turn.set()
            self._turn = trio.Event()

    def close(self) -> None:
        """The program is gone, and with it all of its connections."""
        for number in tuple(self._queues):
            self.apply(CloseConnection(number))

    def _connect(self, output: Connect) -> None:
        if (output.host, output.port) != self._server or self._is_down():
            self._happen(RefusedConnection(output.id))
            return
        send, receive = trio.open_memory_channel[Output](inf)
        self._queues[output.id] = send
        self._happen(Connected(output.id))
        self._nursery.start_soon(self._serve, output, receive)

    def _is_down(self) -> bool:
        return self._connections is not None and self._connections.is_down

    async def _serve(self, asked: Connect, outputs: trio.MemoryReceiveChannel[Output]) -> None:
        begun = await _read_opening(outputs)
        if begun is None:
            return
        dial: Dial = self._dial
        if parse_opening(begun).is_websocket:
            self.sockets += 1
        elif self._connections is not None:
            dial = self._connections.dial_rest
        try:
            stream = await dial(asked.host, asked.port)
        except OSError:
            self._happen(ResetConnection(asked.id))
            return
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._copy_down, asked.id, stream)
                with suppress(*_GONE):
                    await stream.send_all(begun)
                await self._copy_up(outputs, stream)
                nursery.cancel_scope.cancel()
        finally:
            await trio.aclose_forcefully(stream)

    async def _copy_up(self, outputs: trio.MemoryReceiveChannel[Output], stream: trio.abc.Stream) -> None:
        """What the program sends, until it closes. Once the server has closed, it is thrown away."""
        async for output in outputs:
            match output:
                case Data():
                    with suppress(*_GONE):
                        await stream.send_all(output.data)
                case Eof():
                    if isinstance(stream, trio.abc.HalfCloseableStream):
                        with suppress(*_GONE):
                            await stream.send_eof()
                case ResetConnection():
                    if isinstance(stream, Stream):
                        stream.outgoing.reset()
                    return
                case CloseConnection():
                    return

    async def _copy_down(self, number: int, stream: trio.abc.Stream) -> None:
        """What the server sends, to its end."""
        try:
            while data := await stream.receive_some(_CHUNK_BYTES_MAX):
                self._happen(Data(number, bytes(data)))
                self._handed_over[number] = self._handed_over.get(number, 0) + len(data)
                while self._handed_over.get(number, 0) >= _WINDOW_BYTES:
                    await self._turn.wait()
            self._happen(Eof(number))
        except _GONE:
            self._happen(ResetConnection(number))


async def _read_opening(outputs: trio.MemoryReceiveChannel[Output]) -> bytes | None:
    """The first request's head, and what came with it; None when the program leaves before it has said anything."""
    begun = b""
    async for output in outputs:
        match output:
            case Data():
                begun += output.data
                if b"\r\n\r\n" in begun or len(begun) >= OPENING_BYTES_MAX:
                    return begun
            case Eof():
                return begun or None
            case CloseConnection() | ResetConnection():
                return None
    return None


def _connections(context: ClientContext) -> Connections | ClientConnections | None:
    """The world's connections, or one client's of them, behind the context's dial.

    None where it is another dial, which then takes all.
    """
    owner = getattr(context.dial, "__self__", None)
    return owner if isinstance(owner, Connections | ClientConnections) else None
