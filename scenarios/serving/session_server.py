"""Hub: the port, and whichever session is served on it.

A connection is judged by its first request: what asks for ``/sim/`` is the control's and touches no world; garbage gets
its answer here; everything else is joined to the session's world, in memory, where the faults act. A request for
``/sim/`` that comes later on such a connection is the control's as well.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from http import HTTPStatus
from typing import Final

import trio
from starlette.types import ASGIApp, Receive, Scope, Send

from gapless.scenarios.definition.scenario import Scenario
from gapless.scenarios.running.runner import RunRequest
from gapless.scenarios.serving.control import create_control
from gapless.scenarios.serving.reporter import Reporter
from gapless.scenarios.serving.responses import JournalCounts
from gapless.scenarios.serving.session import ENTRIES_MAX, Session
from gapless.scenarios.serving.verdict_so_far import Judging
from gapless.simserver.network.hosting import serve_stream
from gapless.simserver.network.streams import MemoryConnection
from gapless.simserver.port import Admit, Opening, admit_to, join, serve_port

CLIENTS_MAX: Final = 96  # connections to the world; those above, up to the port's bound, are the control's
ANSWER_S_MAX: Final = 2.0
ANSWERING_S: Final = 0.1  # for an answer to be on its way before its connection is reset
PREFIX: Final = "/sim"


class SessionServer:
    """Serves one session at a time. ``offered``: scenarios beside the catalogue; ``api_key``: of each session, in place
    of the scenario's own; ``url``: where, once it listens; ``sessions``: how many there have been.
    """

    def __init__(
        self,
        request: RunRequest,
        *,
        offered: Sequence[Scenario] = (),
        api_key: str | None = None,
        stepwise: bool = False,
        entries_max: int = ENTRIES_MAX,
    ) -> None:
        self.offered = tuple(offered)
        self.api_key = api_key
        self.url = ""
        self.sessions = 0
        self._show(Session(request, stepwise=stepwise, entries_max=entries_max))
        self._entries_max = entries_max
        self._control = create_control(self)
        self._clients = 0
        self._nursery: trio.Nursery | None = None

    async def serve(
        self,
        port: int,
        *,
        host: str = "127.0.0.1",
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Serve until cancelled. Raises OSError when the port is taken."""
        async with trio.open_nursery() as self._nursery:
            self._start(self.session)
            bound: int = await self._nursery.start(_listen, self._admit, port, host)
            shown = f"[{host}]" if ":" in host else host
            self.url = f"http://{shown}:{bound}"
            task_status.started()

    def replace(self, request: RunRequest, *, stepwise: bool) -> None:
        """Serve another session. The old one ends, and its connections are reset, in a moment: the one who asked for it
        may have done so on one of them, and is to be answered."""
        assert self._nursery is not None
        self._nursery.start_soon(_retire, self.session)
        self._show(Session(request, stepwise=stepwise, entries_max=self._entries_max))
        self._start(self.session)

    def _show(self, session: Session) -> None:
        self.session = session
        self.sessions += 1
        self.counts, self.judging, self.reporter = JournalCounts(), Judging(session), Reporter(session.world.journal)

    def _start(self, session: Session) -> None:
        assert self._nursery is not None
        session.world.connections.wrap(self._dispatched)
        self._nursery.start_soon(session.live)

    def _dispatched(self, world_app: ASGIApp) -> ASGIApp:
        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await (self._control if is_control(scope["path"]) else world_app)(scope, receive, send)

        return app

    async def _admit(self, stream: trio.SocketStream, opening: Opening) -> None:
        if is_control(opening.path):
            await self._serve_control(stream, opening)
        elif not opening.path:
            await _answer(stream, 400, "This is no HTTP request")
        else:
            await self._serve_world(stream, opening)

    async def _serve_control(self, stream: trio.SocketStream, opening: Opening) -> None:
        connection = MemoryConnection(0)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._serve_quietly, connection)
            try:
                await join(stream, connection.client, opening.data)
            finally:
                connection.reset()  # before anything waits: a write to a client that reads no more never ends
            nursery.cancel_scope.cancel()

    async def _serve_quietly(self, connection: MemoryConnection) -> None:
        with suppress(Exception):  # what a broken client makes the HTTP library raise concerns nobody
            await serve_stream(self._control, connection.server)
        connection.server.close()

    async def _serve_world(self, stream: trio.SocketStream, opening: Opening) -> None:
        session = self.session
        if self._clients >= CLIENTS_MAX:
            await _answer(stream, 503, f"Too many connections at once: {CLIENTS_MAX} are open; close some")
            return
        await session.begin()
        if session.state == "over":
            await _answer(stream, 503, f"The session is over: {session.why}; POST /sim/reset begins it anew")
            return
        self._clients += 1
        try:
            await admit_to(session.world, stream, opening)
        finally:
            self._clients -= 1


def is_control(path: str) -> bool:
    """Is it the control's, not the world's?"""
    return path == PREFIX or path.startswith(PREFIX + "/")


async def _retire(session: Session) -> None:
    await trio.sleep(ANSWERING_S)
    await session.end("another session took its place")


async def _listen(
    admit: Admit, port: int, host: str, *, task_status: trio.TaskStatus[int] = trio.TASK_STATUS_IGNORED
) -> None:
    await serve_port(admit, port, host=host, task_status=task_status)


async def _answer(stream: trio.SocketStream, status: int, detail: str) -> None:
    """Answer a connection that no app serves, and end it."""
    body = json.dumps({"detail": detail}).encode()
    head = (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\ncontent-type: application/json\r\n"
        f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
    )
    with suppress(OSError, trio.BrokenResourceError, trio.ClosedResourceError), trio.move_on_after(ANSWER_S_MAX):
        await stream.send_all(head.encode() + body)
        await stream.send_eof()
        while await stream.receive_some(4096):
            pass
