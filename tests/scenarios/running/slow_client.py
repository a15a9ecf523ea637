"""A client that takes its time: each step begins a drawn delay after it was asked for."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import trio

from gapless.scenarios.clients.contract import Claim, ClientContext, ClientUnderTest, Factory


class SlowClient:
    """``client``, whose steps begin up to ``delay_s_max`` later. Everything else is the client's own."""

    def __init__(self, client: ClientUnderTest, seed: str, delay_s_min: float, delay_s_max: float) -> None:
        self._client = client
        self._random = random.Random(seed)
        self._bounds_s = (delay_s_min, delay_s_max)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    async def attach(self) -> None:
        await self._delay()
        await self._client.attach()

    async def send(self, text: str) -> None:
        await self._delay()
        await self._client.send(text)

    async def run(self) -> Claim:
        await self._delay()
        return await self._client.run()

    async def _delay(self) -> None:
        await trio.sleep(self._random.uniform(*self._bounds_s))


def slow(factory: Factory, seed: str, *, delay_s_min: float = 0.0, delay_s_max: float = 3.0) -> Factory:
    """The factory of a client that takes its time. The delays are drawn from ``seed``."""

    @asynccontextmanager
    async def slowed(context: ClientContext) -> AsyncIterator[ClientUnderTest]:
        async with factory(context) as client:
            yield SlowClient(client, seed, delay_s_min, delay_s_max)

    return slowed
