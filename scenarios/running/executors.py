"""Executors for many runs: this process, or several. Any other executor of ``concurrent.futures`` works too."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing.context import BaseContext
from typing import Any, ParamSpec, TypeVar

from gapless.scenarios.running.cluster import cluster

P = ParamSpec("P")
T = TypeVar("T")


class SerialExecutor(Executor):
    """Does the work in this process, within ``submit``."""

    def submit(self, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Do the work now. The future that is returned is done."""
        future: Future[T] = Future()
        try:
            future.set_result(work(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


@contextmanager
def processes(jobs: int, where: str = "") -> Iterator[Executor]:
    """An executor with ``jobs`` worker processes; this process when ``jobs`` is 1 or less.

    ``where``: the address of a cluster, whose workers are taken instead.
    """
    if where:
        with cluster(where) as workers:
            yield workers
    elif jobs <= 1:
        yield SerialExecutor()
    else:
        with pool(jobs) as executor:
            yield executor


@contextmanager
def pool(jobs: int, begin: Callable[..., None] | None = None, *arguments: Any) -> Iterator[Executor]:
    """An executor with ``jobs`` worker processes, which ignore Ctrl-C. Each calls ``begin(*arguments)`` first.

    Leaving the block waits for work under way, and drops work that was not started. A KeyboardInterrupt terminates the
    workers instead of waiting, because a client that never returns would keep us waiting for ever.
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
    """How worker processes start. Fork saves each the second that imports take; spawn serves where fork is missing."""
    return multiprocessing.get_context("fork" if "fork" in multiprocessing.get_all_start_methods() else "spawn")


def _begin(begin: Callable[..., None], *arguments: Any) -> None:
    """The first call in a worker. Ctrl-C reaches the whole process group, so workers ignore it: the parent decides."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    begin(*arguments)


def _do_nothing() -> None:
    return
