"""Marks for paths that are taken only sometimes, so that a test campaign can report the paths that it never took.

    sometimes("attach: the cursor turned out unknown")
    sometimes("walk: the page limit was reached", self._pages_left <= 0)

A mark claims that some fault makes the client take this path. Without a listener, a mark costs one look-up. Names are
literals, and each name occurs once, so that all names can be listed without running anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_LISTENER: ContextVar[Callable[[str], None] | None] = ContextVar("gapless.syncclient.path_marks", default=None)


def sometimes(name: str, condition: object = True) -> None:
    """Report that the path `name` is taken, if `condition` is true."""
    listener = _LISTENER.get()
    if listener is not None and condition:
        listener(name)


@contextmanager
def listening(listener: Callable[[str], None]) -> Iterator[None]:
    """Call `listener` with the name of each path that is taken in the block, or in tasks that the block starts."""
    token = _LISTENER.set(listener)
    try:
        yield
    finally:
        _LISTENER.reset(token)
