"""One run of a client that is a command: its factory, and what is known of the run afterwards.

`CommandRun` is what the runner uses. `has_shim` says beforehand whether a command can be in virtual time at all.
"""

from __future__ import annotations

import json
import multiprocessing.util
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from gapless.scenarios.clients.contract import ClientContext
from gapless.scenarios.errors import UsageError
from gapless.scenarios.lockstep.client import LockstepClient, NotVirtual, Printed, ProgramWatch, factory
from gapless.scenarios.lockstep.process import POOL, NotAtRest, check_exists, environment
from gapless.scenarios.lockstep.protocol import Hello

SHIM_S_MAX: Final = 5.0  # of real time, until a shim says that it is loaded
PRINTED_MAX: Final = 2_000  # lines that are kept of one run: the first half and the last
PRINTED_SHOWN_MAX: Final = 40
PRINTED_COLUMNS_MAX: Final = 300
_LOOK_S: Final = 0.02
_NOWHERE: Final = "http://127.0.0.1:9"  # for a program that is started only to see whether it has a shim


@dataclass(frozen=True, slots=True)
class RanOn:
    """What a program runs on. ``runtime``: such as CPython 3.11.7; ``packages``: their versions."""

    runtime: str
    packages: Mapping[str, str]

    def differences(self, now: RanOn) -> Iterator[str]:
        """What has another version now, each as ``name old → new``."""
        if now.runtime != self.runtime:
            yield f"{self.runtime} → {now.runtime}"
        for name in sorted({*self.packages, *now.packages}):
            before, after = self.packages.get(name, "none"), now.packages.get(name, "none")
            if before != after:
                yield f"{name} {before} → {after}"


class CommandRun:
    """A factory for one run of a command, and afterwards what that run was.

    Raises UsageError when there is no such command.
    """

    watch = ProgramWatch

    def __init__(self, command: Sequence[str], switches: Sequence[tuple[int, int]] = ()) -> None:
        self._words = " ".join(command)
        self._factory = factory(command, switches=switches)
        self._client: LockstepClient | None = None
        self._refused: Exception | None = None
        _end_with_this_process(os.getpid())

    @asynccontextmanager
    async def __call__(self, context: ClientContext) -> AsyncIterator[LockstepClient]:
        try:
            async with self._factory(context) as client:
                self._client = client
                yield client
        except (NotVirtual, UsageError) as error:
            self._refused = error
            raise

    def check_virtual(self) -> None:
        """Raise UsageError when the program asked for something that cannot be virtual, or has no shim."""
        refused = self._refused
        if refused is None and self._client is not None and isinstance(self._client.error, NotVirtual):
            refused = self._client.error
        if isinstance(refused, UsageError):
            raise refused
        if refused is not None:
            why = str(refused).strip().rstrip(".")
            cure = "" if "real time" in why else "; `--clock real` runs it on a real port"
            raise UsageError(f"the command {self._words!r} cannot be in virtual time: {why}{cure}") from refused

    def printed(self) -> tuple[Printed, ...]:
        """What the program printed beside its answers, with the stacks of its threads when it did not come to rest."""
        client = self._client
        if client is None:
            return _bounded(self._factory.early or _lines_of(self._factory.before))
        stalled = client.stalled
        if stalled is None or not isinstance(client.error, NotAtRest):
            return _bounded(client.printed)
        t_s = client.printed[-1].t_s if client.printed else 0.0
        told = (f"it waits for {stalled.what}", *stalled.stacks.splitlines())
        return _bounded([*client.printed, *(Printed(t_s, "stderr", line) for line in told)])

    @property
    def switched(self) -> int:
        """How many switches of threads had an effect: another thread went on than the first that came."""
        return 0 if self._client is None else self._client.switched

    def ran_on(self) -> RanOn | None:
        """What it runs on; None when it ended before its shim could say."""
        hello: Hello | None = None if self._client is None else self._client.hello
        return None if hello is None else RanOn(hello.runtime, dict(sorted(hello.packages.items())))


