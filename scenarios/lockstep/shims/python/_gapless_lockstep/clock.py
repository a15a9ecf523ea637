"""`time` and `datetime` in virtual time.

`datetime.datetime` is a class of C that many libraries compare by identity, so its methods are replaced in place.
`date.today` asks `time.time`, and needs nothing.
"""

from __future__ import annotations

import datetime
import gc
import os
import sys
import time
from typing import Any

from . import connections, real
from .patching import put
from .scheduler import scheduler

MONOTONIC_NS = 1_000 * 1_000_000_000  # what monotonic clocks show when a run begins


def _wall_ns() -> int:
    return scheduler.reading() + scheduler.epoch_ns


def _steady_ns() -> int:
    return scheduler.reading() + MONOTONIC_NS


def _spent_ns() -> int:
    return scheduler.reading()


def _time() -> float:
    return _wall_ns() / 1_000_000_000


def _monotonic() -> float:
    return _steady_ns() / 1_000_000_000


def _process_time() -> float:
    return _spent_ns() / 1_000_000_000


def _sleep(seconds: Any) -> None:
    if not isinstance(seconds, (int, float)):
        seconds = float(seconds) if hasattr(seconds, "__float__") else seconds.__index__()
    if seconds != seconds:
        raise ValueError("Invalid value NaN (not a number)")
    if seconds < 0:
        raise ValueError("sleep length must be non-negative")
    scheduler.sleep(seconds)


def _clock_gettime_ns(clock: int) -> int:
    walls = {getattr(time, name, None) for name in ("CLOCK_REALTIME", "CLOCK_TAI")}
    spent = {getattr(time, name, None) for name in ("CLOCK_PROCESS_CPUTIME_ID", "CLOCK_THREAD_CPUTIME_ID")}
    if clock in walls:
        return _wall_ns()
    if clock in spent:
        return _spent_ns()
    real.clock_gettime(clock)  # raises OSError for one that does not exist
    return _steady_ns()


def _clock_gettime(clock: int) -> float:
    return _clock_gettime_ns(clock) / 1_000_000_000


def _localtime(seconds: Any = None) -> Any:
    return real.localtime(_time() if seconds is None else seconds)


def _gmtime(seconds: Any = None) -> Any:
    return real.gmtime(_time() if seconds is None else seconds)


def _ctime(seconds: Any = None) -> str:
    return str(real.ctime(_time() if seconds is None else seconds))


def _asctime(*parts: Any) -> str:
    return str(real.asctime(*parts or (_localtime(),)))


def _strftime(format: str, *parts: Any) -> str:
    return str(real.strftime(format, *parts or (_localtime(),)))


def _times() -> Any:
    spent_s = _process_time()
    return os.times_result((spent_s, 0.0, 0.0, 0.0, _monotonic()))


def _now(cls: Any, tz: Any = None) -> Any:
    """Return new datetime object local to tz."""
    passed_ns = scheduler.stamp() if connections.is_server() else scheduler.reading()
    seconds, rest_ns = divmod(scheduler.epoch_ns + passed_ns, 1_000_000_000)
    return cls.fromtimestamp(seconds, tz).replace(microsecond=rest_ns // 1000)


def _utcnow(cls: Any) -> Any:
    """Return a new datetime representing UTC day and time."""
    return _now(cls, datetime.UTC).replace(tzinfo=None)


def _replace_in_place(cls: type, **functions: Any) -> None:
    """Replace class methods of a class of C: its dictionary is read-only only from outside."""
    members: Any = gc.get_referents(cls.__dict__)[0]
    for name, function in functions.items():
        members[name] = classmethod(function)
    clear = getattr(sys, "_clear_internal_caches", None) or getattr(sys, "_clear_type_cache", None)
    if clear is not None:
        clear()
    if hasattr(sys, "_clear_type_cache"):
        sys._clear_type_cache()


def install() -> None:
    """Replace every clock that Python offers."""
    put(
        time,
        time=_time,
        time_ns=_wall_ns,
        monotonic=_monotonic,
        monotonic_ns=_steady_ns,
        perf_counter=_monotonic,
        perf_counter_ns=_steady_ns,
        process_time=_process_time,
        process_time_ns=_spent_ns,
        thread_time=_process_time,
        thread_time_ns=_spent_ns,
        sleep=_sleep,
        localtime=_localtime,
        gmtime=_gmtime,
        ctime=_ctime,
        asctime=_asctime,
        strftime=_strftime,
    )
    if hasattr(time, "clock_gettime"):
        put(time, clock_gettime=_clock_gettime, clock_gettime_ns=_clock_gettime_ns)
    put(os, times=_times)
    _replace_in_place(datetime.datetime, now=_now, utcnow=_utcnow)
