"""A proxy in front of the real server, which counts the REST requests that pass.

It knows nothing of the client's own accounts, so that it can be held against them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress

import trio

_REQUEST = re.compile(rb"(?:^|(?<=\n)|(?<=\}))(GET|POST|DELETE) (\S+) HTTP/1\.1\r\n")
_REST = "/api/conversations/"
HEAD_BYTES_MAX = 65_536


class Proxy:
    """requests: what passed, as (method, path), the sockets' handshakes included."""

    def __init__(self, server_port: int) -> None:
        self.port = 0
        self.requests: list[tuple[str, str]] = []
        self._server_port = server_port

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def reads(self, since: int = 0) -> list[str]:
        """The paths of the calls that read the log, from the nth request on."""
        return [
            path for method, path in self.requests[since:] if method == "GET" and "/events/" in path and _REST in path
        ]

    def polls(self) -> int:
        """How many calls asked for the status."""
        return sum(method == "GET" and _REST in path and "/events/" not in path for method, path in self.requests)

    async def serve(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Serve until cancelled."""
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        self.port = listeners[0].socket.getsockname()[1]
        async with trio.open_nursery() as nursery:
            await nursery.start(trio.serve_listeners, self._carry, listeners)
            task_status.started()

    async def _carry(self, outside: trio.SocketStream) -> None:
        with suppress(OSError, trio.BrokenResourceError):
            head = bytes(await outside.receive_some(HEAD_BYTES_MAX))
            is_socket = head.startswith(b"GET /sockets/")
            self._count(head)
            inside = await trio.open_tcp_stream("127.0.0.1", self._server_port)
            with trio.CancelScope() as scope:
                try:
                    await inside.send_all(head)
                    async with trio.open_nursery() as nursery:
                        counts = None if is_socket else self._count
                        nursery.start_soon(_pump, outside, inside, counts, scope.cancel)
                        nursery.start_soon(_pump, inside, outside, None, scope.cancel)
                finally:
                    await trio.aclose_forcefully(inside)

    def _count(self, chunk: bytes) -> None:
        self.requests += [(method.decode(), path.decode()) for method, path in _REQUEST.findall(chunk)]


async def _pump(
    source: trio.abc.ReceiveStream,
    sink: trio.abc.SendStream,
    look: Callable[[bytes], object] | None,
    end: Callable[[], object],
) -> None:
    """Carry one direction; its end or its break is the end of both."""
    with suppress(OSError, trio.BrokenResourceError, trio.ClosedResourceError):
        while chunk := bytes(await source.receive_some()):
            if look is not None:
                look(chunk)
            await sink.send_all(chunk)
    end()
