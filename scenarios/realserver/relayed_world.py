"""The part of a world with a real server that the relay uses: protocols, so that it need not import the world."""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import Protocol

from gapless.scenarios.realserver.program import ProgramStream
from gapless.simserver.conversation.event_bodies import EventBody
from gapless.simserver.journal import Journal
from gapless.simserver.link import Link
from gapless.simserver.network.connections import Connections
from gapless.simserver.network.socket_name import SocketName
from gapless.simserver.progress import Progress
from gapless.simserver.protocol.outbox import ConnectionAct


class RelayedConnection(Protocol):
    """An open socket between a client and the server."""

    @property
    def name(self) -> SocketName: ...
    def act(self, verdict: ConnectionAct) -> None:
        """Do now what a fault asks for."""
        ...

    def due(self, fault: str) -> None:
        """Make the frames due now that this fault has delayed until its cause."""
        ...

    def release(self) -> None:
        """Make everything in the queue due now, because the world has healed."""
        ...


class RelayedWorld(Protocol):
    """A world with a real server, as the relay sees it."""

    @property
    def journal(self) -> Journal: ...
    @property
    def link(self) -> Link: ...
    @property
    def progress(self) -> Progress: ...
    @property
    def connections(self) -> Connections: ...
    @property
    def log(self) -> Sequence[EventBody]:
        """The events in the server's store, as far as it was read."""
        ...

    @property
    def logged(self) -> Container[str]:
        """Their ids."""
        ...

    @property
    def told_version(self) -> str:
        """The version that clients are told; empty for the server's own."""
        ...

    @property
    def sockets(self) -> list[RelayedConnection]:
        """The open sockets."""
        ...

    def now_s(self) -> float:
        """Virtual seconds since the server was ready for clients."""
        ...

    def dial_server(self) -> ProgramStream:
        """Connect to the server. Raises ConnectionRefusedError when it does not listen."""
        ...

    def run_asked(self) -> object:
        """The client asks for a run. Returns what `run_answered` takes."""
        ...

    def run_answered(self, asked: object, *, taken: bool) -> None:
        """The server has answered that request."""
        ...
