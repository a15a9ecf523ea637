"""What `_socket` offers: stream sockets whose other end is the harness, pairs within the process, and names.

The standard library's `socket` is imported anew on top of this, so that `socket.socket` keeps every method of the real
one. A name is resolved to an address of the range for benchmarks (198.18.0.0/15), and the harness is told the name.
Nothing here opens a real connection.
"""

from __future__ import annotations

import _socket
import errno
import os
import struct
import zlib
from itertools import count
from typing import Any

from . import descriptors, listening, real
from .descriptors import Endpoint, close_endpoint, endpoints, open_endpoint
from .patching import put
from .scheduler import scheduler

PAIR_BYTES_MAX = 256 * 1024
CLIENT_ADDRESS = "198.18.0.1"
FIRST_PORT = 40_000

_connections: dict[int, Connection] = {}
_ids = count(1)
_outputs: list[tuple[Any, ...]] = []
_names: dict[str, str] = {}  # by address
_addresses: dict[str, str] = {}  # by name


def _error(number: int) -> OSError:
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
        _outputs.append(("connect", self.id, _names.get(host, host), port))

    def read(self, size_bytes: int, peek: bool = False) -> bytes:
        if self.buffer:
            data = bytes(self.buffer[:size_bytes])
            if not peek:
                del self.buffer[:size_bytes]
            return data
        if self.error:
            raise _error(self.take_error())
        if self.eof or self.is_broken:
            return b""
        raise _error(errno.ENOTCONN)

    def write(self, data: bytes) -> int:
        if self.error:
            raise _error(self.take_error())
        if self.is_broken or self.sent_eof:
            raise _error(errno.EPIPE)
        if self.state != "open":
            raise _error(errno.EAGAIN if self.state == "connecting" else errno.ENOTCONN)
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
            raise _error(errno.ENOTCONN)
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
            raise _error(errno.EPIPE)
        room = PAIR_BYTES_MAX - len(self.peer.buffer)
        if room <= 0 and data:
            raise _error(errno.EAGAIN)
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


# --- to and from the harness ------------------------------------------------------------------------------------


def has_dialled() -> bool:
    """Has this process connected to anything, or listened?"""
    return bool(_connections or _outputs or listening.has_listened())


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
    connection = Connection()
    connection.accept(connection_id, host, port, listening.address(listener_id))
    if not listening.arrived(listener_id, connection):
        del _connections[connection_id]
        _outputs.append(("reset", connection_id))


# --- names ------------------------------------------------------------------------------------------------------


def _text(host: Any) -> str:
    if isinstance(host, (bytes, bytearray)):
        return host.decode("ascii")
    return str(host)


def _is_address(host: str, family: int) -> bool:
    try:
        _socket.inet_pton(family, host.partition("%")[0])
    except (OSError, ValueError):
        return False
    return True


def _resolve(host: Any) -> str:
    """The address of a name: always the same one, and never a real one."""
    name = "" if host is None else _text(host)
    if name in ("", "localhost"):
        return "127.0.0.1"
    if _is_address(name, _socket.AF_INET) or _is_address(name, _socket.AF_INET6):
        return name
    name = name.rstrip(".").lower()
    if name not in _addresses:
        number = zlib.crc32(name.encode()) % 0xFF00 + 0x100
        while True:
            address = "198.18.%d.%d" % (number >> 8 & 0xFF, number & 0xFF)
            if address not in _names:
                break
            number = (number + 1) % 0x10000
        _names[address], _addresses[name] = name, address
    return _addresses[name]


def _port(service: Any) -> int:
    if service is None:
        return 0
    if isinstance(service, (bytes, bytearray)):
        service = service.decode("ascii")
    if isinstance(service, str) and not service.isdigit():
        ports = {"http": 80, "https": 443, "ws": 80, "wss": 443, "": 0}
        if service not in ports:
            raise _socket.gaierror(_socket.EAI_SERVICE, "Servname not supported for ai_socktype")
        return ports[service]
    return int(service)


def _getaddrinfo(host: Any, port: Any, family: int = 0, type: int = 0, proto: int = 0, flags: int = 0) -> list[Any]:
    scheduler.point()
    address = _resolve(host)
    if flags & _socket.AI_NUMERICHOST and address in _names:
        raise _socket.gaierror(_socket.EAI_NONAME, "Name or service not known")
    is_v6 = _is_address(address, _socket.AF_INET6)
    found_family = _socket.AF_INET6 if is_v6 else _socket.AF_INET
    if family not in (0, found_family):
        raise _socket.gaierror(_socket.EAI_NONAME, "Name or service not known")
    place = (address, _port(port), 0, 0) if is_v6 else (address, _port(port))
    name = _text(host) if host and flags & _socket.AI_CANONNAME else ""
    kinds = [(_socket.SOCK_STREAM, _socket.IPPROTO_TCP), (_socket.SOCK_DGRAM, _socket.IPPROTO_UDP)]
    kinds = [one for one in kinds if type in (0, one[0]) and proto in (0, one[1])]
    return [(found_family, kind, number, name, place) for kind, number in kinds]


