"""A program with a shim in it, from the harness's side: its channel, its pipes, and its end.

All of it is synchronous: while the program runs, no virtual time passes, and nothing else has to happen. What it
prints is read meanwhile, for a full pipe would block it outside of virtual time.

A program that forks is kept between runs, with the imports that it has paid for.
"""

from __future__ import annotations

import atexit
import os
import selectors
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from gapless.scenarios.errors import UsageError
from gapless.scenarios.lockstep.program_stacks import ProgramPlace, outermost, shown
from gapless.scenarios.lockstep.protocol import (
    HEAD,
    MESSAGE_BYTES_MAX,
    Ended,
    FromShim,
    Hello,
    LockstepError,
    Refused,
    StartRun,
    ToShim,
    decode,
    encode,
)

SHIMS: Final = Path(__file__).parent / "shims"
IMPORT_S_MAX: Final = 60.0  # of real time, until a program waits for the first time
SPIN_S_MAX: Final = 10.0  # of processor time at one place of the program, before it waits for the first time
PROBED_AFTER_S: Final = 3.0  # of processor time, since it has read anything: then it is asked where it is
REST_S_MAX: Final = 30.0  # of real time, until it waits again
STACKS_S: Final = 1.0
STARVED_MAX: Final = 10  # times as long for a program that would compute, where others have the processors
STARVED_SHARE: Final = 0.5  # of the looks at it: one that is ready to run less often waits for something
KEPT_MAX: Final = 4
_CHUNK_BYTES: Final = 64 * 1024
_LOOK_S: Final = 0.005
_WATCH_S: Final = 0.1
_READY: Final = "RD"  # states in which a thread computes, or would
_STACKS: Final = "stacks."  # and a process id: the file in which a shim tells where its threads are
_ANSWER_S: Final = 0.5
_PROXIES: Final = ("http_proxy", "https_proxy", "all_proxy", "ftp_proxy", "ws_proxy", "wss_proxy")

Said = Callable[[str, bytes], None]  # which stream, what


class NotAtRest(LockstepError):
    """A program that went on in real time: it waits for something that is not virtual, or computes without an end."""


class NotShimmed(UsageError):
    """A command in which no shim answers."""


def environment(around: Mapping[str, str], variables: Mapping[str, str], directory: str) -> dict[str, str]:
    """The environment in which a shim is loaded: by Python from PYTHONPATH, by Node from NODE_OPTIONS.

    No proxy comes in between.
    """
    kept = {
        name: value
        for name, value in around.items()
        if not name.startswith("GAPLESS_") and name.lower() not in (*_PROXIES, "no_proxy")
    }
    paths = [str(SHIMS / "python"), *filter(None, [around.get("PYTHONPATH")])]
    node = str(SHIMS / "node" / "lockstep.cjs").replace("\\", "\\\\").replace('"', '\\"')
    options = [f'--require="{node}"', *filter(None, [around.get("NODE_OPTIONS")])]
    return kept | {
        "NO_PROXY": "*",
        "no_proxy": "*",
        "PYTHONPATH": os.pathsep.join(paths),
        "PYTHONHASHSEED": "0",
        "NODE_OPTIONS": " ".join(options),
        "GAPLESS_LOCKSTEP": directory,
        **variables,
    }


