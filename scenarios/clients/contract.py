"""What the harness asks of a client, whatever the client is made of.

A client is given as a *factory*: a callable that takes a `ClientContext` and returns an async context manager. The
context manager yields a `ClientUnderTest`. Every client in ``CLIENTS`` has such a factory, and
``--client package.module:factory`` takes any other.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, MutableMapping, Sequence
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
    """What a client reports when ``run()`` returns.

    ``complete``: whether it holds every event. None makes no claim; the return then counts as saying that nothing is
    missing. ``covers``: what the claim is about, ``branch`` or ``log``. ``proof``: the certificate behind the claim.
    ``status``: the execution status at the end of the run. ``notes``: remarks for the journal.
    """

    complete: bool | None = None
    covers: str | None = None
    proof: str | None = None
    status: str | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ClientContext:
    """What a client is given: the way into the simulated network, and what the scenario asks of the client.

    ``dial(host, port)`` opens a byte stream and ``http_transport()`` returns a transport for httpx; both lead into the
    simulated network. ``seed``: for random choices of the client. ``certainty``: the events that the client must be
    sure of, ``branch`` or ``log``. ``on_event(event, repaired)``: the client calls it once for each event that reaches
    the application; ``repaired`` marks an event that a repair found. ``settings``: the scenario's settings for our own
    client; other clients ignore them. ``store``: what outlives a kill, in scripts with ``reopen``; None in all others.
    A client that keeps the conversation puts what it keeps there, and finds it when it is opened again.
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
    store: MutableMapping[str, Any] | None = None


class ClientUnderTest(Protocol):
    """The steps that a script can ask for, and what the client holds.

    ``errors``: the exceptions by which a step fails in a typed way. Any other exception counts as a crash. A client
    without this attribute has no typed errors.
    """

    @property
    def errors(self) -> tuple[type[Exception], ...]: ...

    async def attach(self) -> None:
        """Fetch the conversation's past, as far as the client keeps it, and follow it from then on."""
        ...

    async def send(self, text: str) -> None:
        """Send a user message, without starting a run."""
        ...

    async def run(self) -> Claim:
        """Start a run and return when it has ended."""
        ...

    async def close(self) -> None:
        """Release everything."""
        ...

    def held(self) -> Sequence[Event]:
        """The persisted events that the client holds, in its own order. Snapshots do not belong here."""
        ...

    def gaps(self) -> Sequence[GapIds]:
        """The gaps that the client declares: everything strictly between two ids. None is an end of the log."""
        ...


Factory = Callable[[ClientContext], AbstractAsyncContextManager[ClientUnderTest]]

_METHODS: Final = ("attach", "send", "run", "close", "held", "gaps")


@asynccontextmanager
async def opened(factory: Factory, context: ClientContext) -> AsyncIterator[ClientUnderTest]:
    """The client that a factory makes. Raises TypeError with one sentence when it makes no client.

    Errors of the factory itself pass through.
    """
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
    """The client's typed errors; none without the attribute. Raises TypeError when ``errors`` is something else."""
    errors: object = getattr(client, "errors", ())
    named = errors if isinstance(errors, tuple) else (errors,)
    if not all(isinstance(one, type) and issubclass(one, Exception) for one in named):
        raise TypeError(f"errors is {errors!r}; it must be a tuple of exception types")
    return named


def held_by(client: ClientUnderTest) -> list[str]:
    """The ids of the events that the client holds. Raises TypeError when ``held()`` returns something else."""
    held: object = client.held()
    if isinstance(held, str | bytes) or not isinstance(held, Iterable):
        raise TypeError(f"held() answered {type(held).__name__}, and not the events that it holds")
    try:
        return [str(event["id"]) for event in held]
    except (KeyError, TypeError, IndexError):
        raise TypeError("held() answered what are no events: each is a mapping with an id") from None


def gaps_of(client: ClientUnderTest) -> list[list[str | None]]:
    """The gaps that the client declares. Raises TypeError when ``gaps()`` returns something else."""
    gaps: object = client.gaps()
    if not isinstance(gaps, Iterable) or not all(isinstance(one, tuple | list) and len(one) == 2 for one in gaps):
        raise TypeError("gaps() answered what are no gaps: each is a pair of ids, or None for the log's own end")
    return [list(one) for one in gaps]
