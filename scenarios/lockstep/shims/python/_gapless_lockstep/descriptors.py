"""Virtual file descriptors: what lies behind a number that the operating system knows as something that it is not.

An *endpoint* is what can be waited for: a connection, one end of a pair, standard input. Each virtual descriptor has
a real one as its placeholder, so that no other file gets its number: an unconnected Unix socket, which nothing can be
read from or written to.
"""

from __future__ import annotations

import _socket
import errno
import os
import select
from collections.abc import Callable, Iterable
from typing import Any

from . import real
from .scheduler import Task, scheduler

READ, WRITE = 1, 2


class Endpoint:
    """What can be waited for. waiters: the tasks that wait for a change of it."""

    def __init__(self) -> None:
        self.waiters: list[Task] = []
        self.handles = 0  # descriptors that lead here

    def readable(self) -> bool:
        """Would a read return, or fail, at once?"""
        return False

    def writable(self) -> bool:
        """Would a write return, or fail, at once?"""
        return False

    def ended(self) -> bool:
        """Has the peer ended its direction?"""
        return False

    def hung_up(self) -> bool:
        """Have both directions ended?"""
        return False

    def failed(self) -> bool:
        """Is there an error to be fetched?"""
        return False

    def read(self, size_bytes: int) -> bytes:
        """What has arrived, without waiting."""
        raise NotImplementedError

    def write(self, data: bytes) -> int:
        """Send, without waiting."""
        raise NotImplementedError

    def release(self) -> None:
        """The last descriptor is closed."""

    def notify(self) -> None:
        """Something has changed: let all who wait look again."""
        waiters, self.waiters = self.waiters, []
        for task in waiters:
            scheduler.unpark(task)

    def wait(self, is_so: Callable[[], bool], deadline_ns: int | None) -> bool:
        """Wait until something is so; False when the deadline came first."""
        while not is_so():
            self.waiters.append(scheduler.current)
            if not scheduler.park(deadline_ns):
                if scheduler.current in self.waiters:
                    self.waiters.remove(scheduler.current)
                return is_so()
        return True


endpoints: dict[int, Endpoint] = {}


def placeholder() -> int:
    """A real descriptor that holds a number."""
    keeper = real.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    keeper.setblocking(False)
    return int(keeper.detach())


def open_endpoint(endpoint: Endpoint) -> int:
    """A new descriptor that leads to an endpoint."""
    fd = placeholder()
    endpoints[fd] = endpoint
    endpoint.handles += 1
    return fd


def close_endpoint(fd: int) -> None:
    """Close a virtual descriptor."""
    endpoint = endpoints.pop(fd)
    real.close(fd)
    endpoint.handles -= 1
    if endpoint.handles == 0:
        endpoint.release()


def to_fd(file: Any) -> int:
    """The descriptor of a number, or of what has one. Raises as `select` does."""
    fd = file if isinstance(file, int) else file.fileno()
    if not isinstance(fd, int):
        raise TypeError("argument must be an int, or have a fileno() method.")
    if fd < 0:
        raise ValueError("file descriptor cannot be a negative integer (%d)" % fd)
    return fd


def ready_now(interests: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Which pairs of a descriptor and READ, WRITE or both are ready, and for what, as flags of `select.poll`."""
    found = []
    for fd, wanted in interests:
        endpoint = endpoints.get(fd)
        flags = _real_flags(fd, wanted) if endpoint is None else _flags(endpoint, wanted)
        if flags:
            found.append((fd, flags))
    return found


def _flags(endpoint: Endpoint, wanted: int) -> int:
    flags = 0
    if wanted & READ and endpoint.readable():
        flags |= select.POLLIN
    if wanted & WRITE and endpoint.writable():
        flags |= select.POLLOUT
    if endpoint.failed():
        flags |= select.POLLERR
    if endpoint.hung_up():
        flags |= select.POLLHUP
    if endpoint.ended():
        flags |= getattr(select, "POLLRDHUP", 0) if wanted & READ else 0
    return flags


def _real_flags(fd: int, wanted: int) -> int:
    poll = real.poll()
    poll.register(fd, _events(wanted))
    found = poll.poll(0)
    return int(found[0][1]) if found else 0


def _events(wanted: int) -> int:
    return (select.POLLIN if wanted & READ else 0) | (select.POLLOUT if wanted & WRITE else 0)


def wait_for(
    interests: Callable[[], list[tuple[int, int]]], timeout_s: float | None, poller: Endpoint | None = None
) -> list[tuple[int, int]]:
    """Wait until one of several descriptors is ready; nothing is when the time-out came first.

    ``interests()`` is asked again after each change: another thread may add to them, and notifies ``poller``.
    """
    scheduler.point()
    found = ready_now(interests())
    if found or (timeout_s is not None and timeout_s <= 0):
        if not found:
            scheduler.polled()
        scheduler.step_back()
        return found or ready_now(interests())
    deadline_ns = scheduler.deadline_ns(timeout_s)
    me = scheduler.current
    while True:
        wanted = interests()
        watched = [endpoints[fd] for fd, _ in wanted if fd in endpoints]
        if poller is not None:
            watched.append(poller)
        for endpoint in watched:
            endpoint.waiters.append(me)
        reals = [(fd, _events(events)) for fd, events in wanted if fd not in endpoints]
        if reals:
            scheduler.real_waits[me] = reals
        in_time = scheduler.park(deadline_ns)
        scheduler.real_waits.pop(me, None)
        for endpoint in watched:
            while me in endpoint.waiters:
                endpoint.waiters.remove(me)
        found = ready_now(interests())
        if found or not in_time:
            return found


# --- what `os` does to virtual descriptors ----------------------------------------------------------------------


def _read(fd: int, length: int) -> bytes:
    endpoint = endpoints.get(fd)
    if endpoint is None:
        return real.read(fd, length)  # type: ignore[no-any-return]
    scheduler.point()
    if not endpoint.readable():
        if not os.get_blocking(fd):  # standard input's own, or the placeholder's
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        endpoint.wait(endpoint.readable, None)
    return endpoint.read(length)


def _write(fd: int, data: Any) -> int:
    endpoint = endpoints.get(fd)
    if endpoint is None:
        return real.write(fd, data)  # type: ignore[no-any-return]
    scheduler.point()
    return endpoint.write(bytes(data))


def _close(fd: int) -> None:
    if fd in endpoints:
        scheduler.point()
        close_endpoint(fd)
    else:
        real.close(fd)


def _dup(fd: int) -> int:
    endpoint = endpoints.get(fd)
    return real.dup(fd) if endpoint is None else open_endpoint(endpoint)


def _sync(fd: Any) -> None:
    """What was written outlives the process, which is all that can end here. The disk is not waited for in real time.

    Raises OSError, as the real one does, when the descriptor is none.
    """
    real.fstat(fd if isinstance(fd, int) else fd.fileno())


def install() -> None:
    """Let `os.read`, `os.write`, `os.close` and `os.dup` know of virtual descriptors, and files take no real time."""
    from .patching import put

    put(os, read=_read, write=_write, close=_close, dup=_dup, fsync=_sync)
    if hasattr(os, "fdatasync"):
        put(os, fdatasync=_sync)