class ProgramProcess:
    """A running program. hello: what its shim said, once it has; exit_code: of the process, None while it runs."""

    def __init__(self, command: Sequence[str], variables: Mapping[str, str]) -> None:
        """Start it. Raises UsageError when it cannot be started."""
        check_exists(command[0])
        self.command = tuple(command)
        self.variables = dict(variables)
        self.directory = os.getcwd()
        self._source: list[tuple[int, int] | None] = []
        self.hello: Hello | None = None
        self.said: Said = _unheard
        self.refused: str | None = None
        self._directory = tempfile.mkdtemp(prefix="gapless-lockstep-")
        self._buffer = bytearray()
        self._is_over = self._is_cleared = False
        os.mkfifo(self._path("to-harness"), 0o600)
        os.mkfifo(self._path("to-client"), 0o600)
        # Opened so that neither blocks while the other side is not there yet.
        self._from_client = os.open(self._path("to-harness"), os.O_RDONLY | os.O_NONBLOCK)
        self._to_client = os.open(self._path("to-client"), os.O_RDWR)
        try:
            self._process = subprocess.Popen(
                _at_fixed_addresses(self.command),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=environment(os.environ, variables, self._directory),
                start_new_session=True,
            )
        except OSError as error:
            self._clear_away()
            raise UsageError(f"the command {command[0]!r} cannot be started ({error.strerror})") from error
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._pipes = {self._process.stdout.fileno(): "stdout", self._process.stderr.fileno(): "stderr"}
        self._selector = selectors.DefaultSelector()
        for fd in self._pipes:
            os.set_blocking(fd, False)
            self._selector.register(fd, selectors.EVENT_READ)
        self._selector.register(self._from_client, selectors.EVENT_READ)

    def __repr__(self) -> str:
        return f"Process({self._process.pid}, {' '.join(self.command)})"

    @property
    def exit_code(self) -> int | None:
        return self._process.poll()

    def greet(self, real_s_max: float = IMPORT_S_MAX) -> Hello:
        """Wait until the program has been imported. Raises NeverWaited, NotShimmed, and what `receive` does."""
        message = self.receive(real_s_max)
        if isinstance(message, Refused):
            self.refused = message.why
            message = self.receive(real_s_max)
        if isinstance(message, Hello):
            self.hello = message
            self._source = self._source_now()
            return message
        if isinstance(message, Ended):
            raise NeverWaited(self.exit_code, self.refused)
        raise LockstepError(f"the shim began with {type(message).__name__}, not with a hello")

    def fits(self, command: Sequence[str], variables: Mapping[str, str]) -> bool:
        """Whether another run may begin from here: nothing has changed that the program was imported from."""
        assert self.hello is not None
        return (
            (self.command, self.directory) == (tuple(command), os.getcwd())
            and all(self.variables.get(name) == variables.get(name) for name in self.hello.variables_read)
            and self._source == self._source_now()
        )

    def _source_now(self) -> list[tuple[int, int] | None]:
        """The time of the last change and the size of each source file; None for one that is not there."""
        assert self.hello is not None
        return [_state_of(path) for path in self.hello.files]

    def send(self, message: ToShim) -> None:
        """Tell the shim something."""
        data = memoryview(encode(message))
        while data:
            data = data[os.write(self._to_client, data) :]

    def receive(self, real_s_max: float = REST_S_MAX) -> FromShim:
        """What the shim says next, `Ended` when the channel ends. Raises NotAtRest when that takes too long.

        A program that computes on a busy machine has more time: until it has had that much of a processor. That it is
        ready to run shows that it computes, for it may get next to nothing of the processors.
        """
        began_s = time.monotonic()
        deadline_s, last_s = began_s + real_s_max, began_s + STARVED_MAX * real_s_max
        cpu_s: float | None = None  # what it had used, a moment after it began
        looks: list[bool] = []  # was it ready to run? One look a second
        place = ProgramPlace()
        while True:
            message = self._parsed()
            if message is not None:
                self.drain()
                return message
            if self._is_over:
                self._process.wait()
                self.drain()
                return Ended(self.exit_code)
            left_s = deadline_s - time.monotonic()
            if cpu_s is None and left_s < real_s_max - STACKS_S:
                cpu_s = self._cpu_s()
            if time.monotonic() - began_s > len(looks) + STACKS_S:
                looks.append(self._is_ready())
                if self.hello is None:
                    self._check_spin(place)
            if left_s <= 0:
                used_s = self._cpu_s() - (cpu_s or 0.0)
                computes = sum(looks) > STARVED_SHARE * len(looks)
                if not computes or used_s >= real_s_max or deadline_s >= last_s:
                    raise self._not_at_rest(real_s_max)
                deadline_s += real_s_max - used_s
                continue
            self._take(min(left_s, _WATCH_S))
            if self.hello is None and self._process.poll() is not None:
                self._read_channel()  # a channel that was never opened has no end that a selector could see

    def _check_spin(self, place: ProgramPlace) -> None:
        """Raise NotAtRest for a program that stays at one place for long. One that imports may be slow.

        It is asked where it is by a signal, and its interpreter may crash at that: the stacks are walked wherever the
        signal has interrupted it. So a program that still reads files, as who imports does, is not asked. How much it
        had computed, and not how long it took, decides: on a busy machine it is asked no more often.
        """
        cpu_s, bytes_read = self._cpu_s(), self._bytes_read()
        if bytes_read != place.bytes_read:
            place.bytes_read, place.read_s, place.frames = bytes_read, cpu_s, None
        if cpu_s - place.read_s < PROBED_AFTER_S:
            return
        here = outermost(self._stacks())
        if here is None or here != place.frames:
            place.frames, place.since_s = here, cpu_s
        elif cpu_s - place.since_s >= SPIN_S_MAX:
            self._end_with_stacks()
            raise NotAtRest(
                f"the client computes and reads no step: {SPIN_S_MAX:g} s of processor time in {shown(here)}; the "
                "stacks of its threads are on its standard error"
            )

    def _stacks(self) -> str:
        """Where the threads of the program are now; empty when it does not say, or is more than one process."""
        paths = list(Path(self._directory).glob(f"{_STACKS}*"))
        if len(paths) != 1:
            return ""
        before = paths[0].stat().st_size
        with suppress(ProcessLookupError, PermissionError):
            os.kill(int(paths[0].name.removeprefix(_STACKS)), signal.SIGUSR1)
        until_s = time.monotonic() + _ANSWER_S
        while time.monotonic() < until_s:
            self._take(_WATCH_S)
            if paths[0].stat().st_size > before:
                break
        return paths[0].read_bytes()[before:].decode("utf-8", "replace")

    def _cpu_s(self) -> float:
        """The processor time of the command's session so far, in seconds; 0.0 where the system does not tell."""
        ticks = sum(int(fields[11]) + int(fields[12]) for _, fields in self._session())
        return ticks / os.sysconf("SC_CLK_TCK")

    def _bytes_read(self) -> int:
        """How much the command's session has read so far; 0 where the system does not tell."""
        found = (_text_of(directory / "io").partition("rchar: ")[2] for directory, _ in self._session())
        return sum(int(text.split("\n", 1)[0]) for text in found if text)

    def _is_ready(self) -> bool:
        """Whether a thread of the session runs, or is ready to, or waits for the disk."""
        return any(
            fields[0] in _READY
            for directory, _ in self._session()
            for path in directory.glob("task/[0-9]*/stat")
            if (fields := _stat_of(path))
        )

    def _session(self) -> Iterator[tuple[Path, list[str]]]:
        """The directories of the session's processes in /proc, and what their ``stat`` says after the name."""
        for path in Path("/proc").glob("[0-9]*/stat"):
            fields = _stat_of(path)
            if fields and int(fields[3]) == self._process.pid:
                yield path.parent, fields

    def drain(self) -> None:
        """Read what the program has printed so far."""
        for fd in tuple(self._pipes):
            self._read_pipe(fd)

    def kill(self) -> None:
        """End the process and all of its children; nothing happens when it was ended before."""
        if self._is_cleared:
            return
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self.drain()
        self._selector.close()
        for pipe in (self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()
        self._pipes = {}
        self._clear_away()

    def forget(self) -> None:
        """Let go of a process that another one started: after a fork of the harness."""
        os.close(self._from_client)
        os.close(self._to_client)
        self._process.returncode = 0  # not ours to wait for

    def _clear_away(self) -> None:
        self._is_cleared = True
        os.close(self._from_client)
        os.close(self._to_client)
        shutil.rmtree(self._directory, ignore_errors=True)

    def _path(self, name: str) -> str:
        return os.path.join(self._directory, name)

    # --- reading -----------------------------------------------------------------------------------------------------

    def _take(self, seconds: float) -> None:
        """Read whatever comes first from the channel or a pipe."""
        for key, _ in self._selector.select(seconds):
            fd = key.fd
            if fd in self._pipes:
                self._read_pipe(fd)
            else:
                self._read_channel()

    def _read_channel(self) -> None:
        with suppress(BlockingIOError):
            data = os.read(self._from_client, 1 << 20)
            self._buffer += data
            if not data:
                # Before a shim has opened the channel, it is at its end as well.
                self._is_over = self.hello is not None or self._process.poll() is not None
                if not self._is_over:
                    time.sleep(_LOOK_S)

    def _read_pipe(self, fd: int) -> None:
        with suppress(BlockingIOError):
            while data := os.read(fd, _CHUNK_BYTES):
                self.said(self._pipes[fd], data)
            self._selector.unregister(fd)
            del self._pipes[fd]

    def _parsed(self) -> FromShim | None:
        if len(self._buffer) < HEAD.size:
            return None
        text_bytes, tail_bytes = HEAD.unpack_from(self._buffer)
        whole = HEAD.size + text_bytes + tail_bytes
        if whole > MESSAGE_BYTES_MAX:
            raise LockstepError(f"the shim says {whole} bytes at once, more than {MESSAGE_BYTES_MAX}")
        if len(self._buffer) < whole:
            return None
        data = bytes(self._buffer[HEAD.size : whole])
        del self._buffer[:whole]
        return decode(data[:text_bytes], data[text_bytes:])

    def _not_at_rest(self, real_s_max: float) -> LockstepError | UsageError:
        shimmed = os.path.exists(self._path("loaded"))
        if self.hello is None and not shimmed:
            self.kill()
            return NotShimmed(
                f"the command {' '.join(self.command)!r} runs, but no shim has answered in {real_s_max:g} s: it must "
                "start Python without -I, -E or -S; run other programs in real time (--clock real)"
            )
        self._end_with_stacks()
        what = "was not imported" if self.hello is None else "did not come to rest"
        return NotAtRest(
            f"the client {what} within {real_s_max:g} s of real time: it waits for something that is not simulated, or "
            "computes without an end; the stacks of its threads are on its standard error"
        )

    def _end_with_stacks(self) -> None:
        """End the program. Where its threads are is told as a part of what it has printed."""
        files = {path: path.stat().st_size for path in sorted(Path(self._directory).glob(f"{_STACKS}*"))}
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGUSR1)
        until_s = time.monotonic() + STACKS_S
        while (left_s := until_s - time.monotonic()) > 0:
            self._take(left_s)
        for path, size_bytes in files.items():
            self.said("stderr", path.read_bytes()[size_bytes:])
        self.kill()