def _bounded(printed: Sequence[Printed]) -> tuple[Printed, ...]:
    # In which order two pipes were written at one moment is not known, so it is always the same here.
    printed = sorted(printed, key=lambda one: (one.t_s, one.stream != "stdout"))
    if len(printed) <= PRINTED_MAX:
        return tuple(printed)
    half = PRINTED_MAX // 2
    left_out = Printed(printed[half].t_s, "stderr", f"… {len(printed) - 2 * half} lines are left out here …")
    return (*printed[:half], left_out, *printed[-half:])


def _lines_of(parts: Sequence[tuple[str, bytes]]) -> list[Printed]:
    """What was written before the first wait, stream by stream."""
    return [
        Printed(0.0, stream, line.decode("utf-8", "replace"))
        for stream in ("stdout", "stderr")
        for line in b"".join(data for one, data in parts if one == stream).splitlines()
    ]


def with_printed(lines: Sequence[str], printed: Sequence[Printed]) -> tuple[str, ...]:
    """A journal's lines, with what the client printed among them, for drawings.

    The lines that are added have no ``index``: they are no entries of the journal, and not part of its digest.
    """
    if not printed:
        return tuple(lines)
    rows = [(json.loads(line)["t_s"], 0, line) for line in lines]
    rows += [(one.t_s, 1, _printed_line(one)) for one in printed]
    return tuple(line for _, _, line in sorted(rows, key=lambda row: row[:2]))


def _printed_line(one: Printed) -> str:
    row = {"place": "client", "t_s": round(one.t_s, 6), "text": one.text, "what": one.stream}
    return json.dumps(row, sort_keys=True, separators=(",", ":"))


def printed_lines(printed: Sequence[Printed]) -> Iterator[str]:
    """What the client printed, with the virtual time of each line. Of a long text, the end is shown."""
    if not printed:
        return
    left_out = len(printed) - PRINTED_SHOWN_MAX
    yield "  printed by the client" + (
        f" (its last {PRINTED_SHOWN_MAX} lines of {len(printed)})" if left_out > 0 else ""
    )
    for one in printed[-PRINTED_SHOWN_MAX:]:
        text = "".join(part if part.isprintable() or part == "\t" else "·" for part in one.text[:PRINTED_COLUMNS_MAX])
        yield f"    {one.t_s:9.3f} s  {text}"


# --- before a run ----------------------------------------------------------------------------------------------------


def label_of(words: Sequence[str]) -> str:
    """The name of a command's client: its last word that is a file, without the directory; else its first word."""
    files = [Path(word).name for word in words if Path(word).is_file()]
    return files[-1] if files else Path(words[0]).name


@cache
def has_shim(command: tuple[str, ...]) -> bool:
    """Whether a shim is loaded when the command is started. It is started for that, and killed at once.

    A command without a shim is given `SHIM_S_MAX` seconds of real time. Raises UsageError when it cannot be started.
    """
    check_exists(command[0])
    with tempfile.TemporaryDirectory(prefix="gapless-shim-") as directory:
        variables = {"GAPLESS_URL": _NOWHERE, "GAPLESS_CONVERSATION_ID": "none"}
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=environment(os.environ, variables, directory),
                start_new_session=True,
            )
        except OSError as error:
            raise UsageError(f"the command {command[0]!r} cannot be started ({error.strerror})") from error
        try:
            return _is_loaded(process, Path(directory) / "loaded")
        finally:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _is_loaded(process: subprocess.Popen[bytes], loaded: Path) -> bool:
    until_s = time.monotonic() + SHIM_S_MAX
    while time.monotonic() < until_s:
        has_ended = process.poll() is not None
        if loaded.exists():
            return True
        if has_ended:
            return False
        time.sleep(_LOOK_S)
    return False


@cache
def _end_with_this_process(pid: int) -> None:
    """End the programs that are kept when this process ends, also when it is a worker, which runs no exit handlers."""
    multiprocessing.util.Finalize(None, POOL.close, exitpriority=0)