def _gethostbyname(host: Any) -> str:
    return _resolve(host)


def _gethostbyname_ex(host: Any) -> tuple[str, list[str], list[str]]:
    return _text(host), [], [_resolve(host)]


def _gethostbyaddr(host: Any) -> tuple[str, list[str], list[str]]:
    address = _resolve(host)
    return _names.get(address, "localhost" if address == "127.0.0.1" else address), [], [address]


def _getnameinfo(address: Any, flags: int) -> tuple[str, str]:
    host = address[0] if flags & _socket.NI_NUMERICHOST else _names.get(address[0], address[0])
    return host, str(address[1])


def _gethostname() -> str:
    return "client.test"


# --- the socket class ---------------------------------------------------------------------------------------------

_NONBLOCK = getattr(_socket, "SOCK_NONBLOCK", 0)
_CLOEXEC = getattr(_socket, "SOCK_CLOEXEC", 0)


def _refuse(what: str) -> None:
    from .refusals import refuse

    refuse(what)


class Socket:
    """In place of `_socket.socket`: what `socket.socket` is built upon."""

    __slots__ = ("_bound", "_endpoint", "_family", "_fd", "_kind", "_options", "_timeout_s", "proto")

    def __init__(self, family: int = -1, type: int = -1, proto: int = -1, fileno: Any = None) -> None:
        known = endpoints.get(fileno) if isinstance(fileno, int) else None
        self._options: dict[tuple[int, int], Any] = {}
        self._bound: tuple[str, int] = ("0.0.0.0", 0)
        self._timeout_s: float | None = _default_timeout_s
        self._family = _socket.AF_INET if family == -1 else int(family)
        kind = _socket.SOCK_STREAM if type == -1 else int(type)
        if kind & _NONBLOCK:
            self._timeout_s = 0.0
        self._kind = kind & ~(_NONBLOCK | _CLOEXEC)
        self.proto = 0 if proto == -1 else int(proto)
        self._fd = -1
        if fileno is not None:
            if known is None:
                _refuse(
                    "file descriptor %s is made a socket, but is not virtual; the client may use only sockets that it "
                    "opens itself" % fileno
                )
            assert known is not None
            self._endpoint: Any = known
            self._fd = fileno
            if isinstance(known, Pair):
                self._family = getattr(_socket, "AF_UNIX", _socket.AF_INET)
            return
        if self._kind != _socket.SOCK_STREAM or self._family not in (
            _socket.AF_INET,
            _socket.AF_INET6,
            _socket.AF_UNIX,
        ):
            self._endpoint = Endpoint()  # harmless until it is used
        else:
            self._endpoint = Connection()
        self._fd = open_endpoint(self._endpoint)

    def __del__(self) -> None:
        if getattr(self, "_fd", -1) >= 0:
            import warnings

            warnings.warn("unclosed %r" % (self,), ResourceWarning, source=self, stacklevel=2)
            self._close()

    # --- state ---

    @property
    def family(self) -> int:
        return self._family

    @property
    def type(self) -> int:
        return self._kind

    @property
    def timeout(self) -> float | None:
        return self._timeout_s

    def fileno(self) -> int:
        return self._fd

    def gettimeout(self) -> float | None:
        return self._timeout_s

    def settimeout(self, value: Any) -> None:
        if value is not None:
            value = float(value)
            if value < 0:
                raise ValueError("Timeout value out of range")
        self._timeout_s = value

    def setblocking(self, flag: Any) -> None:
        self._timeout_s = None if flag else 0.0

    def getblocking(self) -> bool:
        return self._timeout_s != 0.0

    def setsockopt(self, level: int, option: int, value: Any, optlen: Any = None) -> None:
        self._open()
        self._options[level, option] = value
        if (level, option) == (_socket.SOL_SOCKET, _socket.SO_LINGER) and isinstance(value, (bytes, bytearray)):
            on, linger_s = struct.unpack("ii", value[: struct.calcsize("ii")])
            self._endpoint.lingers_not = bool(on) and linger_s == 0

    def getsockopt(self, level: int, option: int, buflen: int = 0) -> Any:
        endpoint = self._open()
        if level == _socket.SOL_SOCKET:
            if option == _socket.SO_ERROR:
                return endpoint.take_error() if isinstance(endpoint, Connection) else 0
            if option == _socket.SO_TYPE:
                return self._kind
            if option == getattr(_socket, "SO_DOMAIN", None):
                return self._family
            if option == getattr(_socket, "SO_PROTOCOL", None):
                return self.proto
            if option == getattr(_socket, "SO_ACCEPTCONN", None):
                return int(isinstance(endpoint, listening.Listener))
        value = self._options.get((level, option), 0)
        if buflen:
            raw = value if isinstance(value, (bytes, bytearray)) else struct.pack("i", int(value))
            return bytes(raw[:buflen].ljust(buflen, b"\0"))
        return value if isinstance(value, int) else 0

    def getsockname(self) -> Any:
        endpoint = self._open()
        if isinstance(endpoint, listening.Listener):
            return self._bound
        if not isinstance(endpoint, Connection) or self._family == _socket.AF_UNIX:
            return ""
        host, port = endpoint.own
        return (host, port, 0, 0) if self._family == _socket.AF_INET6 else (host, port)

    def getpeername(self) -> Any:
        endpoint = self._open()
        if isinstance(endpoint, Pair):
            return ""
        if not isinstance(endpoint, Connection) or endpoint.state != "open" or endpoint.is_broken:
            raise _error(errno.ENOTCONN)
        return (*endpoint.address, 0, 0) if self._family == _socket.AF_INET6 else endpoint.address

    # --- connecting ---

    def bind(self, address: Any) -> None:
        self._open()
        if isinstance(address, tuple) and len(address) >= 2:
            self._bound = (_resolve(address[0]), int(address[1]))

    def listen(self, backlog: int = 128) -> None:
        if not listening.is_server():
            _refuse("the client listens for connections, which is not possible in virtual time; let it only connect")
        if isinstance(self._open(), listening.Listener):
            return
        if not isinstance(self._endpoint, Connection) or self._family == _socket.AF_UNIX:
            self._not_a_stream()
        listener = listening.listen(next(_ids), self._bound)
        listener.handles = self._endpoint.handles
        self._bound = listener.address
        self._endpoint = endpoints[self._fd] = listener
        _outputs.append(("listen", listener.id, *listener.address))

    def _accept(self) -> Any:
        scheduler.point()
        listener = self._open()
        if not isinstance(listener, listening.Listener):
            raise _error(errno.EINVAL)
        self._wait(listener.readable)
        connection = listener.backlog.popleft()
        return open_endpoint(connection), connection.address

    def connect(self, address: Any) -> None:
        scheduler.point()
        endpoint = self._open()
        if not isinstance(endpoint, Connection):
            self._not_a_stream()
        if self._family == _socket.AF_UNIX:
            raise _error(errno.ENOENT)
        if endpoint.state == "connecting":
            raise _error(errno.EALREADY)
        if endpoint.state == "open":
            raise _error(errno.EISCONN)
        if not isinstance(address, tuple) or len(address) < 2:
            raise TypeError("connect(): AF_INET address must be tuple, not %s" % type(address).__name__)
        endpoint.error, endpoint.is_broken = 0, False
        endpoint.connect(_resolve(address[0]), int(address[1]))
        if self._timeout_s == 0.0:
            raise _error(errno.EINPROGRESS)
        self._wait(lambda: endpoint.state != "connecting")
        if endpoint.error:
            raise _error(endpoint.take_error())

    def connect_ex(self, address: Any) -> int:
        try:
            self.connect(address)
        except real.timeout_error:
            return errno.EAGAIN
        except OSError as error:
            return error.errno or errno.EIO
        return 0

    # --- data ---

    def recv(self, bufsize: int, flags: int = 0) -> bytes:
        if bufsize < 0:
            raise ValueError("negative buffersize in recv")
        endpoint = self._stream()
        if bufsize == 0:
            return b""
        self._wait(endpoint.readable, flags)
        data = endpoint.read(bufsize, bool(flags & _socket.MSG_PEEK))
        if flags & _socket.MSG_WAITALL and not flags & _socket.MSG_PEEK:
            while len(data) < bufsize:
                self._wait(endpoint.readable, flags)
                more = endpoint.read(bufsize - len(data), False)
                if not more:
                    break
                data += more
        return bytes(data)

    def recv_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> int:
        view = memoryview(buffer).cast("B")
        data = self.recv(nbytes or len(view), flags)
        view[: len(data)] = data
        return len(data)

    def recvfrom(self, bufsize: int, flags: int = 0) -> tuple[bytes, Any]:
        return self.recv(bufsize, flags), None

    def recvfrom_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> tuple[int, Any]:
        return self.recv_into(buffer, nbytes, flags), None

    def recvmsg(self, bufsize: int, ancbufsize: int = 0, flags: int = 0) -> tuple[bytes, list[Any], int, Any]:
        return self.recv(bufsize, flags), [], 0, None

    def recvmsg_into(self, buffers: Any, ancbufsize: int = 0, flags: int = 0) -> tuple[int, list[Any], int, Any]:
        views = [memoryview(one).cast("B") for one in buffers]
        data = self.recv(sum(map(len, views)), flags)
        at = 0
        for view in views:
            part = data[at : at + len(view)]
            view[: len(part)] = part
            at += len(part)
        return len(data), [], 0, None

    def send(self, data: Any, flags: int = 0) -> int:
        endpoint = self._stream()
        self._wait(endpoint.writable, flags)
        with memoryview(data) as view:
            return int(endpoint.write(view.tobytes()))

    def sendall(self, data: Any, flags: int = 0) -> None:
        with memoryview(data) as view:
            left = view.tobytes()
        while True:
            sent = self.send(left, flags)
            left = left[sent:]
            if not left:
                return

    def sendto(self, data: Any, *flags_and_address: Any) -> int:
        return self.send(data)

    def sendmsg(self, buffers: Any, ancdata: Any = (), flags: int = 0, address: Any = None) -> int:
        if list(ancdata):
            raise _error(errno.EOPNOTSUPP)
        return self.send(b"".join(bytes(memoryview(one)) for one in buffers), flags)

    def sendmsg_afalg(self, *args: Any, **options: Any) -> int:
        raise _error(errno.EOPNOTSUPP)

    def shutdown(self, how: int) -> None:
        endpoint = self._stream()
        reading, writing = how in (_socket.SHUT_RD, _socket.SHUT_RDWR), how in (_socket.SHUT_WR, _socket.SHUT_RDWR)
        if not (reading or writing):
            raise _error(errno.EINVAL)
        endpoint.shut(reading, writing)

    # --- the end ---

    def close(self) -> None:
        if self._fd >= 0:
            scheduler.point()
        self._close()

    def _close(self) -> None:
        fd, self._fd = self._fd, -1
        if fd in endpoints:
            close_endpoint(fd)

    def detach(self) -> int:
        fd, self._fd = self._fd, -1
        return fd

    # --- helpers ---

    def _open(self) -> Any:
        if self._fd < 0 or self._fd not in endpoints:
            raise _error(errno.EBADF)
        return self._endpoint

    def _stream(self) -> Any:
        scheduler.point()
        endpoint = self._open()
        if not isinstance(endpoint, (Connection, Pair)):
            self._not_a_stream()
        return endpoint

    def _not_a_stream(self) -> None:
        _refuse(
            "the client uses a socket of family %d and type %d; only TCP is possible in virtual time"
            % (self._family, self._kind)
        )

    def _wait(self, is_so: Any, flags: int = 0) -> None:
        if is_so():
            return
        if self._timeout_s == 0.0 or flags & getattr(_socket, "MSG_DONTWAIT", 0):
            scheduler.polled()
            raise _error(errno.EAGAIN)
        if not self._endpoint.wait(is_so, scheduler.deadline_ns(self._timeout_s)):
            raise real.timeout_error("timed out")


