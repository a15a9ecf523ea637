"""Marks beside the paths that are taken only sometimes, so that a test campaign can tell which it never took.

    sometimes("attach: the cursor turned out unknown")
    sometimes("walk: the page limit was reached", self._pages_left <= 0)

A mark says that its place is reached somewhere, under some fault. Nobody listens unless asked to, and then a mark costs
one look-up. Names are literals, each in one place only, so that they can be listed without running anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_LISTENER: ContextVar[Callable[[str], None] | None] = ContextVar("gapless.syncclient.path_marks", default=None)


def sometimes(name: str, condition: object = True) -> None:
    """Say that the path called `name` is being taken, if `condition` holds."""
    listener = _LISTENER.get()
    if listener is not None and condition:
        listener(name)


@contextmanager
def listening(listener: Callable[[str], None]) -> Iterator[None]:
    """Call `listener` with the name of each path taken inside the block, and in the tasks that it starts."""
    token = _LISTENER.set(listener)
    try:
        yield
    finally:
        _LISTENER.reset(token)
