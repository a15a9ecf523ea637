"""Our own sync client as a client under test, used through its public API alone."""

from __future__ import annotations

import functools
import logging
import random
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import trio

from gapless import syncclient
from gapless.scenarios.clients.contract import Claim, ClientContext, ClientUnderTest, Event, GapIds


class GaplessClient:
    """Holds the conversation open in a task of its own, so that the deadline of a step does not end it."""

    errors: tuple[type[Exception], ...] = (syncclient.SyncError,)
    closes_all = True

    def __init__(self, context: ClientContext, nursery: trio.Nursery) -> None:
        self._context = context
        self._nursery = nursery
        self._closing = trio.Event()
        self._closed = trio.Event()
        self._conversation: syncclient.Conversation | None = None

    async def attach(self) -> None:
        """Open the conversation."""
        self._conversation = await self._nursery.start(self._keep_open)

    async def send(self, text: str) -> None:
        """Send a user message."""
        await self._open().send(text)

    async def run(self) -> Claim:
        """Run, and turn the report into a claim."""
        report = await self._open().run()
        is_whole_log = report.complete and report.covers == "log"
        return claim_of(report, _statistics(self._open().events) if is_whole_log else None)

    def history(self) -> AsyncIterator[Event]:
        """The client's own iteration over the whole log."""
        return self._open().history()

    async def close(self) -> None:
        """Close the conversation, and wait until it is closed."""
        self._closing.set()
        if self._conversation is not None:
            await self._closed.wait()

    def held(self) -> Sequence[Event]:
        """The client's own list of events."""
        return [] if self._conversation is None else self._conversation.events

    def gaps(self) -> Sequence[GapIds]:
        """The gaps in what it holds now."""
        if self._conversation is None:
            return ()
        return tuple((gap.after_id, gap.before_id) for gap in self._conversation.report().gaps)

    def _open(self) -> syncclient.Conversation:
        assert self._conversation is not None, "the script attaches first"
        return self._conversation

    async def _keep_open(self, task_status: trio.TaskStatus[syncclient.Conversation]) -> None:
        context = self._context
        certainty: syncclient.Certainty = "log" if context.certainty == "log" else "branch"
        async with syncclient.open_conversation(
            context.base_url,
            context.conversation_id,
            api_key=context.api_key,
            settings=syncclient.Settings(certainty=certainty).overridden(context.settings),
            subscriber=functools.partial(_deliver, context),
            store=None if context.store is None else context.store.setdefault("conversation", syncclient.MemoryStore()),
            transport=context.http_transport(),
            dial=context.dial,
            # A string seed is hashed with SHA-512, so Python's hash seed has no influence.
            draw=random.Random(f"{context.seed}/client").random,
        ) as conversation:
            task_status.started(conversation)
            await self._closing.wait()
        self._closed.set()


def claim_of(report: syncclient.SyncReport, statistics: Mapping[str, Any] | None = None) -> Claim:
    """The claim that a report makes. ``statistics``: those of the run, where the caller knows them."""
    return Claim(
        report.complete,
        report.covers,
        report.proof,
        report.status,
        report.notes,
        error=report.error or "",
        statistics=statistics,
        calls=report.spent.calls,
    )


def _statistics(events: Sequence[Event]) -> Mapping[str, Any] | None:
    """The last update of the statistics among events in the order of the log; None without any."""
    return next((event["value"] for event in reversed(events) if event.get("key") == "stats"), None)


class _Silent(logging.Filter):
    """Drops the client's log lines: they repeat the report, in the middle of our screen."""

    def filter(self, record: logging.LogRecord) -> bool:
        return False


@asynccontextmanager
async def _opened(context: ClientContext) -> AsyncIterator[ClientUnderTest]:
    log, silent = logging.getLogger("gapless.syncclient"), _Silent()  # each client has its own: two may overlap
    log.addFilter(silent)
    try:
        async with trio.open_nursery() as nursery:
            yield GaplessClient(context, nursery)
            nursery.cancel_scope.cancel()
    finally:
        log.removeFilter(silent)


def _deliver(context: ClientContext, event: Event, origin: syncclient.Origin) -> None:
    """Pass on a delivery. A newer version of an event that was delivered is no delivery of its own."""
    if origin != "update":
        context.on_event(event, origin == "repair")


def factory(context: ClientContext) -> AbstractAsyncContextManager[ClientUnderTest]:
    """The client, for the harness."""
    return _opened(context)
