"""Serves the app with Hypercorn on any trio stream. The app cannot tell a stream in memory from a TCP one."""

from __future__ import annotations

import logging
from functools import lru_cache
from http import HTTPStatus
from typing import Any, Final, cast

import trio
from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.config import Config
from hypercorn.events import Closed, Event, RawData
from hypercorn.trio.tcp_server import MAX_RECV, TCPServer
from hypercorn.trio.worker_context import TrioSingleTask, WorkerContext
from hypercorn.typing import ASGIFramework, LifespanState
from starlette.types import ASGIApp

from gapless.simserver.network.streams import Stream

# The keep-alive time-out runs on the virtual clock, where hours pass at once while nothing happens. So it must be long.
KEEP_ALIVE_S: Final = 10 * 365 * 24 * 3600.0
MESSAGE_BYTES_MAX: Final = 1024 * 1024  # of a WebSocket message from a client; the only one it needs carries the key


@lru_cache(maxsize=1)
def _config() -> Config:
    config = Config()
    config.keep_alive_timeout = cast(int, KEEP_ALIVE_S)
    config.keep_alive_max_requests = 1_000_000_000
    config.websocket_max_message_size = MESSAGE_BYTES_MAX
    config.include_date_header = False
    config.include_server_header = False
    config.accesslog = None
    logger = logging.getLogger("gapless.simserver.hypercorn")
    logger.addHandler(logging.NullHandler())
    logger.propagate = False  # `create_app` records crashes of the app, and the world raises them
    config.errorlog = logger
    return config


class _NoIdleTask:
    """Replaces the task with which Hypercorn closes an idle connection. Ours are never closed for being idle.

    Hypercorn starts and cancels that task with every request, which costs more than the request itself.
    """

    async def restart(self, *_: object) -> None: ...

    async def stop(self) -> None: ...


class _MemoryServer(TCPServer):
    """Hypercorn's server without the lock, the cancellation shield and the idle task that a real socket needs.

    A stream in memory takes each write whole and at once. So writes need no shield and no lock, and a lock would cost
    one turn of the scheduler for each write.
    """

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.idle_task = cast(TrioSingleTask, _NoIdleTask())

    async def protocol_send(self, event: Event) -> None:
        if isinstance(event, RawData):
            try:
                await self.stream.send_all(_with_phrase(event.data))
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                await self.protocol.handle(Closed())
        else:
            await super().protocol_send(event)

    async def _read_data(self) -> None:
        # As Hypercorn's own, without the scope of a time-out that never comes.
        if self.config.read_timeout is not None:
            await super()._read_data()
            return
        data: bytes | bytearray = b"?"
        while data:
            try:
                data = await self.stream.receive_some(MAX_RECV)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                break
            await self.protocol.handle(RawData(bytes(data)))
        await self.protocol.handle(Closed())


def _with_phrase(data: bytes) -> bytes:
    """The head of an answer with its reason phrase, which the real server sends and Hypercorn leaves out."""
    if data[:9] != b"HTTP/1.1 " or data[12:15] != b" \r\n":
        return data
    try:
        phrase = HTTPStatus(int(data[9:12])).phrase.encode()
    except ValueError:
        return data
    return data[:13] + phrase + data[13:]


async def serve_stream(app: ASGIApp, stream: Any) -> None:
    """Serve one connection to its end.

    stream: a trio stream with an attribute ``socket``, of which ``family``, ``getpeername`` and ``getsockname`` are
    used.
    """
    wrapper = ASGIWrapper(cast(ASGIFramework, app))
    kind = _MemoryServer if isinstance(stream, Stream) else TCPServer
    await kind(wrapper, _config(), WorkerContext(None), LifespanState({}), stream)
