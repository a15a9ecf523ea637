"""The design of #1865. It reconciles from the last cached event instead of rereading everything.

Three assumptions break it. It assumes that everything before the last cached event is cached (R11). It uses that event
as a cursor even when it is a snapshot, which is no valid cursor (R12). It skips the first item of the page as the echo
of the cursor, which is right only on an inclusive server (R50).
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager, aclosing

import trio

from gapless.scenarios.clients.baselines.follower import ENDED, Follower, opened, status_in
from gapless.scenarios.clients.baselines.wire import BaselineError
from gapless.scenarios.clients.contract import Claim, ClientContext, ClientUnderTest, Event

RUN_TIMEOUT_S = 3600


class TailCursor(Follower):
    """Cheap, and correct only while no event is late."""

    def __init__(self, context: ClientContext, nursery: trio.Nursery) -> None:
        super().__init__(context, nursery)
        self._ended = trio.Event()
        self._status: str | None = None

    async def attach(self) -> None:
        """Sync, subscribe, reconcile the tail."""
        await super().attach()
        await self.reconcile()

    async def reconcile(self) -> None:
        """Read on from the last cached event. A failure is swallowed."""
        cursor = self.cache[-1]["id"] if self.cache else None
        try:
            async with aclosing(self.wire.pages(cursor)) as pages:
                async for page in pages:
                    echo = 1 if cursor is not None else 0
                    self.keep_all(page.items[echo:], repaired=True)
                    cursor = None
        except BaselineError:
            return

    async def run(self) -> Claim:
        """Start a run, wait for its end on the socket, reconcile the tail."""
        self._ended = trio.Event()
        await self.wire.post_run()
        with trio.move_on_after(RUN_TIMEOUT_S):
            await self._ended.wait()
        await self.reconcile()
        return Claim(status=self._status)

    def on_frame(self, event: Event) -> None:
        """End the run at any terminal status, in a snapshot or in a status update."""
        status = status_in(event)
        if status in ENDED:
            self._status = status
            self._ended.set()


def factory(context: ClientContext) -> AbstractAsyncContextManager[ClientUnderTest]:
    """The client, for the harness."""
    return opened(TailCursor, context)