for _name in dir(real.socket):  # what this one does not know: ioctl, share and the like, by platform
    if not hasattr(Socket, _name):
        setattr(Socket, _name, lambda self, *args, **options: _unsupported())
Socket.__name__ = Socket.__qualname__ = "socket"
Socket.__module__ = "_socket"

_default_timeout_s: float | None = None


def _unsupported() -> None:
    raise _error(errno.EOPNOTSUPP)


def _setdefaulttimeout(value: float | None) -> None:
    global _default_timeout_s
    _default_timeout_s = None if value is None else float(value)


def _getdefaulttimeout() -> float | None:
    return _default_timeout_s


def _socketpair(family: int = -1, type: int = -1, proto: int = 0) -> tuple[Socket, Socket]:
    one, other = Pair(), Pair()
    one.peer, other.peer = other, one
    kind = _socket.SOCK_STREAM if type == -1 else type
    family = getattr(_socket, "AF_UNIX", _socket.AF_INET) if family in (-1, None) else family
    return Socket(family, kind, proto, open_endpoint(one)), Socket(family, kind, proto, open_endpoint(other))


def install() -> None:
    """Replace what `_socket` offers, and let `os` know of virtual descriptors."""
    descriptors.install()
    put(
        _socket,
        socket=Socket,
        SocketType=Socket,
        socketpair=_socketpair,
        close=os.close,
        dup=os.dup,
        getaddrinfo=_getaddrinfo,
        gethostbyname=_gethostbyname,
        gethostbyname_ex=_gethostbyname_ex,
        gethostbyaddr=_gethostbyaddr,
        getnameinfo=_getnameinfo,
        gethostname=_gethostname,
        setdefaulttimeout=_setdefaulttimeout,
        getdefaulttimeout=_getdefaulttimeout,
    )
