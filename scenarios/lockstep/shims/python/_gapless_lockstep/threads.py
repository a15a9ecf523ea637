"""Locks, and how threads start and end: what `_thread` offers.

`threading`, `queue` and `concurrent.futures` keep their own code on top of these. A lock that is released goes to the
task that has waited for longest.
"""

from __future__ import annotations

import _thread
import sys
import traceback
from collections import deque
from collections.abc import Callable
from typing import Any

from . import real
from .patching import put
from .scheduler import Task, scheduler


def _until_ns(blocking: bool, timeout: float) -> int | None:
    """The deadline of a lock's wait. Raises ValueError as `lock.acquire` does."""
    if not blocking and timeout != -1:
        raise ValueError("can't specify a timeout for a non-blocking call")
    if timeout < 0 and timeout != -1:
        raise ValueError("timeout value must be a non-negative number")
    if timeout > _thread.TIMEOUT_MAX:
        raise OverflowError("timeout value is too large")
    return None if timeout == -1 else scheduler.deadline_ns(timeout)


class Lock:
    """In place of `_thread.lock`."""

    __slots__ = ("__weakref__", "_is_locked", "_waiters")

    def __init__(self) -> None:
        self._is_locked = False
        self._waiters: deque[Task] = deque()

    def __repr__(self) -> str:
        state = "locked" if self._is_locked else "unlocked"
        return "<%s _thread.lock object at %#x>" % (state, id(self))

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise TypeError("cannot pickle '_thread.lock' object")

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Take it, or wait for it; whether it is ours."""
        deadline_ns = None if timeout == -1 else _until_ns(blocking, timeout)
        scheduler.point()
        if not self._is_locked:
            self._is_locked = True
            return True
        if not blocking or timeout == 0:
            scheduler.polled()
            return False
        me = scheduler.current
        self._waiters.append(me)
        if scheduler.park(deadline_ns):
            return True  # handed over by release
        if me in self._waiters:
            self._waiters.remove(me)
            return False
        return True

    def release(self) -> None:
        """Give it to the next in line. Raises RuntimeError when nobody has it."""
        if not self._is_locked:
            raise RuntimeError("release unlocked lock")
        if self._waiters:
            scheduler.unpark(self._waiters.popleft())
        else:
            self._is_locked = False
        scheduler.point()

    def locked(self) -> bool:
        """Has anybody it?"""
        return self._is_locked

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *error: Any) -> None:
        self.release()

    def _at_fork_reinit(self) -> None:
        self._is_locked = False
        self._waiters.clear()

    acquire_lock = acquire
    release_lock = release
    locked_lock = locked


class Sentinel(Lock):
    """The lock that is released when a thread ends (up to Python 3.12).

    It is not handed over: of two threads that join a third one, each takes it and gives it back at once, and
    `threading` asserts that it is free then.
    """

    __slots__ = ()

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        deadline_ns = _until_ns(blocking, timeout)
        scheduler.point()
        while self._is_locked:
            if not blocking or timeout == 0:
                scheduler.polled()
                return False
            me = scheduler.current
            self._waiters.append(me)
            if not scheduler.park(deadline_ns):
                if me in self._waiters:
                    self._waiters.remove(me)
                if self._is_locked:
                    return False
        self._is_locked = True
        return True

    def release(self) -> None:
        if not self._is_locked:
            raise RuntimeError("release unlocked lock")
        self._is_locked = False
        while self._waiters:
            scheduler.unpark(self._waiters.popleft())
        scheduler.point()


class RLock:
    """In place of `_thread.RLock`."""

    __slots__ = ("__weakref__", "_block", "_count", "_owner")

    def __init__(self) -> None:
        self._block = Lock()
        self._owner = 0
        self._count = 0

    def __repr__(self) -> str:
        state = "locked" if self._count else "unlocked"
        return "<%s _thread.RLock object owner=%d count=%d at %#x>" % (state, self._owner, self._count, id(self))

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise TypeError("cannot pickle '_thread.RLock' object")

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Take it once more, or wait for it; whether it is ours."""
        me = real.get_ident()
        if self._owner == me and self._count:
            scheduler.point()
            self._count += 1
            return True
        if not self._block.acquire(blocking, timeout):
            return False
        self._owner, self._count = me, 1
        return True

    def release(self) -> None:
        """Give it back once. Raises RuntimeError for one who has it not."""
        if not self._count or self._owner != real.get_ident():
            raise RuntimeError("cannot release un-acquired lock")
        self._count -= 1
        if self._count:
            scheduler.point()
        else:
            self._owner = 0
            self._block.release()

    def locked(self) -> bool:
        """Has anybody it?"""
        return self._count > 0

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *error: Any) -> None:
        self.release()

    # What `threading.Condition` uses.

    def _is_owned(self) -> bool:
        return self._count > 0 and self._owner == real.get_ident()

    def _release_save(self) -> tuple[int, int]:
        if not self._count:
            raise RuntimeError("cannot release un-acquired lock")
        state = (self._count, self._owner)
        self._count, self._owner = 0, 0
        self._block.release()
        return state

    def _acquire_restore(self, state: tuple[int, int]) -> None:
        self._block.acquire()
        self._count, self._owner = state

    def _recursion_count(self) -> int:
        return self._count if self._owner == real.get_ident() else 0

    def _at_fork_reinit(self) -> None:
        self._block._at_fork_reinit()
        self._owner = self._count = 0


