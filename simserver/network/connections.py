"""The connections to the server: dialed in memory, numbered, and each served by the app to its end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import trio
from starlette.types import ASGIApp

from gapless.simserver.faults.match import Facts
from gapless.simserver.faults.verdicts import Refuse
from gapless.simserver.journal import Journal
from gapless.simserver.link import Link
from gapless.simserver.network.hosting import serve_stream
from gapless.simserver.network.streams import CLIENT_HOST, FIRST_PORT, MemoryConnection, Stream
from gapless.simserver.network.transport import MemoryTransport
from gapless.simserver.process import Process

Serve = Callable[[ASGIApp, Stream], Awaitable[None]]


class Connections:
    """The open connections in memory, of sockets and of REST. Each is identified by its client port.

    serve: serves the app on the server's end of a connection, until that ends.
    """

    def __init__(
        self, process: Process, link: Link, journal: Journal, app: ASGIApp, serve: Serve = serve_stream
    ) -> None:
        self._process = process
        self._link = link
        self._journal = journal
        self._app = app
        self._serve_app = serve
        self._open: dict[int, MemoryConnection] = {}
        self._socket_numbers: dict[int, int] = {}
        self._dialled = 0
        self._sockets = 0

    def __repr__(self) -> str:
        return f"Connections({len(self)} open of {self._dialled})"

    def __len__(self) -> int:
        return len(self._open)

    def __iter__(self) -> Iterator[MemoryConnection]:
        return iter(tuple(self._open.values()))

    async def dial(self, host: str, port: int) -> Stream:
        """Open a connection for a socket.

        Raises ConnectionRefusedError when a fault refuses it, the server is down, or the world is not running.
        """
        await trio.lowlevel.checkpoint()
        number = self._next_socket_number()
        if self._process.is_down:
            raise self._refused(number, "the simulated server is down")
        for verdict in self._link.consult(Facts("handshake", f"socket {number}", connection=number, aspect="dial")):
            if isinstance(verdict, Refuse):
                raise self._refused(number, "the simulated link refused the connection")
        connection = self._connect()
        self._socket_numbers[connection.port] = number
        self._link.connected(connection, Facts("connection", f"socket {number}", connection=number, aspect="socket"))
        return connection.client

    async def dial_rest(self, host: str, port: int) -> Stream:
        """Open a connection for REST calls.

        Raises ConnectionRefusedError when the server is down or the world is not running.
        """
        await trio.lowlevel.checkpoint()
        if self._process.is_down:
            raise ConnectionRefusedError("the simulated server is down")
        connection = self._connect()
        self._link.connected(connection, Facts("connection", f"rest connection {connection.number}", aspect="rest"))
        return connection.client

    @property
    def is_down(self) -> bool:
        """Whether nothing runs that could accept a connection."""
        return self._process.is_down

    def http_transport(self) -> MemoryTransport:
        """A new transport for httpx, with its own connections."""
        return MemoryTransport(self.dial_rest)

    def of(self, scope: Any) -> MemoryConnection | None:
        """The connection of an ASGI scope. None when the app is not served by this object."""
        host, port = scope["client"]
        return self._open.get(port) if host == CLIENT_HOST and port > FIRST_PORT else None

    def socket_number(self, connection: MemoryConnection | None) -> int:
        """The ordinal of a handshake, from 1. It was assigned by `dial`; a connection without one gets the next."""
        number = None if connection is None else self._socket_numbers.pop(connection.port, None)
        return self._next_socket_number() if number is None else number

    def wrap(self, middleware: Callable[[ASGIApp], ASGIApp]) -> None:
        """Wrap the app in a middleware. Connections that are open already keep the app without it."""
        self._app = middleware(self._app)

    def _next_socket_number(self) -> int:
        self._sockets += 1
        return self._sockets

    def _refused(self, number: int, why: str) -> ConnectionRefusedError:
        self._journal.record("socket", "refused", connection=number, status=None)
        return ConnectionRefusedError(why)

    def _connect(self) -> MemoryConnection:
        if not self._process.is_running:
            raise ConnectionRefusedError("the world is not running")
        self._dialled += 1
        connection = MemoryConnection(self._dialled)
        self._open[connection.port] = connection
        self._process.start_soon(self._serve, connection)
        return connection

    async def _serve(self, connection: MemoryConnection) -> None:
        try:
            await self._serve_app(self._app, connection.server)
        except Exception as error:  # a crash of the fake server must not look like a simulated fault
            self._process.crashed(error)
        finally:
            connection.server.close()
            self._open.pop(connection.port, None)
            self._socket_numbers.pop(connection.port, None)
