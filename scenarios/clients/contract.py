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

from gapless.scenarios.judging.content import content_digest

Event = Mapping[str, Any]
OnEvent = Callable[[Event, bool | None], None]
GapIds = tuple[str | None, str | None]


@dataclass(frozen=True, slots=True)
class Claim:
    """What a client reports when ``run()`` returns.

    ``complete``: whether it holds every event. None makes no claim; the return then counts as saying that nothing is
    missing. ``covers``: what the claim is about, ``branch`` or ``log``. ``proof``: the certificate behind the claim.
    ``status``: the execution status at the end of the run. ``notes``: remarks for the journal.
    ``error``: the code or the text of the error that ended the run; empty when the client reports that there was none.
    ``statistics``: the conversation's statistics, as the last update of them has it. ``calls``: REST calls for events,
    their number or the conversation since ``attach()`` was called, failed ones too.

    Each field is optional. A client that leaves one at None is not judged by it, and the report lists that.
    """

    complete: bool | None = None
    covers: str | None = None
    proof: str | None = None
    status: str | None = None
    notes: tuple[str, ...] = ()
    error: str | None = None
    statistics: Mapping[str, Any] | None = None
    calls: int | None = None


@dataclass(frozen=True, slots=True)
class ClientContext:
    """What a client is given: the way into the simulated network, and what the scenario asks of the client.

    ``dial(host, port)`` opens a byte stream and ``http_transport()`` returns a transport for httpx; both lead into the
    simulated network. ``seed``: for random choices of the client. ``certainty``: the events that the client must be
    sure of, ``branch`` or ``log``. ``on_event(event, repaired)``: the client calls it once for each event that reaches
    the application; ``repaired`` marks an event that a repair found, None does not say. ``settings``: the scenario's
    settings for our own client; other clients ignore them. ``store``: what outlives a kill, in scripts with
    ``reopen``; None in all others. A client that keeps the conversation puts what it keeps there, and finds it when it
    is opened again.
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
    without this attribute has no typed errors. A client whose attribute ``says_deliveries`` is False when it is closed
    never said which events reach its application, and is not judged by that. One whose ``closes_all`` is True has
    no connection left when ``close()`` returns, and is judged by that. Others may leave some to their context manager.
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
        """The persisted events that the client holds, in its own order. Snapshots do not belong here.

        An event that is more than its id is compared with the log's newest version of it.
        """
        ...

    def gaps(self) -> Sequence[GapIds] | None:
        """The gaps that the client declares: everything strictly between two ids. None is an end of the log.

        The method is optional. A client without it, or one that answers None, cannot declare gaps.
        """
        ...


class ReadsHistory(Protocol):
    """A client that can read the whole log. Only such a client can run scenarios with the step ``history``."""

    def history(self) -> AsyncIterator[Event]:
        """The log in its order, from its head to its end at that time. Raises a typed error rather than end early."""
        ...


class NoHistory(Exception):
    """Raised by ``history()`` of a client that turns out to have nothing to read the whole log with."""


Factory = Callable[[ClientContext], AbstractAsyncContextManager[ClientUnderTest]]

_METHODS: Final = ("attach", "send", "run", "close", "held")


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


def held_with_digests(client: ClientUnderTest) -> list[tuple[str, str | None]]:
    """The ids of the events that the client holds, each with the digest of its content; None where it has only the id.

    Raises TypeError when ``held()`` returns something else.
    """
    held: object = client.held()
    if isinstance(held, str | bytes) or not isinstance(held, Iterable):
        raise TypeError(f"held() answered {type(held).__name__}, and not the events that it holds")
    try:
        return [(str(event["id"]), _digest(event)) for event in held]
    except (KeyError, TypeError, IndexError):
        raise TypeError("held() answered what are no events: each is a mapping with an id") from None


def _digest(event: object) -> str | None:
    # Most are dicts, and to ask an abstract class takes as long as half of a digest.
    return content_digest(event) if type(event) is dict or isinstance(event, Mapping) else None


def gaps_of(client: ClientUnderTest) -> list[list[str | None]] | None:
    """The gaps that the client declares; None when it cannot declare any.

    Raises TypeError when ``gaps()`` returns something else.
    """
    declare = getattr(client, "gaps", None)
    gaps: object = declare() if callable(declare) else None
    if gaps is None:
        return None
    if not isinstance(gaps, Iterable) or not all(isinstance(one, tuple | list) and len(one) == 2 for one in gaps):
        raise TypeError("gaps() answered what are no gaps: each is a pair of ids, or None for the log's own end")
    return [list(one) for one in gaps]


def history_of(client: ClientUnderTest) -> Callable[[], AsyncIterator[Event]] | None:
    """How the client reads the whole log; None when it cannot."""
    history = getattr(client, "history", None)
    return history if callable(history) else None
