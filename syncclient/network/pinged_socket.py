"""A WebSocket that is pinged while it is open, so that the end of a server is noticed (R35). The same on each loop."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Protocol

import anyio

from gapless.syncclient.errors import ProtocolViolation
from gapless.syncclient.network.transport import SocketLost
from gapless.syncclient.settings import Settings

PING: Final = b"gapless"
"""A fixed payload. The default of most libraries is random."""

CLOSE_S_MAX: Final = 1.0
"""How long to wait for the answer to a close. A peer that is gone does not answer."""


class LibrarySocket(Protocol):
    """An open WebSocket of a library. Its methods raise `SocketLost` when the connection is lost."""

    async def receive(self) -> str | bytes:
        """The next message."""

    async def ping(self, payload: bytes) -> None:
        """Send a ping, and wait for its pong."""


class PingedSocket:
    """A `Socket` over a connection."""

    def __init__(self, connection: LibrarySocket, settings: Settings) -> None:
        self._connection = connection
        self._settings = settings
        self._use = anyio.CancelScope()

    async def receive(self) -> str:
        """The next text frame. Raises `SocketLost`, and `ProtocolViolation` for a binary frame that is no text."""
        message = await self._connection.receive()
        if isinstance(message, str):
            return message
        try:
            return bytes(message).decode()
        except UnicodeDecodeError as error:
            raise ProtocolViolation("a binary frame is not UTF-8") from error

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """A block in which the socket is used. Raises `SocketLost` when a ping has not been answered in time.

        The scope is that of the block, not of each `receive`: frames are many.
        """
        with self._use:
            yield
        if self._use.cancelled_caught:
            limit_s = self._settings.ping_timeout_s
            raise SocketLost(f"no answer to a ping in {limit_s:g} s", code=None)

    async def keep_alive(self) -> None:
        """Ping until the connection is lost. Without an answer in time, the block `in_use` ends."""
        limit_s = self._settings.ping_timeout_s
        while True:
            await anyio.sleep(self._settings.ping_interval_s)
            try:
                with anyio.fail_after(limit_s):
                    await self._connection.ping(PING)
            except TimeoutError:
                self._use.cancel()
                return
            except SocketLost:
                return  # `receive` raises the same error
