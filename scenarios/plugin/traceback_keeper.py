"""Witness: stands between the harness and a client, changes nothing, and keeps the traceback of what it raises.

The harness makes a sentence of a crash, for it judges clients that it cannot see into. Whoever tests their own client
wants the line.
"""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Final, TypeVar

from gapless.scenarios.clients.contract import (
    Claim,
    ClientContext,
    ClientUnderTest,
    Event,
    Factory,
    GapIds,
    errors_of,
    opened,
)
from gapless.scenarios.clients import contract as clients
from gapless.scenarios.plugin import server_thread
from gapless.scenarios.running import script_player

T = TypeVar("T")
LINES_MAX: Final = 40
_OURS: Final = (script_player.__file__, clients.__file__, server_thread.__file__, __file__, contextlib.__file__)


class TracebackKeeper:
    """``crash``: the first error that is none of the client's own."""

    def __init__(self) -> None:
        self.crash: BaseException | None = None

    def saw(self, error: BaseException) -> None:
        """The client raised this."""
        self.crash = self.crash or script_player.leaves(error)[0]

    def testimony(self) -> str:
        """The traceback, from the client's own code on; empty when it never crashed."""
        if self.crash is None:
            return ""
        at = first = self.crash.__traceback__
        while at is not None:
            if at.tb_frame.f_code.co_filename in _OURS and at.tb_next is not None:
                first = at.tb_next
            at = at.tb_next
        told = traceback.format_exception(type(self.crash), self.crash, first)
        lines = "".join(told).rstrip().splitlines()
        return "\n".join(lines if len(lines) <= LINES_MAX else [lines[0], "  …", *lines[2 - LINES_MAX :]])

    def watching(self, factory: Factory) -> Factory:
        """The same factory, watched."""

        @asynccontextmanager
        async def watched(context: ClientContext) -> AsyncIterator[ClientUnderTest]:
            try:
                async with opened(factory, context) as client:
                    yield _Watched(client, self)
            except Exception as error:
                self.saw(error)
                raise

        return watched


class _Watched:
    def __init__(self, client: ClientUnderTest, keeper: TracebackKeeper) -> None:
        self._client, self._traceback_keeper = client, keeper

    @property
    def errors(self) -> tuple[type[Exception], ...]:
        return errors_of(self._client)

    async def attach(self) -> None:
        await self._seen(self._client.attach)

    async def send(self, text: str) -> None:
        await self._seen(lambda: self._client.send(text))

    async def run(self) -> Claim:
        return await self._seen(self._client.run)

    async def close(self) -> None:
        await self._seen(self._client.close)

    def held(self) -> Sequence[Event]:
        with self._seeing():
            return self._client.held()

    def gaps(self) -> Sequence[GapIds]:
        with self._seeing():
            return self._client.gaps()

    async def _seen(self, call: Callable[[], Awaitable[T]]) -> T:
        with self._seeing():
            return await call()

    @contextmanager
    def _seeing(self) -> Iterator[None]:
        try:
            yield
        except errors_of(self._client):
            raise
        except Exception as error:
            self._traceback_keeper.saw(error)
            raise
