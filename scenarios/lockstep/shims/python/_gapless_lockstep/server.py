"""From import to run: the process says hello when its imports are over, and is a run from then on.

Where the program is a single thread by then, the process stays a *server*: it forks a child for each run, so that the
imports are paid once. The parent does next to nothing between two forks, and so each child begins from the same memory.
The child reads the `start` of its run itself.

No handler of `os.register_at_fork` runs at these forks. The child is an exact copy of a process with one thread, and
goes on in the middle of the program, perhaps with locks held: there is nothing to mend.
"""

from __future__ import annotations

import atexit
import faulthandler
import gc
import os
import platform
import signal
import sys
import traceback
import warnings
from typing import Any

from . import channel as channels
from . import connections, entropy, patching, real, streams
from .scheduler import scheduler

STACKS_LINES_MAX = 200


class Server:
    """The process on its way from import to run, and its exchanges with the harness."""

    def __init__(self, directory: str, version: str) -> None:
        self._channel = channels.Channel(directory)
        self._stacks_fd = channels.stacks_file(directory)
        faulthandler.register(signal.SIGUSR1, file=self._stacks_fd, all_threads=True)
        self._version = version
        self._has_stalled = False
        self.is_running = False

    # --- once ---------------------------------------------------------------------------------------------------

    def before_wait(self) -> None:
        """The program waits for the first time: its imports are over."""
        self._meet(forks=self._is_copyable())

    def before_thread(self) -> None:
        """A thread is about to start: the last moment at which the program can be copied, unless it still imports."""
        if self._is_copyable() and not _is_importing():
            self._meet(forks=True)

    def _is_copyable(self) -> bool:
        return (
            len(scheduler.live) == 1
            and scheduler.current.number == 0
            and not connections.has_dialled()
            and not scheduler.real_waits
            and scheduler.now_ns == 0
        )

    def _meet(self, *, forks: bool) -> None:
        scheduler.before_wait = scheduler.before_thread = _nothing
        if forks:
            patching.import_companions()
        self._channel.open()
        channels.flush()
        self._channel.send(
            {
                "type": "hello",
                "protocol": channels.PROTOCOL,
                "shim": "python",
                "shim_version": self._version,
                "runtime": "%s %s" % (platform.python_implementation(), platform.python_version()),
                "packages": patching.packages(),
                "forks": forks,
                "variables_read": patching.variables_read(),
                "files": patching.source_files(),
            }
        )
        if forks:
            self._serve()
        message, _ = self._channel.receive()
        self._begin(message)

    def _serve(self) -> None:
        """Fork one child for each run; returns in the child."""
        loop = _running_loop()
        faulthandler.unregister(signal.SIGUSR1)
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)  # it is the child's stacks that are asked for
        gc.collect()
        gc.freeze()
        gc.disable()
        while True:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of threads that are not Python's, which cannot hold a lock of ours
                pid = real.fork()
            if pid == 0:
                break
            status = real.waitpid(pid, 0)[1]
            self._channel.send_bytes(b'{"type":"ended","code":%d,"outputs":[]}' % _exit_code(status))
            # Objects are freed in the order opposite to that in which they were made, so that the next child finds the
            # memory as the last one did.
            del status
            del pid
        gc.enable()
        faulthandler.register(signal.SIGUSR1, file=self._stacks_fd, all_threads=True)
        if loop is not None:
            sys.modules["asyncio.events"]._set_running_loop(loop)  # it remembers the pid

    def _begin(self, message: dict[str, Any]) -> None:
        if message["type"] != "start":
            os._exit(0)
        patching.set_variables(message["variables"])
        scheduler.epoch_ns = round(message["epoch_s"] * 1_000_000_000)
        scheduler.begin([(point, choice) for point, choice in message["switches"]])
        scheduler.exchange = self.exchange
        scheduler.stalled = self.stalled
        entropy.reset(message["seed"])
        self.is_running = True

    # --- in a run -----------------------------------------------------------------------------------------------

    def exchange(self, wake_ns: int | None) -> None:
        """Tell the harness that everything waits, and take in what has happened meanwhile."""
        channels.flush()
        outputs, tail = connections.take_outputs()
        blocked: dict[str, Any] = {
            "type": "blocked",
            "wake_at_s": None if wake_ns is None else wake_ns / 1_000_000_000,
            "outputs": outputs,
            "points": scheduler.points,
            "switched": scheduler.switched,
        }
        if scheduler.is_busy:
            blocked["busy"] = True
        self._channel.send(blocked, tail)
        message, tail = self._channel.receive()
        if message["type"] != "resumed":
            os._exit(0)
        scheduler.now_ns = max(scheduler.now_ns, round(message["now_s"] * 1e9))
        self._take(message["inputs"], tail)

    def _take(self, inputs: list[Any], tail: bytes) -> None:
        offset = 0
        for kind, *rest in inputs:
            if kind == "line":
                streams.stdin.feed(rest[0])
            elif kind == "end-of-input":
                streams.stdin.end()
            elif kind == "accepted":
                connections.accepted(*rest)
            elif kind == "data":
                connections.arrived("data", rest[0], tail[offset : offset + rest[1]])
                offset += rest[1]
            else:
                connections.arrived(kind, rest[0])

    def leave(self) -> None:
        """The program is over: tell its last outputs. Registered first of all exit handlers, so that it runs last."""
        channels.flush()
        outputs, tail = connections.take_outputs()
        if self.is_running and outputs:
            self._channel.send({"type": "outputs", "outputs": outputs}, tail)

    def stalled(self, what: str) -> None:
        """Something real is waited for; told once."""
        if not self._has_stalled:
            self._has_stalled = True
            self._channel.send({"type": "stalled", "what": what, "stacks": stacks()})

    def refuse(self, why: str) -> None:
        """This program cannot be virtual: tell the harness, if it is met, and exit with 98."""
        channels.say(why)
        if not self._channel.is_open:
            self._channel.open()
        self._channel.send({"type": "refused", "why": why})
        os._exit(98)


server: Server | None = None


def install(directory: str, version: str) -> None:
    """From now on, the first wait meets the harness."""
    global server
    server = Server(directory, version)
    scheduler.before_wait = server.before_wait
    scheduler.before_thread = server.before_thread
    atexit.register(server.leave)


def _nothing() -> None:
    """Nothing to be done any more."""


def _is_importing() -> bool:
    frame: Any = sys._getframe()
    while frame is not None:
        if frame.f_code.co_filename == "<frozen importlib._bootstrap>":
            return True
        frame = frame.f_back
    return False


def _running_loop() -> Any:
    events = sys.modules.get("asyncio.events")
    return None if events is None else events._get_running_loop()


def _exit_code(status: int) -> int:
    return -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


def stacks() -> str:
    """The stack of each thread."""
    lines: list[str] = []
    for ident, frame in sys._current_frames().items():
        lines.append("thread %d" % ident)
        lines += [line.rstrip() for line in traceback.format_stack(frame)]
    return "\n".join(lines[:STACKS_LINES_MAX])