Lock.__name__ = Lock.__qualname__ = Sentinel.__name__ = "lock"
RLock.__name__ = RLock.__qualname__ = "RLock"
Lock.__module__ = RLock.__module__ = "_thread"


# --- threads ------------------------------------------------------------------------------------------------------


class Handle:
    """In place of `_thread._ThreadHandle`, which `threading.Thread` has from Python 3.13 on."""

    def __init__(self, ident: int = 0) -> None:
        self.ident = ident
        self._done = Lock()
        self._is_done = False
        if ident:
            self._done._is_locked = True

    def is_done(self) -> bool:
        """Has the thread ended?"""
        return self._is_done

    def _set_done(self) -> None:
        if not self._is_done:
            self._is_done = True
            if self._done._is_locked:
                self._done.release()

    def join(self, timeout: float | None = None) -> None:
        """Wait until the thread has ended."""
        scheduler.point()
        if self._is_done:
            return
        if self._done.acquire(True, -1 if timeout is None or timeout < 0 else timeout):
            self._done.release()


_shutdown_handles: dict[Handle, None] = {}


def _start(function: Callable[..., object], args: Any, kwargs: Any, ended: Callable[[], object]) -> int:
    """Start a thread that runs when it is its turn; ``ended()`` is called when its function has returned."""
    scheduler.before_thread()
    task = scheduler.add(getattr(function, "__qualname__", "thread"))
    gone: list[Any] = []

    def boot() -> None:
        if real.set_sentinel is not None:
            sentinel = real.set_sentinel()  # released when the interpreter has let go of this thread
            sentinel.acquire()
            gone.append(sentinel.acquire)
        scheduler.enter(task)
        try:
            function(*args, **kwargs)
        except SystemExit:
            pass
        except BaseException:
            sys.stderr.write("Exception ignored in thread started by: %r\n" % (function,))
            traceback.print_exc()
        finally:
            if task.sentinel is not None and task.sentinel.locked():
                task.sentinel.release()
            ended()
            scheduler.leave(task, gone[0])

    if real.start_joinable_thread is not None:
        handle = real.start_joinable_thread(boot, daemon=True)
        gone.append(handle.join)
        ident = int(handle.ident)
    else:
        ident = int(real.start_new_thread(boot, ()))
    task.ident = ident
    scheduler.ready.append(task)
    scheduler.point()
    return ident


def _start_new_thread(function: Callable[..., object], args: Any, kwargs: Any = None) -> int:
    if not callable(function):
        raise TypeError("first arg must be callable")
    if not isinstance(args, tuple):
        raise TypeError("2nd arg must be a tuple")
    return _start(function, args, kwargs or {}, _nothing)


def _start_joinable_thread(function: Callable[..., object], handle: Any = None, daemon: bool = True) -> Any:
    handle = handle or Handle()
    if handle.ident:
        raise RuntimeError("thread already started")
    handle._done._is_locked = True
    if not daemon:
        _shutdown_handles[handle] = None

    def ended() -> None:
        _shutdown_handles.pop(handle, None)
        handle._set_done()

    handle.ident = _start(function, (), {}, ended)
    return handle


def _shutdown() -> None:
    """Join every thread that is no daemon."""
    while _shutdown_handles:
        next(iter(_shutdown_handles)).join()


def _set_sentinel() -> Lock:
    """A lock that is released when this thread ends."""
    lock = Sentinel()
    scheduler.current.sentinel = lock
    return lock


def _nothing() -> None:
    """Nothing to be done."""


def install() -> None:
    """Replace what `_thread` offers."""
    put(
        _thread,
        allocate_lock=Lock,
        allocate=Lock,
        LockType=Lock,
        RLock=RLock,
        start_new_thread=_start_new_thread,
        start_new=_start_new_thread,
    )
    if hasattr(_thread, "lock"):
        put(_thread, lock=Lock)
    if real.set_sentinel is not None:
        put(_thread, _set_sentinel=_set_sentinel)
    if real.start_joinable_thread is not None:
        put(
            _thread,
            start_joinable_thread=_start_joinable_thread,
            _ThreadHandle=Handle,
            _make_thread_handle=Handle,
            _shutdown=_shutdown,
        )
    import _queue

    put(_queue, SimpleQueue=None)  # `queue` then takes its own, in Python
