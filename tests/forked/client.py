"""Ask the server for a command, and stand for it: streams, signals, process group and exit code."""

from __future__ import annotations

import marshal
import os
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NoReturn

# Settings of Python that make no difference once everything is imported.
HARMLESS = ("PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX")
LENGTH_BYTES = 4
HASH_SEED = "0"


def settings(environment: Mapping[str, str]) -> dict[str, str]:
    """What Python reads when it starts, and keeps. A process without a hash seed may have any."""
    kept = {name: value for name, value in environment.items() if name.startswith("PYTHON") and name not in HARMLESS}
    return {"PYTHONHASHSEED": HASH_SEED} | kept


def is_utf8(environment: Mapping[str, str]) -> bool:
    """Whether Python would read and write UTF-8. It does so in the locale C too."""
    locale = next((environment[name] for name in ("LC_ALL", "LC_CTYPE", "LANG") if environment.get(name)), "C")
    return locale in ("C", "POSIX") or locale.lower().replace("-", "").endswith("utf8")


def send(connection: socket.socket, value: Any) -> None:
    """Send one value."""
    data = marshal.dumps(value)
    connection.sendall(len(data).to_bytes(LENGTH_BYTES, "big") + data)


def receive(connection: socket.socket) -> Any:
    """Receive one value. Raises EOFError when the other side is gone."""
    return marshal.loads(_read(connection, int.from_bytes(_read(connection, LENGTH_BYTES), "big")))


def _read(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = connection.recv(size - len(data))
        if not more:
            raise EOFError
        data += more
    return data


def main(address: str, words: Sequence[str]) -> NoReturn:
    """Run the command, and end as it ends."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(address)
        if receive(connection) != (os.getsid(0), settings(os.environ)) or not is_utf8(os.environ):
            os.execv(sys.executable, [sys.executable, "-P", "-m", "gapless", *words])
        early: list[int] = []
        pass_on = early.append
        for known in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            # Whoever signals the leader of a group signals the whole group, and the command is in it.
            leads = os.getpgrp() == os.getpid()
            signal.signal(known, signal.SIG_IGN if leads else lambda number, _: pass_on(number))
        socket.send_fds(connection, [b"."], [0, 1, 2])
        send(connection, (list(words), os.getcwd(), dict(os.environ), os.getpgrp()))
        process = receive(connection)
        pass_on = partial(os.kill, process)
        for number in early:
            pass_on(number)
        code = receive(connection)
    if code < 0:
        signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
