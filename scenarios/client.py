"""ClientUnderTest: what the harness asks of a client, whatever it is made of.

A client is given as a *factory*: called with a ``ClientContext``, it answers an async context manager.
Every client in ``CLIENTS`` is such a factory, and ``--client package.module:factory`` names any other.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

import httpx
import trio

Event = Mapping[str, Any]
OnEvent = Callable[[Event, bool], None]
Gap = tuple[str | None, str | None]


@dataclass(frozen=True, slots=True)
class Claim:
    """What a client says when ``run()`` returns.

    ``complete`` is None for a client that claims nothing (and so silently claims that all is well).
    ``covers``: ``branch`` or ``log``; ``proof``: by which certificate; ``status``: the execution status it
    saw.
    """

    complete: bool | None = None
    covers: str | None = None
    proof: str | None = None
    status: str | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ClientContext:
    """The world as the client sees it.

    ``dial(host, port)`` opens a stream, ``http_transport()`` answers a transport for httpx; both lead into
    the simulated network. ``certainty`` says how much the client is asked to be sure of: ``branch`` or
    ``log``. ``on_event(event, repaired)`` is to be called once for each event that reaches the application.
    ``settings`` are the scenario's for our own client.
    """

    base_url: str
    conversation_id: str
    api_key: str | None
    dial: Callable[[str, int], Awaitable[trio.abc.Stream]]
    http_transport: Callable[[], httpx.AsyncBaseTransport]
    seed: int
    certainty: str
    on_event: OnEvent
    settings: Mapping[str, bool | int] = field(default_factory=dict)


class ClientUnderTest(Protocol):
    """The steps of a script, and what the client holds.

    ``errors`` are the exceptions by which it gives up in a typed way; any other counts as a crash.
    """

    @property
    def errors(self) -> tuple[type[Exception], ...]: ...

    async def attach(self) -> None:
        """Come to hold the conversation's past and follow its present."""
        ...

    async def send(self, text: str) -> None:
        """Send a user message, without starting a run."""
        ...

    async def run(self) -> Claim:
        """Start a run and return when it has ended."""
        ...

    async def close(self) -> None:
        """Let go of everything."""
        ...

    def held(self) -> Sequence[Event]:
        """The persisted events that it holds, in its own order; snapshots that it keeps beside them are
        left out.
        """
        ...

    def gaps(self) -> Sequence[Gap]:
        """The gaps that it declares: what lies strictly between two ids, None being the log's own end."""
        ...


Factory = Callable[[ClientContext], AbstractAsyncContextManager[ClientUnderTest]]
