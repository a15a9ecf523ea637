"""What the baselines share: a client that caches what the socket brings, and reconnects. They differ in the rest."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Any

import trio
import trio_websocket

from gapless.scenarios.clients.baselines.wire import BaselineError, Wire, is_snapshot
from gapless.scenarios.clients.contract import Claim, ClientContext, Event, GapIds

READY_TIMEOUT_S = 30
RECONNECT_S_MAX = 30
ENDED = frozenset({"finished", "error", "stuck", "paused", "waiting_for_confirmation"})


class Follower:
    """Caches each event once, in the order of arrival. Reconnects with a doubling delay, and refetches nothing."""

    errors: tuple[type[Exception], ...] = (BaselineError,)

    def __init__(self, context: ClientContext, nursery: trio.Nursery) -> None:
        self.context = context
        self.wire = Wire(context)
        self.cache: list[Event] = []
        self.cached_ids: set[str] = set()
        self._nursery = nursery
        self._ready = trio.Event()

    async def attach(self) -> None:
        """One sync over REST, then the socket."""
        await self.sync()
        await self.subscribe()

    async def sync(self) -> None:
        """Fetch the whole log and keep it."""
        async with aclosing(self.wire.pages()) as pages:
            async for page in pages:
                self.keep_all(page.items, repaired=False)

    async def subscribe(self) -> None:
        """Start listening, and wait for the first state event."""
        self._nursery.start_soon(self._listen)
        with trio.move_on_after(READY_TIMEOUT_S) as scope:
            await self._ready.wait()
        if scope.cancelled_caught:
            raise BaselineError(f"the socket was not ready after {READY_TIMEOUT_S} s")

    async def send(self, text: str) -> None:
        """Send a user message."""
        await self.wire.post_message(text)

    async def run(self) -> Claim:
        """Each strategy implements it."""
        raise NotImplementedError

    async def close(self) -> None:
        """Stop listening."""
        self._nursery.cancel_scope.cancel()
        await self.wire.close()

    def held(self) -> Sequence[Event]:
        """The cached events without the snapshots."""
        return [event for event in self.cache if not is_snapshot(event)]

    async def history(self) -> AsyncIterator[Event]:
        """Read the whole log again, page by page."""
        async with aclosing(self.wire.pages()) as pages:
            async for page in pages:
                for event in page.items:
                    yield event

    def gaps(self) -> Sequence[GapIds]:
        """Always empty: the baselines keep no account of gaps."""
        return ()

    def keep_all(self, events: Iterable[dict[str, Any]], *, repaired: bool) -> None:
        """Cache and deliver the events that are not cached yet."""
        for event in events:
            self.keep(event, repaired=repaired)

    def keep(self, event: Event, *, repaired: bool) -> None:
        """Cache an event and deliver it to the application, unless it is cached already."""
        if event["id"] in self.cached_ids:
            return
        self.cached_ids.add(event["id"])
        self.insert(event)
        self.context.on_event(event, repaired)

    def insert(self, event: Event) -> None:
        """Put a new event into the cache: at the end, which is the order of arrival."""
        self.cache.append(event)

    def on_frame(self, event: Event) -> None:
        """Called for each event from the socket once it is cached. Strategies override it."""

    async def _listen(self) -> None:
        delay_s = 1.0
        while True:
            try:
                async with self.wire.socket() as connection:
                    delay_s = 1.0
                    await self._read(connection)
            except* (
                BaselineError,
                trio_websocket.ConnectionClosed,
                trio_websocket.HandshakeError,
                trio.BrokenResourceError,
            ):
                pass
            await trio.sleep(delay_s)
            delay_s = min(2 * delay_s, RECONNECT_S_MAX)

    async def _read(self, connection: trio_websocket.WebSocketConnection) -> None:
        while True:
            try:
                event = json.loads(await connection.get_message())
            except ValueError:
                continue
            if event.get("kind") == "ConversationStateUpdateEvent":
                self._ready.set()
            self.keep(event, repaired=False)
            self.on_frame(event)


def status_in(event: Event) -> str | None:
    """The execution status in a snapshot or a status update; None for any other event."""
    if event.get("key") == "execution_status":
        return str(event["value"])
    if is_snapshot(event):
        status = event["value"].get("execution_status")
        return None if status is None else str(status)
    return None


@asynccontextmanager
async def opened(strategy: type[Follower], context: ClientContext) -> AsyncIterator[Follower]:
    """A client with this strategy, and a nursery for its listener."""
    async with trio.open_nursery() as nursery:
        yield strategy(context, nursery)
        nursery.cancel_scope.cancel()
