"""The interface of a network, as the driver needs it. `http_and_websocket.py` implements it; tests can do so too."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias

from gapless.syncclient.errors import SyncError

if TYPE_CHECKING:
    import ssl

    import anyio.abc
    import trio

Dial: TypeAlias = "Callable[[str, int], Awaitable[anyio.abc.ByteStream | trio.abc.Stream]]"
"""Opens a byte stream to a host and port: on asyncio an `anyio.abc.ByteStream`, on trio a `trio.abc.Stream`. For https
it opens a stream with TLS. Raises `OSError`."""


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP answer with its whole body. `retry_after_s` is None if the answer has no such header."""

    status: int
    body: bytes
    retry_after_s: float | None


class RequestBroken(SyncError):
    """No HTTP answer came: the connection was refused, reset, cut off or timed out.

    `was_sent` is false if the server cannot have seen the request.
    """

    def __init__(self, message: str, *, was_sent: bool) -> None:
        super().__init__(message)
        self.was_sent = was_sent


class SocketLost(SyncError):
    """A WebSocket was lost or refused. `code` is the close code, None if there was none."""

    def __init__(self, message: str, *, code: int | None) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class SocketRequest:
    """A WebSocket to open. `tls` is None for http. `dial` takes the place of TCP and TLS; None uses them."""

    host: str
    port: int
    resource: str
    headers: Mapping[str, str]
    tls: ssl.SSLContext | None
    dial: Dial | None


class Socket(Protocol):
    """An open WebSocket."""

    async def receive(self) -> str:
        """The next text frame. Raises `SocketLost`."""


class Transport(Protocol):
    """REST requests and WebSockets to one server. Paths begin with a slash."""

    async def request(self, method: str, path: str, *, query: Mapping[str, str], body: object | None) -> Response:
        """One HTTP exchange. Raises `RequestBroken` if no answer came."""

    def socket(self, path: str, *, query: Mapping[str, str]) -> AbstractAsyncContextManager[Socket]:
        """A WebSocket. Entering raises `SocketLost` if it cannot be opened."""

    async def aclose(self) -> None:
        """Close everything."""
