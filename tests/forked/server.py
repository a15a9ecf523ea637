"""``python -m tests.forked.server ADDRESS``: fork for each command that a client asks for.

Two processes are forked for each. One is the command. The other, its parent, waits for its end, tells the client, and
ends the command when the client is gone. The server ends when its standard input does.
"""

from __future__ import annotations

import gc
import importlib
import os
import pkgutil
import select
import signal
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from io import BufferedReader, BufferedWriter, FileIO, TextIOWrapper
from pathlib import Path
from typing import TextIO

from gapless.__main__ import main as gapless
from gapless.scenarios.cli import commands
from gapless.scenarios.definition.catalogue import catalogue
from tests.forked.client import receive, send, settings

SCRIPT = Path(sys.executable).with_name("gapless")


def main() -> None:
    """Serve. In a forked process, do what it is for, and end as any process does."""
    for module in pkgutil.iter_modules(commands.__path__, f"{commands.__name__}."):
        importlib.import_module(module.name)
    catalogue()
    gc.collect()
    gc.freeze()
    serve(sys.argv[1])()


def serve(address: str) -> Callable[[], None]:
    """Serve until the standard input ends. In each forked process this returns what the process is to do."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the commands
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # so nothing is left of a child that has ended
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(address)
        listening.listen()
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        while listening.fileno() in select.select([listening.fileno(), 0], [], [])[0]:
            connection, _ = listening.accept()
            if os.fork() == 0:
                return lambda: attend(connection)()
            connection.close()
    return sys.exit


def attend(connection: socket.socket) -> Callable[[], None]:
    """Fork for the command of this client, and wait for its end. In the command this returns what it is to do."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    with connection, suppress(EOFError, BrokenPipeError, ConnectionResetError):
        send(connection, (os.getsid(0), settings(os.environ)))
        _, streams, _, _ = socket.recv_fds(connection, 1, 3)
        words, directory, environment, group = receive(connection)
        process = os.fork()
        if process == 0:
            return lambda: run(words, directory, environment, group, streams)
        for stream in streams:
            os.close(stream)
        send(connection, process)
        end = os.pidfd_open(process)
        if end not in select.select([end, connection.fileno()], [], [])[0]:
            os.kill(process, signal.SIGKILL)  # the client has gone
        send(connection, os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]))
    return sys.exit


def run(
    words: Sequence[str], directory: str, environment: Mapping[str, str], group: int, streams: Sequence[int]
) -> None:
    """Be the command."""
    os.setpgid(0, group)
    os.chdir(directory)
    os.environ.clear()
    os.environ.update(environment)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    sys.stdin = TextIOWrapper(BufferedReader(FileIO(0, closefd=False)), "utf-8")
    sys.stdout, sys.stderr = output(1, "strict"), output(2, "backslashreplace")
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.argv = [str(SCRIPT), *words]
    sys.path[0] = str(SCRIPT.parent)
    gapless()


def output(number: int, errors: str) -> TextIO:
    """A stream as Python opens it when it starts."""
    if os.environ.get("PYTHONUNBUFFERED"):
        return TextIOWrapper(FileIO(number, "wb", closefd=False), "utf-8", errors, write_through=True)
    is_line_wise = number == 2 or os.isatty(number)
    return TextIOWrapper(
        BufferedWriter(FileIO(number, "wb", closefd=False)), "utf-8", errors, line_buffering=is_line_wise
    )


if __name__ == "__main__":
    main()
