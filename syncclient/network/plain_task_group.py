"""A task group that does not wrap the error of its block in an exception group.

So callers can write `except ConversationNotFound`; they need not know that the client runs tasks. An error of such a
task is a bug of the client, and is still raised in a group.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import anyio

if TYPE_CHECKING:
    from anyio.abc import TaskGroup


@asynccontextmanager
async def open_plain_task_group() -> AsyncIterator[TaskGroup]:
    """A task group that is cancelled at the end of its block."""
    error: BaseException | None = None
    async with anyio.create_task_group() as tasks:
        try:
            yield tasks
        except (Exception, KeyboardInterrupt, SystemExit) as raised:  # raised again, below
            error = raised
        tasks.cancel_scope.cancel()
    if error is not None:
        raise error
