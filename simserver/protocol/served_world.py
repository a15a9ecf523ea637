"""The part of a world that the REST calls and the sockets use.

It is a protocol, so that the handlers need not import `gapless.simserver.world`, which imports them.
"""

from __future__ import annotations

from typing import Literal, Protocol

from gapless.simserver.conversation.agent import Agent
from gapless.simserver.conversation.archive import Archive
from gapless.simserver.conversation.publisher import Publisher
from gapless.simserver.conversation.runs import AgentRuns
from gapless.simserver.journal import Journal
from gapless.simserver.link import Link
from gapless.simserver.network.connections import Connections
from gapless.simserver.process import Process
from gapless.simserver.settings import ServerSettings

RuntimeState = Literal["available", "missing"]


class ServedWorld(Protocol):
    """A world, as the handlers see it. `gapless.simserver.world.World` is one."""

    @property
    def settings(self) -> ServerSettings: ...
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

    @property
    def runtime(self) -> RuntimeState:
        """Whether anything runs behind the sockets and the writes (R67)."""
        ...

    @property
    def can_resume(self) -> bool:
        """What ``runtime_info`` says of a runtime that is missing."""
        ...

    @property
    def is_leased(self) -> bool:
        """Whether the lease of a process that has died still hides the conversation (R64)."""
        ...

    def wake_by_write(self) -> None:
        """A write has come while the runtime is missing."""
        ...

    def navigate(self, back: int | None) -> None:
        """Move HEAD ``back`` branch events towards the root; None for before the first event."""
        ...

    def navigate_to(self, event_id: str | None) -> None:
        """Move HEAD to an event; None for before the first."""
        ...

    def fork(self) -> str:
        """Copy the conversation, and return the id of the copy."""
        ...

    def adopt(self, conversation_id: str) -> None:
        """Let the conversation have this id, if nothing is in it yet."""
        ...

    def confirm(self, *, accept: bool, reason: str = "rejected") -> None:
        """Answer the agent's question. Raises IllegalTransition when nothing waits for an answer."""
        ...

    def now_s(self) -> float:
        """Virtual seconds since the world began."""
        ...

    def has_conversation(self, conversation_id: str) -> bool:
        """Whether this is the conversation of this world and has not been deleted."""
        ...

    def send_message(self, text: str, *, client: int = 1) -> None:
        """Take a user message. client: which client sends it."""
        ...

    def delete(self) -> None:
        """Delete the conversation."""
        ...
