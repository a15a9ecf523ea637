"""The SDK today (1.57). It rereads the whole history to be sure that nothing is missing.

Attach fetches the log before and after it subscribes. ``run()`` waits for a snapshot whose status is not running, and
accepts even the ``idle`` of a subscribe snapshot (R15). Meanwhile it polls REST each second. When REST has reported an
end for 30 s and no snapshot came, it stops waiting (R17). Then it reads the whole log again. When that fails half way,
it keeps what it got and returns (R55). Events are sorted by timestamp, snapshots included.
"""

from __future__ import annotations

from bisect import bisect_right
from contextlib import AbstractAsyncContextManager, aclosing

import trio

from gapless.scenarios.clients.baselines.follower import Follower, opened, status_in
from gapless.scenarios.clients.baselines.wire import BaselineError, Rejected, is_snapshot
from gapless.scenarios.clients.contract import Claim, ClientContext, ClientUnderTest, Event

POLL_S = 1.0
FALLBACK_S = 30.0
RUN_TIMEOUT_S = 3600.0
# The REST statuses that end a run. As in the SDK, paused and waiting for confirmation are not among them (R17).
TERMINAL = frozenset({"finished", "error", "stuck"})


class FullRescan(Follower):
    """Loses nothing as long as the snapshot is right. A run costs ⌈N/100⌉ calls, with N events in the log."""

    def __init__(self, context: ClientContext, nursery: trio.Nursery) -> None:
        super().__init__(context, nursery)
        self._armed = False
        self._to_run, self._from_socket = trio.open_memory_channel[str](100)

    async def attach(self) -> None:
        """Sync, subscribe, reconcile."""
        await super().attach()
        await self.reconcile()

    async def reconcile(self) -> None:
        """Read the whole log and keep what is new. A failure is swallowed; the pages read before it are kept."""
        try:
            async with aclosing(self.wire.pages()) as pages:
                async for page in pages:
                    self.keep_all(page.items, repaired=True)
        except BaselineError:
            return

    async def run(self) -> Claim:
        """Start a run, wait for its end, reread the whole log."""
        self._drain()
        await self.wire.post_run()
        self._armed = True
        try:
            status = await self._end_of_run()
        finally:
            self._armed = False
        await self.reconcile()
        return Claim(status=status)

    async def _end_of_run(self) -> str:
        began_s = trio.current_time()
        ended_since_s: float | None = None
        while trio.current_time() - began_s < RUN_TIMEOUT_S:
            with trio.move_on_after(POLL_S):
                return await self._from_socket.receive()
            status = await self._poll()
            if status not in TERMINAL:
                ended_since_s = None
                continue
            ended_since_s = trio.current_time() if ended_since_s is None else ended_since_s
            if trio.current_time() - ended_since_s >= FALLBACK_S:
                return str(status)
        raise BaselineError(f"the run did not end within {RUN_TIMEOUT_S:g} s")

    async def _poll(self) -> str | None:
        try:
            return await self.wire.status()
        except Rejected as error:
            if 400 <= error.status < 500 and error.status != 429:
                raise
        except BaselineError:
            pass
        return None

    def on_frame(self, event: Event) -> None:
        """End the run at any snapshot whose status is not running, even at one that greets a new subscription."""
        status = status_in(event)
        if self._armed and is_snapshot(event) and status not in (None, "running"):
            self._to_run.send_nowait(status)

    def insert(self, event: Event) -> None:
        """Put a new event into the cache by its timestamp."""
        at = bisect_right(self.cache, str(event["timestamp"]), key=lambda one: str(one["timestamp"]))
        self.cache.insert(at, event)

    def _drain(self) -> None:
        while self._from_socket.statistics().current_buffer_used:
            self._from_socket.receive_nowait()


def factory(context: ClientContext) -> AbstractAsyncContextManager[ClientUnderTest]:
    """The client, for the harness."""
    return opened(FullRescan, context)
