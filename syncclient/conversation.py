"""The public interface: open a conversation, send, run, read its events."""

from __future__ import annotations

import os
import random
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from types import TracebackType
from typing import TYPE_CHECKING

import anyio

from gapless.syncclient.core.actions import Origin
from gapless.syncclient.core.core import SyncCore
from gapless.syncclient.errors import RunTimedOut, SyncError
from gapless.syncclient.history import History
from gapless.syncclient.network.driver import Driver
from gapless.syncclient.network.event_loop import supported_loop
from gapless.syncclient.network.plain_task_group import open_plain_task_group
from gapless.syncclient.network.transport import Dial
from gapless.syncclient.report import SyncReport
from gapless.syncclient.settings import Settings
from gapless.syncclient.stores.store import Store
from gapless.syncclient.wire import Generation, LogEvent

if TYPE_CHECKING:
    import httpx

Subscriber = Callable[[LogEvent, Origin], None]
"""Called with each event, exactly once, and with its origin."""


class Conversation:
    """A conversation that is being followed. `open_conversation` makes it."""

    def __init__(self, driver: Driver, core: SyncCore, subscribers: list[Subscriber], settings: Settings) -> None:
        self._settings = settings
        self._driver = driver
        self._core = core
        self._subscribers = subscribers
        self._is_running = False

    async def send(self, text: str) -> None:
        """Send a user message. This starts no run.

        Raises `SendUnconfirmed` if the answer was lost, and other `SyncError`s.
        """
        await self._driver.send(text)

    async def run(self, **overrides: float) -> SyncReport:
        """Let the agent run. Return when the run is over and its events are proven held.

        What could not be proven in time is reported: look at `complete` of the `SyncReport`. `overrides` are settings
        for this run only, for example `run(run_timeout_s=60)`. Raises `RunTimedOut` at `run_timeout_s`,
        `SettingsError`, and other `SyncError`s.
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
        """Every event whose payload is in memory, in the order of the log, each once.

        These are all events held, until their payloads exceed `window_bytes_max`. `report().unloaded` lists the events
        that are held without a payload. `report().gaps` lists where events are not held at all. `history()` returns
        both kinds too.
        """
        return self._core.ledger.ordered()

    def history(self) -> AsyncIterator[LogEvent]:
        """Iterate over the whole log in order from its head, each event once. Gaps are read page by page on the way.

            async for event in conversation.history(): ...

        You may stop at any event: nothing is read ahead. Events from a gap are delivered to subscribers, once, with
        origin `history`. Runs and repairs have priority over these pages. Events that are appended meanwhile are
        included. Raises `SyncError`s; see `History`.
        """
        return History(self._core, self._driver)

    def report(self) -> SyncReport:
        """What is known at this moment. Only the report that `run()` returns can claim completeness."""
        return self._driver.report()

    def subscribe(self, subscriber: Subscriber) -> None:
        """Call `subscriber` with each event from now on, exactly once, repaired ones too (R62).

        If an event comes again with newer content, it is called once more, with origin `update`. If a subscriber
        raises, the client stops, and its calls raise `SubscriberFailed`.
        """
        self._subscribers.append(subscriber)


class OpenConversation(AbstractAsyncContextManager[Conversation]):
    """The block in which a conversation is followed, as `open_conversation` returns it."""

    def __init__(self, block: AbstractAsyncContextManager[Conversation]) -> None:
        self._block = block

    async def __aenter__(self) -> Conversation:
        return await self._block.__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        return await self._block.__aexit__(kind, error, trace)

    if not TYPE_CHECKING:  # a checker finds that these are missing; at run time the cure is said

        def __enter__(self):
            raise TypeError(f"open_conversation() needs `async with`{_OR_BLOCKING}")

        def __exit__(self, *_):
            """Never reached."""

        def __await__(self):
            raise TypeError(f"open_conversation() is not awaited; use it with `async with`{_OR_BLOCKING}")


_OR_BLOCKING = "; without an event loop, use `with gapless.open_conversation_blocking(…)`"


def open_conversation(
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
) -> OpenConversation:
    """Follow a conversation during an `async with` block, on asyncio or trio. `open_conversation_blocking` is its like
    without an event loop.

    When the block begins, the head and the tail of the log are held. Cancellation is the loop's own: of the task on
    asyncio, by a scope on trio.

    - `store`: keeps what is held after this block, and after the end of the process. A later client that opens the
      conversation with the same store goes on from there. Each event is stored before it is delivered. An event that
      was stored, but whose delivery was not recorded, is delivered again with origin `resumed`; no other event is
      delivered twice.
    - `generation`: the protocol of the server; None asks the server.
    - `subscriber`: is called with every event from the first on.
    - `transport` and `dial`: replace TCP. They run on the loop that runs here; see `Dial`.
    - `draw`: returns numbers from 0 to 1, for the jitter of backoff.

    Raises `SyncError`s, among them `WrongLoop` where the client cannot run.
    """
    return OpenConversation(
        _followed(base_url, conversation_id, api_key, settings, generation, subscriber, store, transport, dial, draw)
    )


@asynccontextmanager
async def _followed(
    base_url: str,
    conversation_id: str,
    api_key: str | None,
    settings: Settings | None,
    generation: Generation | None,
    subscriber: Subscriber | None,
    store: Store | None,
    transport: httpx.AsyncBaseTransport | None,
    dial: Dial | None,
    draw: Callable[[], float],
) -> AsyncIterator[Conversation]:
    # httpx takes most of the time that an import of the client would take. It is not loaded before it is used.
    from gapless.syncclient.network.http_and_websocket import Network

    supported_loop()
    settings = settings or Settings.from_environment(os.environ)
    network = Network(base_url, settings, api_key=api_key, http_transport=transport, dial=dial)
    core = SyncCore(settings, draw=draw, is_saved=store is not None)
    subscribers = [subscriber] if subscriber is not None else []

    def deliver(event: LogEvent, origin: Origin) -> None:
        for each in subscribers:
            each(event, origin)

    try:
        async with open_plain_task_group() as tasks:
            driver = Driver(
                core,
                network,
                tasks,
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
        with anyio.CancelScope(shield=True):
            await network.aclose()
