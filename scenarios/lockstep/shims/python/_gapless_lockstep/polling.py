"""What `select` offers, over virtual and real descriptors; the standard library's `selectors` is built upon it anew."""

from __future__ import annotations

import errno
import os
import select
import stat
from typing import Any

from . import real
from .descriptors import READ, WRITE, Endpoint, endpoints, to_fd, wait_for
from .patching import put

_IN = select.POLLIN | select.POLLPRI
_OUT = select.POLLOUT
_ALWAYS = select.POLLERR | select.POLLHUP | select.POLLNVAL
_RDHUP = getattr(select, "POLLRDHUP", 0)
_ONESHOT = getattr(select, "EPOLLONESHOT", 0)


def _wanted(mask: int) -> int:
    return (READ if mask & (_IN | _RDHUP) else 0) | (WRITE if mask & _OUT else 0)


def _select(rlist: Any, wlist: Any, xlist: Any, timeout: Any = None) -> tuple[list[Any], list[Any], list[Any]]:
    readers = [(to_fd(one), one) for one in rlist]
    writers = [(to_fd(one), one) for one in wlist]
    for one in xlist:
        to_fd(one)
    if timeout is not None and timeout < 0:
        raise ValueError("timeout must be non-negative")
    interests = [(fd, READ) for fd, _ in readers] + [(fd, WRITE) for fd, _ in writers]
    for fd, _ in interests:
        if fd not in endpoints:
            real.fstat(fd)  # raises OSError for a descriptor that is closed, as select does
    # Of a descriptor that is in both lists, each entry has its own flags.
    found = wait_for(lambda: interests, timeout)
    readable = {fd for fd, flags in found if flags & (_IN | _ALWAYS)}
    writable = {fd for fd, flags in found if flags & (_OUT | select.POLLERR)}
    return [one for fd, one in readers if fd in readable], [one for fd, one in writers if fd in writable], []


class Poll(Endpoint):
    """In place of `select.poll`."""

    def __init__(self) -> None:
        super().__init__()
        self._masks: dict[int, int] = {}

    def register(self, fd: Any, eventmask: int = select.POLLIN | select.POLLPRI | select.POLLOUT) -> None:
        """Watch a descriptor."""
        self._masks[to_fd(fd)] = eventmask
        self.notify()

    def modify(self, fd: Any, eventmask: int) -> None:
        """Watch it for something else."""
        number = to_fd(fd)
        if number not in self._masks:
            raise OSError(errno.ENOENT, os.strerror(errno.ENOENT))
        self._masks[number] = eventmask
        self.notify()

    def unregister(self, fd: Any) -> None:
        """Watch it no more. Raises KeyError."""
        del self._masks[to_fd(fd)]

    def poll(self, timeout: Any = None) -> list[tuple[int, int]]:
        """What is ready; ``timeout`` in milliseconds."""
        timeout_s = None if timeout is None or timeout < 0 else timeout / 1000
        found = wait_for(self._interests, timeout_s, self)
        masked = ((fd, flags & (self._masks.get(fd, 0) | _ALWAYS)) for fd, flags in found)
        return [(fd, flags) for fd, flags in masked if flags]

    def _interests(self) -> list[tuple[int, int]]:
        return [(fd, _wanted(mask)) for fd, mask in self._masks.items()]


