"""Looks a client up by name: our own, a baseline, ``mutant:NAME``, or ``package.module:factory``."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gapless.scenarios.clients import ours
from gapless.scenarios.clients.baselines import full_rescan, poll_then_return, socket_only, tail_cursor
from gapless.scenarios.clients.contract import ClientContext, ClientUnderTest, Factory
from gapless.scenarios.clients.loading import import_factory
from gapless.scenarios.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from gapless.scenarios.mutation.mutants import Mutant


@dataclass(frozen=True, slots=True)
class KnownClient:
    """A client with a name, its factory, and one line about it."""

    name: str
    factory: Factory
    about: str


DEFAULT = "gapless"
CLIENTS: tuple[KnownClient, ...] = (
    KnownClient(DEFAULT, ours.factory, "our own sync client"),
    KnownClient("socket-only", socket_only.factory, "one sync at attach, then the socket"),
    KnownClient("poll-then-return", poll_then_return.factory, "the SDK before #1832"),
    KnownClient("tail-cursor", tail_cursor.factory, "the design of #1865"),
    KnownClient("full-rescan", full_rescan.factory, "the SDK today"),
)
MUTANT = "mutant:"


def resolve(name: str) -> Factory:
    """The factory of the client ``name``: one of ``CLIENTS``, ``mutant:NAME``, or ``package.module:factory``.

    Raises UsageError when there is no such client.
    """
    known = next((client for client in CLIENTS if client.name == name), None)
    if known is not None:
        return known.factory
    if name.startswith(MUTANT):
        return _mutated(find_mutant(name.removeprefix(MUTANT)))
    if ":" in name:
        return import_factory(name)
    names = [client.name for client in CLIENTS]
    cure = did_you_mean(name, names, f"choose {', '.join(names)}, or package.module:factory")
    raise UsageError(f"no client is called {name!r}; {cure}")


def find_mutant(name: str) -> Mutant:
    """The mutant called ``name``. Raises UsageError when there is none."""
    from gapless.scenarios.mutation.mutants import MUTANTS

    known = next((mutant for mutant in MUTANTS if mutant.name == name), None)
    if known is None:
        cure = did_you_mean(name, (mutant.name for mutant in MUTANTS), "`gapless mutants` shows what there is")
        raise UsageError(f"no mutant is called {name!r}; {cure}")
    return known


def _mutated(mutant: Mutant) -> Factory:
    base = resolve(mutant.base)
    with mutant.plant():
        pass  # a mutant that no longer fits raises here; in a run it would look like a failure of the client

    @asynccontextmanager
    async def factory(context: ClientContext) -> AsyncIterator[ClientUnderTest]:
        with mutant.plant():
            async with base(context) as client:
                yield client

    return factory
