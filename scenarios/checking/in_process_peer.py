"""Inside: a peer in this process. What it is asked lies in a queue, for a thread or an event loop that is not ours."""

from __future__ import annotations

from queue import SimpleQueue

import trio


class Inside:
    """``orders``: lines of the protocol, and None when nothing more will be asked; any thread may take them."""

    def __init__(self) -> None:
        self.orders: SimpleQueue[str | None] = SimpleQueue()
        self.ended = trio.Event()
        self.failure = ""
        self.kind_of_end = "Exit"

    async def say(self, line: str) -> None:
        """Ask for a step."""
        self.orders.put(line)

    async def hang_up(self) -> None:
        """Nothing more will be asked."""
        self.orders.put(None)

    def end(self, kind: str = "Exit", failure: str = "") -> None:
        """It answers no more; the first reason that is given counts. From trio's thread only."""
        if not self.ended.is_set():
            self.kind_of_end, self.failure = kind, failure
        self.ended.set()
