"""ClientUnderTest: what the harness asks of a client, whatever it is made of.

A client is given as a *factory*: called with a ``ClientContext``, it answers an async context manager.
Every client in ``CLIENTS`` is such a factory, and ``--client package.module:factory`` names any other.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import httpx
import trio

Event = Mapping[str, Any]
OnEvent = Callable[[Event, bool], None]
GapIds = tuple[str | None, str | None]


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

    ``errors`` are the exceptions by which it gives up in a typed way; any other counts as a crash. A client without
    them never gives up so.
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

    def gaps(self) -> Sequence[GapIds]:
        """The gaps that it declares: what lies strictly between two ids, None being the log's own end."""
        ...


Factory = Callable[[ClientContext], AbstractAsyncContextManager[ClientUnderTest]]

_METHODS: Final = ("attach", "send", "run", "close", "held", "gaps")


@asynccontextmanager
async def opened(factory: Factory, context: ClientContext) -> AsyncIterator[ClientUnderTest]:
    """What a factory makes. Raises TypeError, in a sentence, when it is no client, beside whatever the factory does."""
    manager: object = factory(context)
    if not isinstance(manager, AbstractAsyncContextManager):
        raise TypeError(
            f"the factory answered {type(manager).__name__}, which is no async context manager; "
            "decorate an async generator with contextlib.asynccontextmanager"
        )
    async with manager as client:
        missing = [name for name in _METHODS if not callable(getattr(client, name, None))]
        if missing:
            raise TypeError(
                f"the factory's client, {type(client).__name__}, has no {'(), '.join(missing)}(); "
                f"a client needs {'(), '.join(_METHODS)}()"
            )
        errors_of(client)
        yield client


def errors_of(client: ClientUnderTest) -> tuple[type[Exception], ...]:
    """The errors by which it gives up; a client that names none has none. Raises TypeError for what are none."""
    errors: object = getattr(client, "errors", ())
    named = errors if isinstance(errors, tuple) else (errors,)
    if not all(isinstance(one, type) and issubclass(one, Exception) for one in named):
        raise TypeError(f"errors is {errors!r}; it must be a tuple of exception types")
    return named


def held_by(client: ClientUnderTest) -> list[str]:
    """The ids of what it says that it holds. Raises TypeError when it says what are no events."""
    held: object = client.held()
    if isinstance(held, str | bytes) or not isinstance(held, Iterable):
        raise TypeError(f"held() answered {type(held).__name__}, and not the events that it holds")
    try:
        return [str(event["id"]) for event in held]
    except (KeyError, TypeError, IndexError):
        raise TypeError("held() answered what are no events: each is a mapping with an id") from None


def gaps_of(client: ClientUnderTest) -> list[list[str | None]]:
    """The gaps that it declares. Raises TypeError when they are none."""
    gaps: object = client.gaps()
    if not isinstance(gaps, Iterable) or not all(isinstance(one, tuple | list) and len(one) == 2 for one in gaps):
        raise TypeError("gaps() answered what are no gaps: each is a pair of ids, or None for the log's own end")
    return [list(one) for one in gaps]
