"""The listening side of sockets, for a program that is a server: the harness dials in.

A program that is a client is refused here, for nobody would ever connect to it. `GAPLESS_LOCKSTEP_ROLE=server` in the
environment says that the program is a server.
"""

from __future__ import annotations

import errno
import os
from collections import deque
from itertools import count
from typing import Any

from .descriptors import Endpoint

FIRST_FREE_PORT = 20_000  # for a server that asks for any port
ROLE = "GAPLESS_LOCKSTEP_ROLE"

_listeners: dict[int, Listener] = {}  # by id


class Listener(Endpoint):
    """A socket that listens. backlog: the connections that nobody has accepted yet."""

    def __init__(self, listener_id: int, address: tuple[str, int]) -> None:
        super().__init__()
        self.id = listener_id
        self.address = address
        self.backlog: deque[Any] = deque()
        self.lingers_not = False

    def readable(self) -> bool:
        return bool(self.backlog)

    def release(self) -> None:
        _listeners.pop(self.id, None)
        for connection in self.backlog:
            connection.lingers_not = True
            connection.release()
        self.backlog.clear()


def is_server() -> bool:
    """Is this program a server?"""
    return os.environ.get(ROLE) == "server"


def has_listened() -> bool:
    """Does this process listen?"""
    return bool(_listeners)


def listen(listener_id: int, bound: tuple[str, int]) -> Listener:
    """Listen at a bound address. Raises OSError when its port is taken."""
    host, port = bound
    taken = {listener.address[1] for listener in _listeners.values()}
    if port == 0:
        port = next(port for port in count(FIRST_FREE_PORT) if port not in taken)
    if port in taken:
        raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
    listener = _listeners[listener_id] = Listener(listener_id, (host, port))
    return listener


def address(listener_id: int) -> tuple[str, int]:
    """Where a listener listens."""
    listener = _listeners.get(listener_id)
    return ("0.0.0.0", 0) if listener is None else listener.address


def arrived(listener_id: int, connection: Any) -> bool:
    """The harness has connected; whether the listener is there."""
    listener = _listeners.get(listener_id)
    if listener is None:
        return False
    listener.backlog.append(connection)
    listener.notify()
    return True
