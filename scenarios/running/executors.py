"""Executors: where work is done. Any other of ``concurrent.futures`` serves as well."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing.context import BaseContext
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class InThisProcess(Executor):
    """Does the work at once, when it is handed in."""

    def submit(self, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Do it; the future is done when it is answered."""
        future: Future[T] = Future()
        try:
            future.set_result(work(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


@contextmanager
def processes(jobs: int) -> Iterator[Executor]:
    """So many processes, or this one when it is to be a single one."""
    if jobs <= 1:
        yield InThisProcess()
    else:
        with pool(jobs) as executor:
            yield executor


@contextmanager
def pool(jobs: int, begin: Callable[..., None] | None = None, *arguments: Any) -> Iterator[Executor]:
    """So many processes, to which Ctrl-C means nothing; each calls ``begin`` first.

    Leaving the block waits for what they are at, and abandons what they have not begun. A KeyboardInterrupt ends them
    in the middle of it: a client that never comes back would be waited for in vain.
    """
    before = set(multiprocessing.active_children())
    executor = ProcessPoolExecutor(
        jobs, mp_context=method(), initializer=_begin, initargs=(begin or _do_nothing, *arguments)
    )
    try:
        yield executor
        executor.shutdown(wait=True, cancel_futures=True)
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            for process in set(multiprocessing.active_children()) - before:
                process.terminate()
        executor.shutdown(wait=True, cancel_futures=True)
        raise


def method() -> BaseContext:
    """How processes are begun. Forking spares each the second that imports take; where it is not to be had, spawn."""
    return multiprocessing.get_context("fork" if "fork" in multiprocessing.get_all_start_methods() else "spawn")


def _begin(begin: Callable[..., None], *arguments: Any) -> None:
    """A process begins. Ctrl-C reaches the whole process group; the parent decides what it means."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    begin(*arguments)


def _do_nothing() -> None:
    return
