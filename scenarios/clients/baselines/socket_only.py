"""One REST sync at attach, then only the socket. First versions of clients are often like this.

It never reconciles. So it loses events between sync and subscription (R01), frames lost in a swallowed send error
(R30), and everything during an outage (R34). It accepts the first terminal status as the end of the run.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager

import trio

from gapless.scenarios.clients.baselines.follower import ENDED, Follower, opened, status_in
from gapless.scenarios.clients.contract import Claim, ClientContext, ClientUnderTest, Event

RUN_TIMEOUT_S = 3600


class SocketOnly(Follower):
    """Returns from ``run()`` at the first terminal status on the socket."""

    def __init__(self, context: ClientContext, nursery: trio.Nursery) -> None:
        super().__init__(context, nursery)
        self._ended = trio.Event()
        self._status: str | None = None

    async def run(self) -> Claim:
        """Start a run, wait for its end on the socket, return."""
        self._ended = trio.Event()
        await self.wire.post_run()
        with trio.move_on_after(RUN_TIMEOUT_S):
            await self._ended.wait()
        return Claim(status=self._status)

    def on_frame(self, event: Event) -> None:
        """End the run at the first terminal status."""
        status = status_in(event)
        if status in ENDED:
            self._status = status
            self._ended.set()


def factory(context: ClientContext) -> AbstractAsyncContextManager[ClientUnderTest]:
    """The client, for the harness."""
    return opened(SocketOnly, context)
