"""Standard input: lines that come from the harness. Standard output and error stay as they are."""

from __future__ import annotations

import importlib
import io
import os
import sys
from typing import Any

from .descriptors import Endpoint, endpoints
from .patching import put
from .scheduler import scheduler

_pyio: Any = importlib.import_module("_pyio")  # io, in Python: its locks are virtual


class StandardInput(Endpoint):
    """What lies behind file descriptor 0."""

    def __init__(self) -> None:
        super().__init__()
        self.buffer = bytearray()
        self.has_ended = False
        self.handles = 1

    def readable(self) -> bool:
        return bool(self.buffer) or self.has_ended

    def ended(self) -> bool:
        return self.has_ended

    def hung_up(self) -> bool:
        return self.has_ended

    def read(self, size_bytes: int) -> bytes:
        data = bytes(self.buffer[:size_bytes])
        del self.buffer[:size_bytes]
        return data

    def feed(self, line: str) -> None:
        """The harness says a line."""
        self.buffer += line.encode("utf-8", "surrogateescape") + b"\n"
        self.notify()

    def end(self) -> None:
        """The harness will say nothing more."""
        self.has_ended = True
        self.notify()


class RawInput(io.RawIOBase):
    """Standard input as a raw file."""

    name = "<stdin>"
    mode = "rb"

    def readable(self) -> bool:
        return True

    def fileno(self) -> int:
        return 0

    def isatty(self) -> bool:
        return False

    def readinto(self, buffer: Any) -> int:
        """Wait for a line, if there is none."""
        scheduler.point()
        if not stdin.readable():
            stdin.wait(stdin.readable, None)
        data = stdin.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


stdin = StandardInput()


def _fdopen(fd: Any, mode: str = "r", buffering: int = -1, encoding: Any = None, *args: Any, **options: Any) -> Any:
    return _open(fd, mode, buffering, encoding, *args, **options)


def _open(file: Any, mode: str = "r", buffering: int = -1, encoding: Any = None, *args: Any, **options: Any) -> Any:
    """`open`, to which file 0 and /dev/stdin are the virtual ones."""
    if (file == 0 and not isinstance(file, bool)) or file == "/dev/stdin":
        raw = RawInput()
        if "b" in mode:
            return raw if buffering == 0 else _pyio.BufferedReader(raw)
        return io.TextIOWrapper(_pyio.BufferedReader(raw), encoding or "utf-8", *args[:2])
    return _real_open(file, mode, buffering, encoding, *args, **options)


_real_open: Any = io.open


def install() -> None:
    """Replace standard input. The buffer is the one in Python, whose lock is virtual: two threads may read."""
    endpoints[0] = stdin
    encoding = getattr(sys.stdin, "encoding", None) or "utf-8"
    errors = getattr(sys.stdin, "errors", None) or "strict"
    text = io.TextIOWrapper(_pyio.BufferedReader(RawInput()), encoding, errors)
    text.mode = "r"  # type: ignore[misc]
    sys.stdin = sys.__stdin__ = text  # type: ignore[misc]
    import builtins

    put(builtins, open=_open)
    put(io, open=_open)
    put(os, fdopen=_fdopen)
