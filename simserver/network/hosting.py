"""Hypercorn over any trio stream. The app does not know whether it is one in memory."""

from __future__ import annotations

import logging
from functools import lru_cache
from typing import Any, Final, cast

import trio
from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.config import Config
from hypercorn.events import Closed, Event, RawData
from hypercorn.trio.tcp_server import TCPServer
from hypercorn.trio.worker_context import TrioSingleTask, WorkerContext
from hypercorn.typing import ASGIFramework, LifespanState
from starlette.types import ASGIApp

from gapless.simserver.network.streams import Stream

# The keep-alive time-out runs on the virtual clock: a client that thinks for an hour takes no time at all.
KEEP_ALIVE_S: Final = 10 * 365 * 24 * 3600.0
MESSAGE_BYTES_MAX: Final = 1024 * 1024  # of what a client says on a socket, where it has next to nothing to say


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
    logger.propagate = False  # crashes of the app are kept by `create_app` and raised by the world
    config.errorlog = logger
    return config


class _NoIdleTask:
    """In place of the task that ends an idle connection after keep-alive: ours never ends, so it needs no task.

    Hypercorn starts and cancels that task with every request, which costs more than the request.
    """

    async def restart(self, *_: object) -> None: ...

    async def stop(self) -> None: ...


class _MemoryServer(TCPServer):
    """Hypercorn's server without what only a real socket needs: a lock, a shield and an idle task.

    Our streams take a write whole and at once, so writes need no lock (a turn of the scheduler each) and no shield.
    """

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.idle_task = cast(TrioSingleTask, _NoIdleTask())

    async def protocol_send(self, event: Event) -> None:
        if isinstance(event, RawData):
            try:
                await self.stream.send_all(event.data)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                await self.protocol.handle(Closed())
        else:
            await super().protocol_send(event)


async def serve_stream(app: ASGIApp, stream: Any) -> None:
    """Serve one connection to its end. The stream needs a ``socket`` with family, getpeername, getsockname."""
    wrapper = ASGIWrapper(cast(ASGIFramework, app))
    kind = _MemoryServer if isinstance(stream, Stream) else TCPServer
    await kind(wrapper, _config(), WorkerContext(None), LifespanState({}), stream)
