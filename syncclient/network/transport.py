"""What the driver needs from a network. `network.py` is one; a test can be another."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from gapless.syncclient.errors import SyncError


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP answer, read whole."""

    status: int
    body: bytes
    retry_after_s: float | None


class RequestBroken(SyncError):
    """No HTTP answer came: refused, reset, timed out or cut off.

    `was_sent` is false when the server cannot have seen the request.
    """

    def __init__(self, message: str, *, was_sent: bool) -> None:
        super().__init__(message)
        self.was_sent = was_sent


class SocketLost(SyncError):
    """A WebSocket is gone, or was refused. `code` is the close code, None when there was none."""

    def __init__(self, message: str, *, code: int | None) -> None:
        super().__init__(message)
        self.code = code


class Socket(Protocol):
    """An open WebSocket."""

    async def receive(self) -> str:
        """The next text frame. Raises `SocketLost`."""


class Transport(Protocol):
    """REST requests and WebSockets to one server; paths begin with a slash."""

    async def request(self, method: str, path: str, *, query: Mapping[str, str], body: object | None) -> Response:
        """One HTTP exchange. Raises `RequestBroken` if no answer came."""

    def socket(self, path: str, *, query: Mapping[str, str]) -> AbstractAsyncContextManager[Socket]:
        """A WebSocket; entering raises `SocketLost` if it cannot be opened."""

    async def aclose(self) -> None:
        """Close everything."""
