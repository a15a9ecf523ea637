"""A nursery whose block raises its own error plainly, not inside an exception group.

Callers of a library write `except ConversationNotFound`, and are to be right; that tasks run behind the scenes is no
business of theirs. An error of such a task is our bug, and still comes as a group.
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
