"""A nursery that does not wrap the error of its block in an exception group.

So callers can write `except ConversationNotFound`; they need not know that the client runs tasks. An error of such a
task is a bug of the client, and is still raised in a group.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio


@asynccontextmanager
async def open_plain_nursery() -> AsyncIterator[trio.Nursery]:
    """A nursery that is cancelled at the end of its block."""
    error: Exception | None = None
    async with trio.open_nursery() as nursery:
        try:
            yield nursery
        except Exception as raised:  # whatever the block raises is raised again, below
            error = raised
        nursery.cancel_scope.cancel()
    if error is not None:
        raise error
