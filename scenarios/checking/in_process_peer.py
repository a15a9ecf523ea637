"""A client in this process, in another thread or event loop. A queue has the steps that it is asked for."""

from __future__ import annotations

from queue import SimpleQueue

import trio


class Inside:
    """``orders``: lines of the step protocol, then None at the end; any thread may take them."""

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
        """The client answers no more. Only the first call counts. Call it from trio's thread only."""
        if not self.ended.is_set():
            self.kind_of_end, self.failure = kind, failure
        self.ended.set()
