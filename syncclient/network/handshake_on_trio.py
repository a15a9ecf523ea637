"""A stream that notices its end in the middle of a WebSocket handshake.

trio-websocket 0.12 waits for the answer to a handshake even if the connection was closed (R41). A proxy without its
backend accepts connections and closes them, and each would cost the whole `handshake_timeout_s`.
"""

from __future__ import annotations

import trio


class HandshakeStream(trio.abc.Stream):
    """Passes everything on. If the stream ends before `is_over` is set, it cancels `scope` and sets `broke_off`."""

    def __init__(self, stream: trio.abc.Stream, scope: trio.CancelScope) -> None:
        self._stream = stream
        self._scope = scope
        self.is_over = False
        self.broke_off = False

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self._stream.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        try:
            data = await self._stream.receive_some(max_bytes)
        except trio.BrokenResourceError:
            self._end()
            raise
        if not data:
            self._end()
        return data

    async def aclose(self) -> None:
        await self._stream.aclose()

    def _end(self) -> None:
        if not self.is_over:
            self.broke_off = True
            self._scope.cancel()
