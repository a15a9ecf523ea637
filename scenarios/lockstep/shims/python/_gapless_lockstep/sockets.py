"""The class that `socket.socket` is built upon, and what else `_socket` offers.

The standard library's `socket` is imported anew on top of this, so that `socket.socket` keeps every method of the real
one.
"""

from __future__ import annotations

import _socket
import errno
import os
import struct
from typing import Any

from . import connections, descriptors, names, real
from .connections import Connection, Listener, Pair, os_error
from .descriptors import Endpoint, close_endpoint, endpoints, open_endpoint
from .names import resolve
from .patching import put
from .scheduler import scheduler

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
                return int(isinstance(endpoint, Listener))
        value = self._options.get((level, option), 0)
        if buflen:
            raw = value if isinstance(value, (bytes, bytearray)) else struct.pack("i", int(value))
            return bytes(raw[:buflen].ljust(buflen, b"\0"))
        return value if isinstance(value, int) else 0

    def getsockname(self) -> Any:
        endpoint = self._open()
        if isinstance(endpoint, Listener):
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
            raise os_error(errno.ENOTCONN)
        return (*endpoint.address, 0, 0) if self._family == _socket.AF_INET6 else endpoint.address

    # --- connecting ---

    def bind(self, address: Any) -> None:
        self._open()
        if isinstance(address, tuple) and len(address) >= 2:
            self._bound = (resolve(address[0]), int(address[1]))

    def listen(self, backlog: int = 128) -> None:
        if not connections.is_server():
            _refuse("the client listens for connections, which is not possible in virtual time; let it only connect")
        if isinstance(self._open(), Listener):
            return
        if not isinstance(self._endpoint, Connection) or self._family == _socket.AF_UNIX:
            self._not_a_stream()
        listener = connections.listen(self._bound)
        listener.handles = self._endpoint.handles
        self._bound = listener.address
        self._endpoint = endpoints[self._fd] = listener

    def _accept(self) -> Any:
        scheduler.point()
        listener = self._open()
        if not isinstance(listener, Listener):
            raise os_error(errno.EINVAL)
        self._wait(listener.readable)
        connection = listener.backlog.popleft()
        return open_endpoint(connection), connection.address

    def connect(self, address: Any) -> None:
        scheduler.point()
        endpoint = self._open()
        if not isinstance(endpoint, Connection):
            self._not_a_stream()
        if self._family == _socket.AF_UNIX:
            raise os_error(errno.ENOENT)
        if endpoint.state == "connecting":
            raise os_error(errno.EALREADY)
        if endpoint.state == "open":
            raise os_error(errno.EISCONN)
        if not isinstance(address, tuple) or len(address) < 2:
            raise TypeError("connect(): AF_INET address must be tuple, not %s" % type(address).__name__)
        endpoint.error, endpoint.is_broken = 0, False
        endpoint.connect(resolve(address[0]), int(address[1]))
        if self._timeout_s == 0.0:
            raise os_error(errno.EINPROGRESS)
        self._wait(lambda: endpoint.state != "connecting")
        if endpoint.error:
            raise os_error(endpoint.take_error())

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
            raise os_error(errno.EOPNOTSUPP)
        return self.send(b"".join(bytes(memoryview(one)) for one in buffers), flags)

    def sendmsg_afalg(self, *args: Any, **options: Any) -> int:
        raise os_error(errno.EOPNOTSUPP)

    def shutdown(self, how: int) -> None:
        endpoint = self._stream()
        reading, writing = how in (_socket.SHUT_RD, _socket.SHUT_RDWR), how in (_socket.SHUT_WR, _socket.SHUT_RDWR)
        if not (reading or writing):
            raise os_error(errno.EINVAL)
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
            raise os_error(errno.EBADF)
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
            raise os_error(errno.EAGAIN)
        if not self._endpoint.wait(is_so, scheduler.deadline_ns(self._timeout_s)):
            raise real.timeout_error("timed out")


for _name in dir(real.socket):  # what this one does not know: ioctl, share and the like, by platform
    if not hasattr(Socket, _name):
        setattr(Socket, _name, lambda self, *args, **options: _unsupported())
Socket.__name__ = Socket.__qualname__ = "socket"
Socket.__module__ = "_socket"

_default_timeout_s: float | None = None


def _unsupported() -> None:
    raise os_error(errno.EOPNOTSUPP)


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
    names.install()
    put(
        _socket,
        socket=Socket,
        SocketType=Socket,
        socketpair=_socketpair,
        close=os.close,
        dup=os.dup,
        setdefaulttimeout=_setdefaulttimeout,
        getdefaulttimeout=_getdefaulttimeout,
    )