class NeverWaited(LockstepError):
    """A program that ended before it waited for anything. code: of the process; refused: why it cannot be virtual."""

    def __init__(self, code: int | None, refused: str | None) -> None:
        self.code, self.refused = code, refused
        super().__init__(refused or f"the client ended before it read a step, with exit code {code}")


def check_exists(name: str) -> None:
    """Raises UsageError for a command that cannot be started, with what to do."""
    if shutil.which(name) is not None:
        return
    if os.path.exists(name):
        raise UsageError(f"the command {name!r} is no program; name its interpreter, or make it executable")
    raise UsageError(f"the command {name!r} cannot be started (no such program); check its name")


def _unheard(stream: str, data: bytes) -> None:
    """Nobody listens."""


_setarch: list[str] | None = None


def _at_fixed_addresses(command: Sequence[str]) -> list[str]:
    """The command, without randomized addresses where Linux lets us: the order of a set of objects depends on them."""
    global _setarch
    if _setarch is None:
        found = shutil.which("setarch")
        asked = [found, os.uname().machine, "--addr-no-randomize"] if found else []
        works = bool(asked) and subprocess.run([*asked, "true"], capture_output=True, check=False).returncode == 0
        _setarch = asked if works else []
    return [*_setarch, *command]


# --- kept between runs -----------------------------------------------------------------------------------------------


