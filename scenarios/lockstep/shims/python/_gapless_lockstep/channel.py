"""The messages to and from the harness: JSON with a binary tail, over two FIFOs. See docs/lockstep-protocol.md."""

from __future__ import annotations

import json
import os
import struct
import sys
from contextlib import suppress
from typing import Any

from . import real

PROTOCOL = 1
TAKEN_EXIT = 97
HEAD = struct.Struct(">II")


def stacks_file(directory: str) -> int:
    """A descriptor of the file in which this process, and each copy of it, says on SIGUSR1 where its threads are."""
    path = os.path.join(directory, "stacks.%d" % os.getpid())
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)


class Channel:
    """The two FIFOs of a directory, opened when they are first needed."""

    def __init__(self, directory: str) -> None:
        self._directory = directory
        self._to_harness = -1
        self._to_client = -1
        mark(os.path.join(directory, "loaded"))

    def open(self) -> None:
        """Take the channel, and exit when another process has it."""
        path = os.path.join(self._directory, "taken")
        try:
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            with open(path, encoding="ascii") as file:
                owner = file.read()
            if owner != str(os.getpid()):
                say("process %s of this command is the client already; a client is one process" % owner)
                os._exit(TAKEN_EXIT)
        except OSError:
            os._exit(0)  # the harness is gone
        else:
            real.write(fd, str(os.getpid()).encode())
            real.close(fd)
        self._to_harness = fifo(os.path.join(self._directory, "to-harness"), os.O_WRONLY)
        self._to_client = fifo(os.path.join(self._directory, "to-client"), os.O_RDONLY)

    @property
    def is_open(self) -> bool:
        """Has the harness been met?"""
        return self._to_harness >= 0

    def send(self, message: dict[str, Any], tail: bytes = b"") -> None:
        """Send a message; without a harness the process has nothing left to do, and exits."""
        self.send_bytes(json.dumps(message, separators=(",", ":")).encode(), tail)

    def send_bytes(self, text: bytes, tail: bytes = b"") -> None:
        """Send a message that is JSON already."""
        data = memoryview(HEAD.pack(len(text), len(tail)) + text + tail)
        try:
            while data:
                data = data[real.write(self._to_harness, data) :]
        except OSError:
            os._exit(0)

    def receive(self) -> tuple[dict[str, Any], bytes]:
        """The next message and its tail; at the end of the channel, the process exits."""
        text_bytes, tail_bytes = HEAD.unpack(self._read(HEAD.size))
        message: dict[str, Any] = json.loads(self._read(text_bytes))
        return message, self._read(tail_bytes)

    def _read(self, size_bytes: int) -> bytes:
        parts = bytearray()
        while len(parts) < size_bytes:
            part = real.read(self._to_client, min(size_bytes - len(parts), 1 << 20))
            if not part:
                os._exit(0)
            parts += part
        return bytes(parts)


def fifo(path: str, flags: int) -> int:
    """A descriptor of a FIFO, also when nobody has its other end: the harness may have gone during the imports.

    To open it for one direction alone waits for the other end. With both open there is one.
    """
    both = os.open(path, os.O_RDWR)
    try:
        return os.open(path, flags)
    finally:
        real.close(both)


def mark(path: str) -> None:
    """Create an empty file, if that is possible."""
    with suppress(OSError):
        real.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))


def flush() -> None:
    """Write what the program has printed; a program may have closed or replaced its standard streams."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):
            stream.flush()


def say(sentence: str) -> None:
    """One line on standard error."""
    flush()
    with suppress(OSError):
        real.write(2, ("gapless: %s\n" % sentence).encode("utf-8", "replace"))
