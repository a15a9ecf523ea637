"""What sockets lead to: connections, whose other end is the harness, pairs within the process, and listeners.

What is sent is kept until the harness asks for it. Nothing here opens a real connection.
"""

from __future__ import annotations

import errno
import os
from collections import deque
from itertools import count
from typing import Any

from . import names
from .descriptors import Endpoint

CLIENT_ADDRESS = "198.18.0.1"
FIRST_PORT = 40_000
PAIR_BYTES_MAX = 256 * 1024
FIRST_FREE_PORT = 20_000  # for a server that asks for any port
ROLE = "GAPLESS_LOCKSTEP_ROLE"

_connections: dict[int, Connection] = {}
_listeners: dict[int, Listener] = {}  # by id
_ids = count(1)
_outputs: list[tuple[Any, ...]] = []


def os_error(number: int) -> OSError:
    """The error that the operating system would raise."""
    return OSError(number, os.strerror(number))


class Connection(Endpoint):
    """One end of a connection to the world. state: new, connecting, open; error: a number to be fetched."""

    def __init__(self) -> None:
        super().__init__()
        self.id = 0
        self.state = "new"
        self.own: tuple[str, int] = ("0.0.0.0", 0)
        self.address: tuple[str, int] = ("0.0.0.0", 0)
        self.buffer = bytearray()
        self.error = 0
        self.eof = False  # nothing more will arrive
        self.is_broken = False
        self.sent_eof = False
        self.lingers_not = False

    def readable(self) -> bool:
        return self.state != "connecting" and (bool(self.buffer) or self.eof or self.error != 0 or self.is_broken)

    def writable(self) -> bool:
        return self.state == "open" or self.error != 0 or self.is_broken

    def ended(self) -> bool:
        return self.eof

    def hung_up(self) -> bool:
        return self.state == "new" or self.is_broken or (self.eof and self.sent_eof)

    def failed(self) -> bool:
        return self.error != 0

    def accept(self, connection_id: int, host: str, port: int, own: tuple[str, int]) -> None:
        """The harness has opened it; ``own`` is the address of the listener."""
        self.id, self.own = connection_id, own
        self.address = (host, port)
        self.state = "open"
        _connections[self.id] = self

    def connect(self, host: str, port: int) -> None:
        self.id = next(_ids)
        self.own = (CLIENT_ADDRESS, FIRST_PORT + self.id)
        self.address = (host, port)
        self.state = "connecting"
        _connections[self.id] = self
        _outputs.append(("connect", self.id, names.name_of(host), port))

    def read(self, size_bytes: int, peek: bool = False) -> bytes:
        if self.buffer:
            data = bytes(self.buffer[:size_bytes])
            if not peek:
                del self.buffer[:size_bytes]
            return data
        if self.error:
            raise os_error(self.take_error())
        if self.eof or self.is_broken:
            return b""
        raise os_error(errno.ENOTCONN)

    def write(self, data: bytes) -> int:
        if self.error:
            raise os_error(self.take_error())
        if self.is_broken or self.sent_eof:
            raise os_error(errno.EPIPE)
        if self.state != "open":
            raise os_error(errno.EAGAIN if self.state == "connecting" else errno.ENOTCONN)
        if data:
            _outputs.append(("data", self.id, data))
        return len(data)

    def take_error(self) -> int:
        """The pending error, which is told once."""
        number, self.error = self.error, 0
        return number

    def shut(self, reading: bool, writing: bool) -> None:
        """Shut one direction or both."""
        if self.state != "open":
            raise os_error(errno.ENOTCONN)
        if writing and not self.sent_eof:
            self.sent_eof = True
            if not self.is_broken:
                _outputs.append(("eof", self.id))
        if reading:
            self.eof = True
        self.notify()

    def release(self) -> None:
        if self.id:
            _connections.pop(self.id, None)
            _outputs.append(("reset" if self.lingers_not else "close", self.id))


