"""Keeps the traceback of a client that crashes. Wraps the client, and changes nothing of what it does.

The journal has a crash only as one sentence. A user who tests a client needs the line of code too.
"""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Final, TypeVar

from gapless.scenarios.clients import contract as clients
from gapless.scenarios.clients.contract import (
    Claim,
    ClientContext,
    ClientUnderTest,
    Event,
    Factory,
    GapIds,
    errors_of,
    history_of,
    opened,
)
from gapless.scenarios.plugin import server_thread
from gapless.scenarios.running import script_player

T = TypeVar("T")
LINES_MAX: Final = 40
_OURS: Final = (script_player.__file__, clients.__file__, server_thread.__file__, __file__, contextlib.__file__)


class TracebackKeeper:
    """``crash``: the first exception that is not one of the client's ``errors``; else None."""

    def __init__(self) -> None:
        self.crash: BaseException | None = None

    def saw(self, error: BaseException) -> None:
        """Keep the exception, if it is the first."""
        self.crash = self.crash or script_player.leaves(error)[0]

    def testimony(self) -> str:
        """The traceback, from the first frame of the client's code on. Empty when the client did not crash."""
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
        """A factory whose clients are watched."""

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
        await self._call(self._client.attach)

    async def send(self, text: str) -> None:
        await self._call(lambda: self._client.send(text))

    async def run(self) -> Claim:
        return await self._call(self._client.run)

    async def close(self) -> None:
        await self._call(self._client.close)

    def held(self) -> Sequence[Event]:
        with self._keeping_crash():
            return self._client.held()

    def gaps(self) -> Sequence[GapIds] | None:
        with self._keeping_crash():
            declare = getattr(self._client, "gaps", None)
            return declare() if callable(declare) else None

    @property
    def history(self) -> Callable[[], AsyncIterator[Event]] | None:
        return history_of(self._client)

    async def _call(self, call: Callable[[], Awaitable[T]]) -> T:
        with self._keeping_crash():
            return await call()

    @contextmanager
    def _keeping_crash(self) -> Iterator[None]:
        try:
            yield
        except errors_of(self._client):
            raise
        except Exception as error:
            self._traceback_keeper.saw(error)
            raise