class Pool:
    """The processes that can be run again.

    One is kept for each command, each current directory, and each value of the variables that the program reads while
    it is imported. Of a program whose source has changed, none is used again.
    """

    def __init__(self) -> None:
        self._kept: list[ProgramProcess] = []
        self._pid = os.getpid()

    def take(self, command: Sequence[str], start: StartRun, said: Said) -> ProgramProcess:
        """A process that has said hello and is told to start; with `give` it comes back.

        Raises UsageError, NeverWaited and NotAtRest.
        """
        self._check_fork()
        for process in tuple(self._kept):
            if process.exit_code is not None:  # somebody ended it meanwhile
                self._kept.remove(process)
                process.kill()
            elif process.fits(command, start.variables):
                self._kept.remove(process)
                process.said = said
                process.send(start)
                return process
        process = ProgramProcess(command, start.variables)
        process.said = said
        try:
            process.greet()
        except BaseException:
            process.kill()
            raise
        process.send(start)
        return process

    def give(self, process: ProgramProcess) -> None:
        """A run of a process is over; it is kept if it can be run again."""
        if process.hello is None or not process.hello.forks or process.exit_code is not None:
            process.kill()
            return
        process.said = _unheard
        self._kept.append(process)
        while len(self._kept) > KEPT_MAX:
            self._kept.pop(0).kill()

    def close(self) -> None:
        """End all that are kept."""
        self._check_fork()
        while self._kept:
            self._kept.pop().kill()

    def _check_fork(self) -> None:
        if self._pid != os.getpid():
            for process in self._kept:
                process.forget()
            self._kept, self._pid = [], os.getpid()


def _stat_of(path: Path) -> list[str]:
    """The fields of a ``stat`` file after the name, the state first; none when the process has ended."""
    return _text_of(path).rpartition(")")[2].split()


def _text_of(path: Path) -> str:
    """What a file says; nothing when it is not there, or is not for us."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _state_of(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


POOL: Final = Pool()
atexit.register(POOL.close)
