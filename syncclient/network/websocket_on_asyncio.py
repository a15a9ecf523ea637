"""A WebSocket on asyncio: the protocol by websockets, which does no I/O, over byte streams of anyio.

The library's exceptions are mapped here; no other file uses it. Nothing reads ahead: the stream is read when a message
is waited for, which the driver does all the time. So a message is handed over as soon as its bytes are there, and a
close as soon as its frame is.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final, cast

import anyio
from anyio.abc import ByteStream
from websockets.client import ClientProtocol
from websockets.exceptions import InvalidStatus
from websockets.frames import Close, Frame, Opcode
from websockets.protocol import State
from websockets.uri import WebSocketURI

from gapless.syncclient.errors import SyncError, WrongLoop
from gapless.syncclient.network.pinged_socket import CLOSE_S_MAX, PingedSocket
from gapless.syncclient.network.plain_task_group import open_plain_task_group
from gapless.syncclient.network.transport import Socket, SocketLost, SocketRequest
from gapless.syncclient.settings import Settings

_CHUNK_BYTES_MAX: Final = 65536
_BROKEN: Final = (anyio.BrokenResourceError, anyio.ClosedResourceError, OSError)
_CURE: Final = "on asyncio it must return an anyio.abc.ByteStream, or raise OSError"


@asynccontextmanager
async def open_socket(request: SocketRequest, settings: Settings) -> AsyncIterator[Socket]:
    """A WebSocket, opened within `handshake_timeout_s`. Entering raises `SocketLost` if that fails."""
    async with open_plain_task_group() as tasks:
        connection = await _connected(request, settings)
        socket = PingedSocket(connection, settings)
        tasks.start_soon(socket.keep_alive)
        try:
            with socket.in_use():
                yield socket
        finally:
            with anyio.move_on_after(CLOSE_S_MAX, shield=True):
                await connection.aclose()


async def _connected(request: SocketRequest, settings: Settings) -> _StreamConnection:
    stream: ByteStream | None = None
    is_open = False
    try:
        with anyio.fail_after(settings.handshake_timeout_s):
            stream = await _dial(request)
            connection = _StreamConnection(stream, request, settings.frame_size_bytes_max)
            await connection.shake_hands(request.headers)
            is_open = True
            return connection
    except TimeoutError as error:
        raise SocketLost(f"no handshake in {settings.handshake_timeout_s:g} s", code=None) from error
    except InvalidStatus as error:
        raise SocketLost(f"handshake refused with status {error.response.status_code}", code=None) from error
    except SyncError:
        raise
    except Exception as error:  # whatever the library makes of what a server sent is a failed handshake
        raise SocketLost(f"handshake failed: {error or type(error).__name__}", code=None) from error
    finally:
        if stream is not None and not is_open:
            await anyio.aclose_forcefully(stream)


async def _dial(request: SocketRequest) -> ByteStream:
    if request.dial is None and request.tls is None:
        return await anyio.connect_tcp(request.host, request.port)
    if request.dial is None:
        return await anyio.connect_tcp(
            request.host, request.port, tls=True, ssl_context=request.tls, tls_standard_compatible=False
        )
    try:
        stream = await request.dial(request.host, request.port)
    except OSError:
        raise
    except Exception as error:
        raise WrongLoop(f"dial raised {type(error).__name__}: {error}; {_CURE}") from error
    if not hasattr(stream, "receive"):  # any that has the methods works
        raise WrongLoop(f"dial returned {type(stream).__name__}, which is no stream of anyio; {_CURE}")
    return cast(ByteStream, stream)


class _StreamConnection:
    """A client's end of a WebSocket over a byte stream."""

    def __init__(self, stream: ByteStream, request: SocketRequest, frame_size_bytes_max: int) -> None:
        path, _, query = request.resource.partition("?")
        uri = WebSocketURI(request.tls is not None, request.host, request.port, path, query)
        self._stream = stream
        self._protocol = ClientProtocol(uri, max_size=frame_size_bytes_max)
        self._sending = anyio.Lock()
        self._messages: deque[str | bytes] = deque()
        self._fragments: list[bytes] = []
        self._is_text = False
        self._pongs: dict[bytes, anyio.Event] = {}

    async def shake_hands(self, headers: Mapping[str, str]) -> None:
        """Open the WebSocket. Raises `SocketLost`, errors of the stream, and `InvalidHandshake` of the library."""
        request = self._protocol.connect()
        request.headers.update(headers)
        self._protocol.send_request(request)
        await self._flush()
        while self._protocol.state is State.CONNECTING:
            goes_on = await self._read()
            error = self._protocol.handshake_exc
            if error is not None and not goes_on and not isinstance(error, InvalidStatus):
                raise SocketLost("the connection broke off in the handshake", code=None) from error
            if error is not None:
                raise error

    async def receive(self) -> str | bytes:
        """The next message. Raises `SocketLost`."""
        while not self._messages:
            if self._protocol.state is not State.OPEN:
                raise self._lost()
            await self._read()
        return self._messages.popleft()

    async def ping(self, payload: bytes) -> None:
        """Send a ping, and wait for its pong. `receive` must be called meanwhile. Raises `SocketLost`."""
        if self._protocol.state is not State.OPEN:
            raise self._lost()
        answered = self._pongs[payload] = anyio.Event()
        self._protocol.send_ping(payload)
        await self._flush()
        await answered.wait()

    async def aclose(self) -> None:
        """Close the WebSocket, wait for the answer unless the connection has failed, and close the stream."""
        try:
            if self._protocol.state is State.OPEN:
                self._protocol.send_close(1000)
                await self._flush()
                while self._protocol.close_rcvd is None and await self._read():
                    pass
        finally:
            await anyio.aclose_forcefully(self._stream)

    async def _read(self) -> bool:
        """Read once, and answer what must be answered. Returns whether the stream goes on."""
        try:
            data = await self._stream.receive(_CHUNK_BYTES_MAX)
        except (anyio.EndOfStream, *_BROKEN):
            self._protocol.receive_eof()
            return False
        self._protocol.receive_data(data)
        for event in self._protocol.events_received():
            if isinstance(event, Frame):
                self._take(event)
        await self._flush()
        return True

    def _take(self, frame: Frame) -> None:
        match frame.opcode:
            case Opcode.TEXT | Opcode.BINARY | Opcode.CONT:
                if frame.opcode is not Opcode.CONT:
                    self._is_text = frame.opcode is Opcode.TEXT
                self._fragments.append(bytes(frame.data))
                if frame.fin:
                    whole, self._fragments = b"".join(self._fragments), []
                    self._take_message(whole)
            case Opcode.PONG:
                answered = self._pongs.pop(bytes(frame.data), None)
                if answered is not None:
                    answered.set()

    def _take_message(self, whole: bytes) -> None:
        if not self._is_text:
            self._messages.append(whole)
            return
        try:
            self._messages.append(whole.decode())
        except UnicodeDecodeError as error:
            self._protocol.fail(1007, f"{error.reason} at position {error.start}")

    async def _flush(self) -> None:
        """Send what the protocol has to send. That a connection is broken shows when it is read."""
        async with self._sending:
            try:
                for data in self._protocol.data_to_send():
                    if data:  # an empty one means the end of our direction, which closing the stream shows too
                        await self._stream.send(data)
            except _BROKEN:
                pass

    def _lost(self) -> SocketLost:
        close: Close | None = self._protocol.close_rcvd or self._protocol.close_sent
        code, reason = (1006, "") if close is None else (close.code, close.reason)
        return SocketLost(f"closed with code {int(code)}" + (f" ({reason})" if reason else ""), code=int(code))
