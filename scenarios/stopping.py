"""Ctrl-C, taken as a wish: the run under way is finished (it takes a moment), then nothing new is begun.

A KeyboardInterrupt in the middle of a simulation would come up wrapped in exception groups, out of whichever task was
running, client's or server's. A second Ctrl-C interrupts at once.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Stop:
    """Whether the user asked to stop."""

    def __init__(self) -> None:
        self.asked = False


@contextmanager
def stoppable() -> Iterator[Stop]:
    """For the length of the block, the first Ctrl-C only sets ``asked``."""
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return

    def handle(number: int, frame: FrameType | None) -> None:
        if stop.asked:
            raise KeyboardInterrupt
        stop.asked = True

    before = signal.signal(signal.SIGINT, handle)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)
