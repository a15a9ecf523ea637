"""A stream that tells when it ends in the middle of a WebSocket handshake.

trio-websocket 0.12 waits for the answer to a handshake even when the connection is gone (R41): it would cost the whole
`handshake_timeout_s`, where a proxy whose backend is away accepts and closes.
"""

from __future__ import annotations

import trio


class HandshakeStream(trio.abc.Stream):
    """Passes everything on; until `is_over`, the end of the stream cancels `scope`, and it `broke_off`."""

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
