"""Ctrl-C as a request to stop: the run under way is finished, which takes a moment, and no other is started.

A KeyboardInterrupt in the middle of a simulation would be raised in whichever task is running, the client's or the
server's, and would arrive wrapped in exception groups. So the first Ctrl-C only sets a flag. A second Ctrl-C interrupts
at once, and always arrives as a plain KeyboardInterrupt.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

INTERRUPTED_EXIT_CODE = 130
_NOTICE = b"\nstopping when what is under way is done; Ctrl-C again stops at once\n"
_STANDARD_ERROR = 2


class Stop:
    """``asked``: the user pressed Ctrl-C. ``insisted``: the user pressed it a second time."""

    def __init__(self) -> None:
        self.asked = False
        self.insisted = False


@contextmanager
def stoppable() -> Iterator[Stop]:
    """Within the block, the first Ctrl-C only sets ``asked``. Raises KeyboardInterrupt on the second.

    Outside the main thread nothing changes, because Python handles signals in the main thread alone.
    """
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return

    def handle(number: int, frame: FrameType | None) -> None:
        if stop.asked:
            stop.insisted = True
            raise KeyboardInterrupt
        stop.asked = True
        # Bypasses Python's buffers: the handler may have interrupted code that is writing to them.
        os.write(_STANDARD_ERROR, _NOTICE)

    before = signal.signal(signal.SIGINT, handle)
    try:
        yield stop
    except BaseException as error:
        if stop.insisted:
            raise KeyboardInterrupt from error
        raise
    finally:
        signal.signal(signal.SIGINT, before)
