"""The servers' processes that are kept between runs, each with a directory of its own.

A published server needs many seconds for its imports. Its shim forks after them, so each run begins with a child of the
same process. What the server reads from its environment while it is imported is the same for all runs of a process.
"""

from __future__ import annotations

import atexit
import multiprocessing.util
import os
import shutil
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from gapless.scenarios.lockstep.process import NeverWaited, NotAtRest, ProgramProcess
from gapless.scenarios.lockstep.protocol import StartRun
from gapless.scenarios.realserver.environment import NoServer, PublishedServer

IMPORT_REAL_S_MAX: Final = 600.0
KEPT_MAX: Final = 2
PORT: Final = 80
TOOLS: Final = Path(__file__).parent / "tools"
TOOL_MODULE: Final = "gapless_timed_tool"
FORMAT: Final = 3  # of what is found out about a server once; raised with each change of it
MODULES_FILE: Final = f"gapless-modules-{FORMAT}.txt"  # in the server's environment
_FOLDERS: Final = ("conversations", "workspace", "home", "tmux", "bash")

# Nothing is told to anybody, nothing is fetched at import, and nothing is drawn for a screen.
_QUIET: Final = {
    "DO_NOT_TRACK": "1",
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "LOG_LEVEL": "ERROR",
    "LOG_RICH_TRACEBACKS": "false",
    "NO_COLOR": "1",
    "OH_ENABLE_BROWSER": "false",
    "OH_ENABLE_VSCODE": "false",
    "OH_PRELOAD_TOOLS": "false",
    "OH_SECRET_KEY": "gapless",
    "OH_TELEMETRY_CONSENT": "false",
    "OPENHANDS_SUPPRESS_BANNER": "1",
    "OTEL_SDK_DISABLED": "true",
    "PYTHONDONTWRITEBYTECODE": "",
    "PYTHONWARNINGS": "ignore",
    "TZ": "UTC",
}


@dataclass(frozen=True, slots=True)
class KeptServer:
    """A server's process that can be run again. ``directory``: where it has everything that it writes."""

    server: PublishedServer
    api_key: str | None
    directory: Path
    process: ProgramProcess

    @property
    def conversations(self) -> Path:
        """The directory of all conversations."""
        return self.directory / "conversations"

    @property
    def workspace(self) -> Path:
        """The working directory of the agent."""
        return self.directory / "workspace"

    def empty(self) -> None:
        """Remove everything that a run has left."""
        for name in _FOLDERS:
            shutil.rmtree(self.directory / name, ignore_errors=True)
            (self.directory / name).mkdir(parents=True)

    def start(self, seed: int, epoch_s: float) -> None:
        """Let a run begin. ``epoch_s``: what its wall clock shows at its second 0."""
        self.process.send(StartRun(seed, epoch_s, self.process.variables))

    def end(self) -> None:
        """End the process, and remove its directory."""
        self.process.kill()
        shutil.rmtree(self.directory, ignore_errors=True)


class KeptServers:
    """The processes that wait for their next run."""

    def __init__(self) -> None:
        self._kept: list[KeptServer] = []
        self._pid = os.getpid()

    def take(self, server: PublishedServer, api_key: str | None) -> KeptServer:
        """A process that is ready for a run; `give` takes it back. Raises NoServer."""
        self._check_fork()
        for one in tuple(self._kept):
            if one.process.exit_code is not None:
                self._kept.remove(one)
                one.end()
            elif (one.server, one.api_key) == (server, api_key):
                self._kept.remove(one)
                return one
        return _started(server, api_key)

    def give(self, one: KeptServer, *, is_sound: bool) -> None:
        """A run is over. The process is kept if it can be run again."""
        hello = one.process.hello
        if not is_sound or hello is None or not hello.forks or one.process.exit_code is not None:
            one.end()
            return
        one.process.said = _unheard
        self._kept.append(one)
        while len(self._kept) > KEPT_MAX:
            self._kept.pop(0).end()

    def close(self) -> None:
        """End all that are kept."""
        self._check_fork()
        while self._kept:
            self._kept.pop().end()

    def _check_fork(self) -> None:
        if self._pid != os.getpid():
            for one in self._kept:
                one.process.forget()
            self._kept, self._pid = [], os.getpid()


def _started(server: PublishedServer, api_key: str | None) -> KeptServer:
    _end_with_this_process(os.getpid())
    directory = Path(tempfile.mkdtemp(prefix="gapless-server-"))
    key = {} if api_key is None else {"OH_SESSION_API_KEYS_0": api_key}
    variables = {
        "GAPLESS_LOCKSTEP_ROLE": "server",
        "GAPLESS_MODULES": str(server.directory / MODULES_FILE),
        "HOME": str(directory / "home"),
        "TMUX_TMPDIR": str(directory / "tmux"),
        "OH_CONVERSATIONS_PATH": str(directory / "conversations"),
        "OH_WORKSPACE_PATH": str(directory / "workspace"),
        "OH_BASH_EVENTS_DIR": str(directory / "bash"),
        **_QUIET,
        **key,
    }
    command = [str(server.python), "-m", "openhands.agent_server", "--host", "127.0.0.1", "--port", str(PORT)]
    tools = ["--extra-python-path", str(TOOLS), "--import-modules", TOOL_MODULE]
    process = ProgramProcess([*command, *tools], variables)
    one = KeptServer(server, api_key, directory, process)
    one.empty()
    last: list[bytes] = []
    process.said = lambda _, data: last.append(data)
    try:
        process.greet(IMPORT_REAL_S_MAX)
    except (NeverWaited, NotAtRest) as error:
        one.end()
        words = [line for line in b"".join(last).decode("utf-8", "replace").splitlines() if line.strip()]
        why = f"{error}; {words[-1].strip()}" if words else str(error)
        raise NoServer(f"{server} does not start: {why}") from error
    except BaseException:
        one.end()
        raise
    return one


def _unheard(stream: str, data: bytes) -> None:
    """Nobody listens."""


SERVERS: Final = KeptServers()
atexit.register(SERVERS.close)


@cache
def _end_with_this_process(pid: int) -> None:
    """End the processes that are kept when this one ends, also when it is a worker, which runs no exit handlers."""
    multiprocessing.util.Finalize(None, SERVERS.close, exitpriority=0)
