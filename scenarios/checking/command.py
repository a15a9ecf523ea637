"""Command: a process in any language. Its lines come in as reports, everything else that it says is shown; it may
crash, hang, flood or leave children behind, and is over when we say so."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

import trio

from gapless.scenarios.errors import UsageError
from gapless.scenarios.serving.step_protocol import ProtocolError, Report, parse

LINE_BYTES_MAX: Final = 32 * 1024 * 1024  # 60,000 ids are 2.4 MB
KEPT_LINES_MAX: Final = 40
TERMINATE_S: Final = 2.0
DRAIN_S: Final = 1.0  # a grandchild may keep the pipes of a process open that has ended, and its file may be long
LOOK_S: Final = 0.02
_CHUNK_BYTES = 64 * 1024
_ERROR = re.compile(r"^[\w.]*(Error|Exception|Interrupt|panicked)\b")

Take = Callable[[Report | ProtocolError], None]
Show = Callable[[str], None]


class Command:
    """A running command. ``ended``: it has exited and all that it said was read."""

    kind_of_end = "Exit"

    def __init__(self, process: trio.Process, argv: Sequence[str]) -> None:
        self._process = process
        self._last_words: deque[str] = deque(maxlen=KEPT_LINES_MAX)
        self.argv = tuple(argv)
        self.ended = trio.Event()

    @property
    def exit_code(self) -> int | None:
        """None while it runs; minus the signal, when one killed it."""
        return self._process.returncode

    @property
    def failure(self) -> str:
        """How it exited, in words; empty when it did well."""
        code = self.exit_code
        if not code:
            return ""
        how = f"exit code {code}" if code > 0 else f"killed by {_signal_name(-code)}"
        return f"{how}; {_telling(self._last_words)}" if self._last_words else how

    async def say(self, line: str) -> None:
        """Write a line to its standard input; a command that does not listen is not an error."""
        assert self._process.stdin is not None
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError), trio.move_on_after(1):
            await self._process.stdin.send_all(line.encode() + b"\n")

    async def hang_up(self) -> None:
        """Its standard input ends here."""
        assert self._process.stdin is not None
        await self._process.stdin.aclose()

    async def follow(self, report_file: Path, take: Take, show: Show) -> None:
        """Read all that it says until it has ended: reports to ``take``, other lines to ``show``."""

        def heard(line: str) -> None:
            try:
                report = parse(line)
            except ProtocolError as error:
                take(error)
                return
            if report is None:
                said(line)
            else:
                take(report)

        def said(line: str) -> None:
            if line.strip():
                self._last_words.append(line.strip())
                show(line)

        exited = trio.Event()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_tail, report_file, heard, exited)
            async with trio.open_nursery() as reading:
                assert self._process.stdout is not None
                assert self._process.stderr is not None
                reading.start_soon(_read_lines, self._process.stdout, heard)
                reading.start_soon(_read_lines, self._process.stderr, said)
                await self._process.wait()
                reading.cancel_scope.deadline = trio.current_time() + DRAIN_S
            exited.set()
            nursery.cancel_scope.deadline = trio.current_time() + DRAIN_S
        self.ended.set()


def _telling(last_words: Sequence[str]) -> str:
    """The last line that names an error, for after it some runtimes print a stack, or who they are; else the last."""
    return next((line for line in reversed(last_words) if _ERROR.search(line)), last_words[-1])


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


@asynccontextmanager
async def started(argv: Sequence[str], variables: Mapping[str, str]) -> AsyncIterator[Command]:
    """Start a command in a process group of its own; whatever is left of the group is killed at the end of the block.

    Raises UsageError when it cannot be started.
    """
    try:
        process = await trio.lowlevel.open_process(
            list(argv),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=dict(variables),
            start_new_session=True,
        )
    except OSError as error:
        cure = "name its interpreter, or make it executable" if isinstance(error, PermissionError) else "check its name"
        raise UsageError(f"the command {argv[0]!r} cannot be started ({error.strerror}); {cure}") from error
    try:
        yield Command(process, argv)
    finally:
        with trio.CancelScope(shield=True):
            _signal(process, signal.SIGTERM)
            with trio.move_on_after(TERMINATE_S):
                await process.wait()
            _signal(process, signal.SIGKILL)
            await process.wait()
            for pipe in (process.stdin, process.stdout, process.stderr):
                if pipe is not None:
                    await trio.aclose_forcefully(pipe)


def _signal(process: trio.Process, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


class _Lines:
    """Cuts bytes into lines."""

    def __init__(self, heard: Callable[[str], None]) -> None:
        self._heard = heard
        self._parts: list[bytes] = []
        self._size_bytes = 0

    def feed(self, data: bytes) -> None:
        *whole, rest = data.split(b"\n")
        for line in whole:
            self._parts.append(line)
            self.end()
        self._size_bytes += len(rest)
        if self._size_bytes <= LINE_BYTES_MAX:  # of a longer line, only the beginning is kept: it is no report any more
            self._parts.append(rest)

    def end(self) -> None:
        line = b"".join(self._parts).decode("utf-8", "replace").rstrip("\r")
        self._parts, self._size_bytes = [], 0
        if line:
            self._heard(line)


async def _read_lines(stream: trio.abc.ReceiveStream, heard: Callable[[str], None]) -> None:
    lines = _Lines(heard)
    try:
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            while data := await stream.receive_some(_CHUNK_BYTES):
                lines.feed(bytes(data))
    finally:
        lines.end()


async def _tail(path: Path, heard: Callable[[str], None], exited: trio.Event) -> None:
    """What is appended to a file, line by line, up to where it ends when nobody appends any more."""
    lines = _Lines(heard)
    with path.open("rb") as file:
        try:
            while True:
                was_last = exited.is_set()
                data = file.read(_CHUNK_BYTES)
                lines.feed(data)
                if was_last and not data:
                    break
                await trio.sleep(0 if data else LOOK_S)  # a command may write faster than its lines are understood
        finally:
            lines.end()
