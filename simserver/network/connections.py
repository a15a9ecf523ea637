"""The connections to the server: dialed in memory, numbered, and each served by the app to its end.

A scenario may have a second client, with connections of its own (`Connections.of_client`). Sockets are numbered for
both together in the journal, and for each client apart for the faults.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import trio
from starlette.types import ASGIApp

from gapless.simserver.faults.match import Aspect, Facts, FaultPlace
from gapless.simserver.faults.verdicts import Refuse
from gapless.simserver.journal import Journal
from gapless.simserver.link import Link
from gapless.simserver.network.hosting import serve_stream
from gapless.simserver.network.socket_name import FIRST_CLIENT, SocketName, owned_by
from gapless.simserver.network.streams import CLIENT_HOST, FIRST_PORT, MemoryConnection, Stream
from gapless.simserver.network.transport import MemoryTransport
from gapless.simserver.process import Process

Serve = Callable[[ASGIApp, Stream], Awaitable[None]]


def socket_facts(place: FaultPlace, name: SocketName, *, aspect: Aspect | None = None) -> Facts:
    """A socket, as the faults see it."""
    return Facts(place, str(name), connection=name.nth, client=name.client, aspect=aspect)


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
        self._names: dict[int, SocketName] = {}
        self._dialled = 0
        self._sockets = 0
        self._sockets_of: dict[int, int] = {}

    def __repr__(self) -> str:
        return f"Connections({len(self)} open of {self._dialled})"

    def __len__(self) -> int:
        return len(self._open)

    def __iter__(self) -> Iterator[MemoryConnection]:
        return iter(tuple(self._open.values()))

    async def dial(self, host: str, port: int, *, client: int = FIRST_CLIENT) -> Stream:
        """Open a connection for a socket.

        Raises ConnectionRefusedError when a fault refuses it, the server is down, or the world is not running.
        """
        await trio.lowlevel.checkpoint()
        name = self._next_socket(client)
        if self._process.is_down:
            raise self._refused(name, "the simulated server is down")
        for verdict in self._link.consult(socket_facts("handshake", name, aspect="dial")):
            if isinstance(verdict, Refuse):
                raise self._refused(name, "the simulated link refused the connection")
        connection = self._connect(client)
        self._names[connection.port] = name
        self._link.connected(connection, socket_facts("connection", name, aspect="socket"))
        return connection.client

    async def dial_rest(self, host: str, port: int, *, client: int = FIRST_CLIENT) -> Stream:
        """Open a connection for REST calls.

        Raises ConnectionRefusedError when the server is down or the world is not running.
        """
        await trio.lowlevel.checkpoint()
        if self._process.is_down:
            raise ConnectionRefusedError("the simulated server is down")
        connection = self._connect(client)
        target = f"rest connection {connection.number}"
        self._link.connected(connection, Facts("connection", target, client=client, aspect="rest"))
        return connection.client

    def of_client(self, client: int) -> ClientConnections:
        """The connections of one client, and how it opens more."""
        return ClientConnections(self, client)

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

    def socket_of(self, connection: MemoryConnection | None) -> SocketName:
        """Which handshake it is. It was numbered by `dial`; a connection without a number gets the next."""
        name = None if connection is None else self._names.pop(connection.port, None)
        return self._next_socket(FIRST_CLIENT) if name is None else name

    def wrap(self, middleware: Callable[[ASGIApp], ASGIApp]) -> None:
        """Wrap the app in a middleware. Connections that are open already keep the app without it."""
        self._app = middleware(self._app)

    def _next_socket(self, client: int) -> SocketName:
        self._sockets += 1
        nth = self._sockets_of[client] = self._sockets_of.get(client, 0) + 1
        return SocketName(self._sockets, client, nth)

    def _refused(self, name: SocketName, why: str) -> ConnectionRefusedError:
        self._journal.record("socket", "refused", connection=name.number, status=None, **owned_by(name.client))
        return ConnectionRefusedError(why)

    def _connect(self, client: int) -> MemoryConnection:
        if not self._process.is_running:
            raise ConnectionRefusedError("the world is not running")
        self._dialled += 1
        connection = MemoryConnection(self._dialled, client)
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
            self._names.pop(connection.port, None)


class ClientConnections:
    """The connections of one client: those that are open, and how it opens more."""

    def __init__(self, all_of_them: Connections, client: int) -> None:
        self._all = all_of_them
        self._client = client

    def __repr__(self) -> str:
        return f"ClientConnections(client {self._client})"

    def __iter__(self) -> Iterator[MemoryConnection]:
        return (connection for connection in self._all if connection.owner == self._client)

    def dial(self, host: str, port: int) -> Awaitable[Stream]:
        """Open a connection for a socket. Raises as `Connections.dial`."""
        return self._all.dial(host, port, client=self._client)

    def dial_rest(self, host: str, port: int) -> Awaitable[Stream]:
        """Open a connection for REST calls. Raises as `Connections.dial_rest`."""
        return self._all.dial_rest(host, port, client=self._client)

    @property
    def is_down(self) -> bool:
        """Whether nothing runs that could accept a connection."""
        return self._all.is_down

    def http_transport(self) -> MemoryTransport:
        """A new transport for httpx, with connections of its own."""
        return MemoryTransport(self.dial_rest)
