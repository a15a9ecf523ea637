"""What the REST calls and the sockets use of a world. `gapless.simserver.world.World` has it all."""

from __future__ import annotations

from typing import Protocol

from gapless.simserver.conversation.agent import Agent
from gapless.simserver.conversation.archive import Archive
from gapless.simserver.conversation.publisher import Publisher
from gapless.simserver.conversation.runs import AgentRuns
from gapless.simserver.journal import Journal
from gapless.simserver.link import Link
from gapless.simserver.loop import Loop
from gapless.simserver.network.connections import Connections
from gapless.simserver.process import Process
from gapless.simserver.settings import ServerSettings


class ServedWorld(Protocol):
    """One conversation with its agent, as a server's handlers see it."""

    @property
    def settings(self) -> ServerSettings: ...
    @property
    def loop(self) -> Loop: ...
    @property
    def process(self) -> Process: ...
    @property
    def journal(self) -> Journal: ...
    @property
    def link(self) -> Link: ...
    @property
    def agent(self) -> Agent: ...
    @property
    def archive(self) -> Archive: ...
    @property
    def publisher(self) -> Publisher: ...
    @property
    def runs(self) -> AgentRuns: ...
    @property
    def connections(self) -> Connections: ...

    def now_s(self) -> float:
        """Virtual seconds since the world began."""
        ...

    def knows(self, conversation_id: str) -> bool:
        """Whether this is its conversation, and not deleted."""
        ...

    def send_message(self, text: str) -> None:
        """Take a user message."""
        ...

    def delete(self) -> None:
        """Delete the conversation."""
        ...
