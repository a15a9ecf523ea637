"""The SDK before #1832. ``run()`` polls the conversation each second, and returns when REST reports an end.

REST reports the end before the socket has brought the last action and observation, so the tail is missing (R10).
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager

import trio

from gapless.scenarios.clients.baselines.follower import ENDED, Follower, opened
from gapless.scenarios.clients.baselines.wire import BaselineError, Rejected
from gapless.scenarios.clients.contract import Claim, ClientContext, ClientUnderTest

POLL_S = 1.0
RUN_TIMEOUT_S = 3600


class PollThenReturn(Follower):
    """Syncs again after it subscribed (since #1791). It takes events from the socket alone, the end from REST alone."""

    async def attach(self) -> None:
        """Sync, subscribe, sync again."""
        await super().attach()
        await self.sync()

    async def run(self) -> Claim:
        """Start a run and poll until REST reports a terminal status."""
        await self.wire.post_run()
        for _ in range(int(RUN_TIMEOUT_S / POLL_S)):
            await trio.sleep(POLL_S)
            try:
                status = await self.wire.status()
            except Rejected as error:
                if 400 <= error.status < 500 and error.status != 429:
                    raise
                continue
            except BaselineError:
                continue
            if status in ENDED:
                return Claim(status=status)
        raise BaselineError(f"the run did not end within {RUN_TIMEOUT_S} s")


def factory(context: ClientContext) -> AbstractAsyncContextManager[ClientUnderTest]:
    """The client, for the harness."""
    return opened(PollThenReturn, context)
