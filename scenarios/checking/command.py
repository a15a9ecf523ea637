"""A client as a command: a process in any language.

The lines of its standard output and of its report file are parsed as reports. All other output is shown to the user. A
command may crash, hang, flood or leave children behind: output is bounded, and at the end its whole process group is
killed.
"""

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
KEPT_LINES_MAX: Final = 40  # of the last output, for the sentence that says how it exited
TERMINATE_S: Final = 2.0
# How long output is read after the exit: a grandchild may keep the pipes open, and the report file may be long.
DRAIN_S: Final = 1.0
LOOK_S: Final = 0.02
_CHUNK_BYTES = 64 * 1024
_ERROR = re.compile(r"^[\w.]*(Error|Exception|Interrupt|panicked)\b")

Take = Callable[[Report | ProtocolError], None]
Show = Callable[[str], None]


class Command:
    """A running command. ``ended``: set when it has exited and its output is read."""

    kind_of_end = "Exit"

    def __init__(self, process: trio.Process, argv: Sequence[str]) -> None:
        self._process = process
        self._last_lines: deque[str] = deque(maxlen=KEPT_LINES_MAX)
        self.argv = tuple(argv)
        self.ended = trio.Event()

    @property
    def exit_code(self) -> int | None:
        """None while it runs; minus the number of the signal that killed it."""
        return self._process.returncode

    @property
    def failure(self) -> str:
        """How it failed, in words; empty while it runs and when it exited with 0."""
        code = self.exit_code
        if not code:
            return ""
        how = f"exit code {code}" if code > 0 else f"killed by {_signal_name(-code)}"
        return f"{how}; {_error_line(self._last_lines)}" if self._last_lines else how

    async def say(self, line: str) -> None:
        """Write a line to its standard input. It is no error when the command does not read it."""
        assert self._process.stdin is not None
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError), trio.move_on_after(1):
            await self._process.stdin.send_all(line.encode() + b"\n")

    async def hang_up(self) -> None:
        """Close its standard input."""
        assert self._process.stdin is not None
        await self._process.stdin.aclose()

    async def follow(self, report_file: Path, take: Take, show: Show) -> None:
        """Read its output until it has ended. Reports go to ``take``, other lines to ``show``."""

        def take_line(line: str) -> None:
            try:
                report = parse(line)
            except ProtocolError as error:
                take(error)
                return
            if report is None:
                show_line(line)
            else:
                take(report)

        def show_line(line: str) -> None:
            if line.strip():
                self._last_lines.append(line.strip())
                show(line)

        exited = trio.Event()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_tail, report_file, take_line, exited)
            async with trio.open_nursery() as reading:
                assert self._process.stdout is not None
                assert self._process.stderr is not None
                reading.start_soon(_read_lines, self._process.stdout, take_line)
                reading.start_soon(_read_lines, self._process.stderr, show_line)
                await self._process.wait()
                reading.cancel_scope.deadline = trio.current_time() + DRAIN_S
            exited.set()
            nursery.cancel_scope.deadline = trio.current_time() + DRAIN_S
        self.ended.set()


def _error_line(last_lines: Sequence[str]) -> str:
    """The last line that names an error, else the last line: some runtimes print a stack after the error."""
    return next((line for line in reversed(last_lines) if _ERROR.search(line)), last_lines[-1])


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


@asynccontextmanager
async def started(argv: Sequence[str], variables: Mapping[str, str]) -> AsyncIterator[Command]:
    """Start a command in a process group of its own. At the end of the block, what is left of the group is killed.

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


class _LineSplitter:
    """Splits bytes into lines. Of a line longer than ``LINE_BYTES_MAX``, only the beginning is kept."""

    def __init__(self, take_line: Callable[[str], None]) -> None:
        self._take_line = take_line
        self._parts: list[bytes] = []
        self._size_bytes = 0

    def feed(self, data: bytes) -> None:
        *whole, rest = data.split(b"\n")
        for line in whole:
            self._parts.append(line)
            self.end()
        self._size_bytes += len(rest)
        if self._size_bytes <= LINE_BYTES_MAX:
            self._parts.append(rest)

    def end(self) -> None:
        line = b"".join(self._parts).decode("utf-8", "replace").rstrip("\r")
        self._parts, self._size_bytes = [], 0
        if line:
            self._take_line(line)


async def _read_lines(stream: trio.abc.ReceiveStream, take_line: Callable[[str], None]) -> None:
    lines = _LineSplitter(take_line)
    try:
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            while data := await stream.receive_some(_CHUNK_BYTES):
                lines.feed(bytes(data))
    finally:
        lines.end()


async def _tail(path: Path, take_line: Callable[[str], None], exited: trio.Event) -> None:
    """Read the lines that are appended to a file. Ends at the end of the file once the command has exited."""
    lines = _LineSplitter(take_line)
    with path.open("rb") as file:
        try:
            while True:
                was_last = exited.is_set()
                data = file.read(_CHUNK_BYTES)
                lines.feed(data)
                if was_last and not data:
                    break
                await trio.sleep(0 if data else LOOK_S)  # without a pause while there is data: a command may write fast
        finally:
            lines.end()