class Epoll(Endpoint):
    """In place of `select.epoll`. Edge-triggered descriptors are told of as level-triggered ones."""

    def __init__(self, sizehint: int = -1, flags: int = 0) -> None:
        super().__init__()
        from .descriptors import open_endpoint

        self._masks: dict[int, tuple[int, Endpoint | None]] = {}
        self._fd = open_endpoint(self)

    @classmethod
    def fromfd(cls, fd: int) -> Epoll:
        """The one behind a descriptor."""
        endpoint = endpoints.get(fd)
        if not isinstance(endpoint, cls):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        return endpoint

    def __enter__(self) -> Epoll:
        return self

    def __exit__(self, *error: Any) -> None:
        self.close()

    @property
    def closed(self) -> bool:
        """Is it closed?"""
        return self._fd < 0

    def fileno(self) -> int:
        """Its descriptor. Raises ValueError once it is closed."""
        if self._fd < 0:
            raise ValueError("I/O operation on closed epoll object")
        return self._fd

    def close(self) -> None:
        """Close it."""
        if self._fd >= 0:
            from .descriptors import close_endpoint

            fd, self._fd = self._fd, -1
            close_endpoint(fd)

    def readable(self) -> bool:
        from .descriptors import ready_now

        return bool(ready_now(self._interests()))

    def register(self, fd: Any, eventmask: int = select.POLLIN | select.POLLPRI | select.POLLOUT) -> None:
        """Watch a descriptor. Raises OSError when it is watched already, or cannot be."""
        self.fileno()
        number = to_fd(fd)
        if self._known(number):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
        if number not in endpoints and stat.S_ISREG(real.fstat(number).st_mode):
            raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))
        self._masks[number] = (eventmask, endpoints.get(number))
        self.notify()

    def modify(self, fd: Any, eventmask: int) -> None:
        """Watch it for something else. Raises OSError when it is not watched."""
        self.fileno()
        number = to_fd(fd)
        if not self._known(number):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        self._masks[number] = (eventmask, endpoints.get(number))
        self.notify()

    def unregister(self, fd: Any) -> None:
        """Watch it no more. Raises OSError when it is not watched."""
        self.fileno()
        number = to_fd(fd)
        if not self._known(number):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        del self._masks[number]

    def poll(self, timeout: Any = None, maxevents: int = -1) -> list[tuple[int, int]]:
        """What is ready; ``timeout`` in seconds."""
        self.fileno()
        timeout_s = None if timeout is None or timeout < 0 else timeout
        found = []
        for fd, flags in wait_for(self._interests, timeout_s, self):
            mask = self._masks[fd][0] if fd in self._masks else 0
            flags &= mask | _ALWAYS
            if flags and mask & ~_ONESHOT:
                found.append((fd, flags))
                if mask & _ONESHOT:
                    self._masks[fd] = (0, self._masks[fd][1])
        return found[:maxevents] if maxevents > 0 else found

    def _known(self, fd: int) -> bool:
        """Is it watched, and still the same? One that is closed is forgotten."""
        known = self._masks.get(fd)
        if known is not None and known[1] is not endpoints.get(fd):
            del self._masks[fd]
            return False
        return known is not None

    def _interests(self) -> list[tuple[int, int]]:
        # One that waits for nothing, as a one-shot does once it was told of, is not even told of errors.
        return [(fd, _wanted(self._masks[fd][0])) for fd in list(self._masks) if self._known(fd) and self._masks[fd][0]]


class Kqueue(Endpoint):
    """In place of `select.kqueue`, where there is one: read and write filters only."""

    def __init__(self) -> None:
        super().__init__()
        from .descriptors import open_endpoint

        self._filters: dict[tuple[int, int], tuple[int, Any]] = {}  # flags and user data, by descriptor and filter
        self._fd = open_endpoint(self)

    @property
    def closed(self) -> bool:
        """Is it closed?"""
        return self._fd < 0

    def fileno(self) -> int:
        """Its descriptor. Raises ValueError once it is closed."""
        if self._fd < 0:
            raise ValueError("I/O operation on closed kqueue object")
        return self._fd

    def close(self) -> None:
        """Close it."""
        if self._fd >= 0:
            from .descriptors import close_endpoint

            fd, self._fd = self._fd, -1
            close_endpoint(fd)

    def control(self, changelist: Any, max_events: int, timeout: Any = None) -> list[Any]:
        """Change what is watched, then wait for some of it."""
        self.fileno()
        for change in changelist or ():
            self._change(change)
        if not max_events:
            return []
        platform: Any = select
        found = []
        for fd, flags in wait_for(self._interests, timeout, self):
            for kind, mask in ((platform.KQ_FILTER_READ, _IN), (platform.KQ_FILTER_WRITE, _OUT)):
                known = self._filters.get((fd, kind))
                if known is None or known[0] & platform.KQ_EV_DISABLE or not flags & (mask | _ALWAYS):
                    continue
                ended = platform.KQ_EV_EOF if flags & select.POLLHUP else 0
                found.append(platform.kevent(fd, kind, platform.KQ_EV_ADD | ended, 0, 0, known[1]))
                if known[0] & platform.KQ_EV_ONESHOT:
                    del self._filters[fd, kind]
        return found[:max_events]

    def _change(self, change: Any) -> None:
        platform: Any = select
        key = (int(change.ident), int(change.filter))
        if key[1] not in (platform.KQ_FILTER_READ, platform.KQ_FILTER_WRITE):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        if change.flags & platform.KQ_EV_DELETE:
            if self._filters.pop(key, None) is None:
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        else:
            self._filters[key] = (int(change.flags), change.udata)
        self.notify()

    def _interests(self) -> list[tuple[int, int]]:
        platform: Any = select
        wanted: dict[int, int] = {}
        for (fd, kind), (flags, _) in self._filters.items():
            if not flags & platform.KQ_EV_DISABLE:
                wanted[fd] = wanted.get(fd, 0) | (READ if kind == platform.KQ_FILTER_READ else WRITE)
        return list(wanted.items())


def install() -> None:
    """Replace what `select` offers."""
    put(select, select=_select, poll=Poll)
    if hasattr(select, "epoll"):
        put(select, epoll=Epoll)
    if hasattr(select, "kqueue"):
        put(select, kqueue=Kqueue)
    if hasattr(select, "devpoll"):
        del select.devpoll
