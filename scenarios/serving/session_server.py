"""The port of ``gapless serve``, and the session that is served on it.

The first request of a connection decides where the connection goes:

- A request for ``/sim/`` goes to the control. No fault acts on it.
- Bytes that are no HTTP request get a 400 here.
- Everything else is joined, in memory, to the session's world. There the faults act.

A later request for ``/sim/`` on a connection of the world also goes to the control.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Final

import trio
from starlette.types import ASGIApp, Receive, Scope, Send

from gapless.scenarios.definition.scenario import Scenario
from gapless.scenarios.running.runner import RunRequest
from gapless.scenarios.serving.control import create_control
from gapless.scenarios.serving.forwarding import Upstream, check_faults
from gapless.scenarios.serving.reporter import Reporter
from gapless.scenarios.serving.responses import JournalCounts
from gapless.scenarios.serving.session import ENTRIES_MAX, Session
from gapless.scenarios.serving.verdict_so_far import Judging
from gapless.simserver.network.hosting import serve_stream
from gapless.simserver.network.streams import MemoryConnection
from gapless.simserver.port import CONNECTIONS_MAX, Admit, Newest, Opening, Refusing, join, join_world, serve_port

CONTROLS_MAX: Final = 32  # connections to the control; one more resets the oldest of them
CONTROL_S_MAX: Final = 60.0  # of one connection to the control; its longest wait for the journal is a third of that
ANSWERING_S: Final = 0.1  # between the response to a replacement and the reset of the old session's connections
PREFIX: Final = "/sim"


class SessionServer:
    """Serves one session at a time.

    ``offered``: scenarios that can be served besides the catalogue.
    ``to``: the URL of a real server that answers in place of the world's; None when the world does.
    ``api_key``: the key of every session, in place of the scenario's own.
    ``url``: the address, and ``listening_on``: the host that the port is opened for; set once the server listens.
    ``session``: the current session; ``sessions``: how many there have been.
    ``counts``, ``judging``, ``reporter``: of the current session.
    """

    def __init__(
        self,
        request: RunRequest,
        *,
        offered: Sequence[Scenario] = (),
        api_key: str | None = None,
        stepwise: bool = False,
        entries_max: int = ENTRIES_MAX,
        to: str | None = None,
    ) -> None:
        self.offered = tuple(offered)
        self.api_key = api_key
        self.url = ""
        self.listening_on = "127.0.0.1"
        self.sessions = 0
        self._entries_max, self._to = entries_max, to
        self._use_session(self._session_of(request, stepwise=stepwise))
        self._control = create_control(self)
        self._clients = 0
        self._controls = Newest(CONTROLS_MAX)
        self._refusing = Refusing()
        self._nursery: trio.Nursery | None = None

    async def serve(
        self,
        port: int,
        *,
        host: str = "127.0.0.1",
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Serve until cancelled. Raises OSError when the port is taken."""
        self.listening_on = host
        async with trio.open_nursery() as self._nursery:
            self._start(self.session)
            bound: int = await self._nursery.start(_listen, self._admit, port, host)
            shown = f"[{host}]" if ":" in host else host
            self.url = f"http://{shown}:{bound}"
            task_status.started()

    def replace(self, request: RunRequest, *, stepwise: bool) -> None:
        """Serve another session. The old one ends after ``ANSWERING_S``, and its connections are reset.

        The delay lets the response reach its client: the request may have come on one of those connections.
        """
        assert self._nursery is not None
        self._nursery.start_soon(_end_replaced, self.session)
        self._use_session(self._session_of(request, stepwise=stepwise))
        self._start(self.session)

    def _session_of(self, request: RunRequest, *, stepwise: bool) -> Session:
        upstream = None if self._to is None else Upstream(self._to)
        if upstream is not None:
            check_faults(request.scenario.faults)
        return Session(request, stepwise=stepwise, entries_max=self._entries_max, upstream=upstream)

    def _use_session(self, session: Session) -> None:
        self.session = session
        self.sessions += 1
        self.counts, self.judging, self.reporter = JournalCounts(), Judging(session), Reporter(session.world.journal)

    def _start(self, session: Session) -> None:
        assert self._nursery is not None
        if session.upstream is not None:
            forwarding = session.upstream.app(session.world)
            session.world.connections.wrap(lambda world_app: forwarding)
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
            await self._refusing.respond(stream, 400, "This is no HTTP request")
        else:
            await self._serve_world(stream, opening)

    async def _serve_control(self, stream: trio.SocketStream, opening: Opening) -> None:
        connection = MemoryConnection(0)
        with self._controls.holding(stream), trio.move_on_after(CONTROL_S_MAX):
            await self._join_control(connection, stream, opening)

    async def _join_control(self, connection: MemoryConnection, stream: trio.SocketStream, opening: Opening) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._serve_quietly, connection)
            try:
                await join(stream, connection.client, opening.data)
            finally:
                connection.reset()  # at once: the app may wait for a write to a client that no longer reads
            nursery.cancel_scope.cancel()

    async def _serve_quietly(self, connection: MemoryConnection) -> None:
        with suppress(Exception):  # a broken client can make the HTTP library raise; the server goes on
            await serve_stream(self._control, connection.server)
        connection.server.close()

    async def _serve_world(self, stream: trio.SocketStream, opening: Opening) -> None:
        session = self.session
        if self._clients >= CONNECTIONS_MAX:
            await self._refusing.respond(
                stream, 503, f"Too many connections at once: {CONNECTIONS_MAX} are open; close some"
            )
            return
        await session.begin()
        if session.state == "over":
            await self._refusing.respond(
                stream, 503, f"The session is over: {session.why}; POST /sim/reset begins it anew"
            )
            return
        self._clients += 1
        try:
            await join_world(session.world, stream, opening)
        finally:
            self._clients -= 1


def is_control(path: str) -> bool:
    """Whether a request goes to the control, and not to the world."""
    return path == PREFIX or path.startswith(PREFIX + "/")


async def _end_replaced(session: Session) -> None:
    await trio.sleep(ANSWERING_S)
    await session.end("another session took its place")


async def _listen(
    admit: Admit, port: int, host: str, *, task_status: trio.TaskStatus[int] = trio.TASK_STATUS_IGNORED
) -> None:
    await serve_port(admit, port, host=host, task_status=task_status)
