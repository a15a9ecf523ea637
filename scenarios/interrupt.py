"""Ctrl-C, taken as a wish: the run under way is finished (it takes a moment), then nothing new is begun.

A KeyboardInterrupt in the middle of a simulation would come up wrapped in exception groups, out of whichever task was
running, client's or server's. A second Ctrl-C interrupts at once, and comes up as a KeyboardInterrupt whatever it was
wrapped in.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

INTERRUPTED_EXIT_CODE = 130
_SAID = b"\nstopping when what is under way is done; Ctrl-C again stops at once\n"
_STANDARD_ERROR = 2


class Stop:
    """Whether the user asked to stop, and whether they insisted."""

    def __init__(self) -> None:
        self.asked = False
        self.insisted = False


@contextmanager
def stoppable() -> Iterator[Stop]:
    """For the length of the block, the first Ctrl-C only sets ``asked``. Raises KeyboardInterrupt on the second."""
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return

    def handle(number: int, frame: FrameType | None) -> None:
        if stop.asked:
            stop.insisted = True
            raise KeyboardInterrupt
        stop.asked = True
        # Past Python's buffers: a handler may have interrupted somebody who is writing to them.
        os.write(_STANDARD_ERROR, _SAID)

    before = signal.signal(signal.SIGINT, handle)
    try:
        yield stop
    except BaseException as error:
        if stop.insisted:
            raise KeyboardInterrupt from error
        raise
    finally:
        signal.signal(signal.SIGINT, before)
