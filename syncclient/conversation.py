"""The face: open a conversation, send, run, read its events."""

from __future__ import annotations

import os
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import httpx
import trio

from gapless.syncclient.core.actions import Origin
from gapless.syncclient.core.core import SyncCore
from gapless.syncclient.errors import RunTimedOut, SyncError
from gapless.syncclient.history import History
from gapless.syncclient.network.driver import Driver
from gapless.syncclient.network.http_and_websocket import Dial, Network
from gapless.syncclient.network.plain_nursery import open_plain_nursery
from gapless.syncclient.report import SyncReport
from gapless.syncclient.settings import Settings
from gapless.syncclient.stores.store import Store
from gapless.syncclient.wire import Generation, LogEvent

Subscriber = Callable[[LogEvent, Origin], None]
"""Gets each event exactly once, and where it came from: history, live, or repair."""


class Conversation:
    """One followed conversation. Made by `open_conversation`."""

    def __init__(self, driver: Driver, core: SyncCore, subscribers: list[Subscriber], settings: Settings) -> None:
        self._settings = settings
        self._driver = driver
        self._core = core
        self._subscribers = subscribers
        self._is_running = False

    async def send(self, text: str) -> None:
        """Send a user message; it starts no run.

        Raises `SendUnconfirmed` if the answer was lost, and other `SyncError`s.
        """
        await self._driver.send(text)

    async def run(self, **overrides: float) -> SyncReport:
        """Let the agent run, and return when that run is over and its events are proven held, or as far as they could
        be.

        `overrides` are settings for this run alone, for example `run(run_timeout_s=60)`. Returns a `SyncReport`; look
        at `complete`. Raises `RunTimedOut` at `run_timeout_s`, `SettingsError`, and other `SyncError`s.
        """
        settings = self._settings.overridden(overrides) if overrides else None
        if self._is_running:
            raise SyncError("this conversation is running already; await the first run() before the next")
        self._is_running = True
        try:
            finished = await self._driver.run(settings)
        finally:
            self._is_running = False
        if finished.timed_out:
            raise RunTimedOut("the run did not end in time; see report", report=finished.report)
        return finished.report

    @property
    def events(self) -> list[LogEvent]:
        """Every event whose payload is in memory, in the log's order, each once and whole.

        That is every event held, until they are more than `window_bytes_max`; `report().unloaded` says which are held
        and not here, `report().gaps` where events are not held at all. `history()` gives those too.
        """
        return self._core.ledger.ordered()

    def history(self) -> AsyncIterator[LogEvent]:
        """The whole log in order from its head, each event once and whole; gaps are read page by page on the way.

            async for event in conversation.history(): ...

        Stop whenever you like: nothing is read ahead. Events from a gap are delivered to subscribers, once, with origin
        `history`. Runs and repairs go first. What is new in the log when its end is reached is part of it. Raises
        `SyncError`s; see `History`.
        """
        return History(self._core, self._driver)

    def report(self) -> SyncReport:
        """What is known at this moment; it claims completeness only as the result of `run()`."""
        return self._driver.report()

    def subscribe(self, subscriber: Subscriber) -> None:
        """Have `subscriber` called with each event to come, exactly once, repaired ones too (R62)."""
        self._subscribers.append(subscriber)


@asynccontextmanager
async def open_conversation(
    base_url: str,
    conversation_id: str,
    *,
    api_key: str | None = None,
    settings: Settings | None = None,
    generation: Generation | None = None,
    subscriber: Subscriber | None = None,
    store: Store | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
    dial: Dial | None = None,
    draw: Callable[[], float] = random.random,
) -> AsyncIterator[Conversation]:
    """Follow a conversation for the time of a `with` block; on entering, its head and tail are held.

    `store` keeps what is held beyond this block, and beyond the end of this process: whoever opens the conversation
    with it again goes on from there, see `gapless.syncclient.stores.store`. Each event is kept before it is delivered.
    An event that was kept, and whose delivery was not noted any more, is delivered again with origin `resumed`; nothing else is.

    `generation` None asks the server which protocol it speaks. `subscriber` gets every event from the first on.
    `transport` and `dial` replace TCP; `draw` (0 to 1) gives the jitter of backoff. Raises `SyncError`s.
    """
    settings = settings or Settings.from_environment(os.environ)
    network = Network(base_url, settings, api_key=api_key, http_transport=transport, dial=dial)
    core = SyncCore(settings, draw=draw, is_saved=store is not None)
    subscribers = [subscriber] if subscriber is not None else []

    def deliver(event: LogEvent, origin: Origin) -> None:
        for each in subscribers:
            each(event, origin)

    try:
        async with open_plain_nursery() as nursery:
            driver = Driver(
                core,
                network,
                nursery,
                conversation_id=conversation_id,
                settings=settings,
                deliver=deliver,
                store=store,
            )
            try:
                await driver.attach(generation)
                yield Conversation(driver, core, subscribers, settings)
            finally:
                driver.close()
    finally:
        with trio.CancelScope(shield=True):
            await network.aclose()