class Pair(Endpoint):
    """One end of a `socketpair`."""

    def __init__(self) -> None:
        super().__init__()
        self.peer: Pair = self
        self.buffer = bytearray()
        self.eof = self.sent_eof = self.is_closed = False

    def readable(self) -> bool:
        return bool(self.buffer) or self.eof

    def writable(self) -> bool:
        return self.peer.is_closed or self.sent_eof or len(self.peer.buffer) < PAIR_BYTES_MAX

    def ended(self) -> bool:
        return self.eof

    def hung_up(self) -> bool:
        return self.eof and (self.sent_eof or self.peer.is_closed)

    def read(self, size_bytes: int, peek: bool = False) -> bytes:
        data = bytes(self.buffer[:size_bytes])
        if not peek and data:
            del self.buffer[:size_bytes]
            self.peer.notify()
        return data

    def write(self, data: bytes) -> int:
        if self.sent_eof or self.peer.is_closed:
            raise os_error(errno.EPIPE)
        room = PAIR_BYTES_MAX - len(self.peer.buffer)
        if room <= 0 and data:
            raise os_error(errno.EAGAIN)
        self.peer.buffer += data[:room]
        self.peer.notify()
        return min(len(data), room)

    def shut(self, reading: bool, writing: bool) -> None:
        """Shut one direction or both."""
        if writing:
            self.sent_eof = self.peer.eof = True
        if reading:
            self.eof = True
        self.peer.notify()
        self.notify()

    def release(self) -> None:
        self.is_closed = self.peer.eof = True
        self.peer.notify()


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


# --- to and from the harness ------------------------------------------------------------------------------------


def has_dialled() -> bool:
    """Has this process connected to anything, or listened?"""
    return bool(_connections or _outputs or _listeners)


def is_server() -> bool:
    """Is this program a server? A client is refused where it listens, for nobody would ever connect to it."""
    return os.environ.get(ROLE) == "server"


def listen(bound: tuple[str, int]) -> Listener:
    """Listen at a bound address, and tell the harness. Raises OSError when its port is taken."""
    host, port = bound
    taken = {listener.address[1] for listener in _listeners.values()}
    if port == 0:
        port = next(port for port in count(FIRST_FREE_PORT) if port not in taken)
    if port in taken:
        raise os_error(errno.EADDRINUSE)
    listener = Listener(next(_ids), (host, port))
    _listeners[listener.id] = listener
    _outputs.append(("listen", listener.id, *listener.address))
    return listener


def take_outputs() -> tuple[list[list[Any]], bytes]:
    """What was sent since last asked, and its bytes. Writes to one connection that follow each other are one."""
    outputs: list[list[Any]] = []
    parts: list[bytes] = []
    for output in _outputs:
        if output[0] != "data":
            outputs.append(list(output))
            continue
        parts.append(output[2])
        if outputs and outputs[-1][:2] == ["data", output[1]]:
            outputs[-1][2] += len(output[2])
        else:
            outputs.append(["data", output[1], len(output[2])])
    _outputs.clear()
    return outputs, b"".join(parts)


def arrived(kind: str, connection_id: int, data: bytes = b"") -> None:
    """The harness tells of a connection; of one that is closed by now, nobody wants to know."""
    connection = _connections.get(connection_id)
    if connection is None:
        return
    if kind == "connected":
        connection.state = "open"
    elif kind == "refused":
        connection.state, connection.error, connection.is_broken = "new", errno.ECONNREFUSED, True
    elif kind == "data":
        connection.buffer += data
    elif kind == "eof":
        connection.eof = True
    elif kind == "reset":
        connection.error, connection.is_broken = errno.ECONNRESET, True
    connection.notify()


def accepted(listener_id: int, connection_id: int, host: str, port: int) -> None:
    """The harness connects to a listener of this process, from ``host`` and ``port``."""
    listener = _listeners.get(listener_id)
    if listener is None:
        _outputs.append(("reset", connection_id))
        return
    connection = Connection()
    connection.accept(connection_id, host, port, listener.address)
    listener.backlog.append(connection)
    listener.notify()
