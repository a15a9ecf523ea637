"""An executor on many machines: Dask's own scheduler and workers, from the extra ``gapless[cluster]``.

Runs are pure functions of data, so it does not matter where one is performed, or how often. A worker that dies loses
nothing: Dask gives its work to another, and where Dask gives up on work that was under way when several workers died,
it is submitted again here. The results are the same as in this process, digest by digest.

Two things could make them differ, and both are refused. A worker with other code, or another Python, says so with its
first piece of work, whenever it joined. And a worker performs one run at a time, however many threads it has, because
a run has its process for itself.

A command that ends, however it ends, leaves the workers free: long work asks `is_dropped` from time to time.
"""

from __future__ import annotations

import logging
import platform
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from typing import Any, Final, ParamSpec, TypeVar

from gapless.scenarios.errors import UsageError
from gapless.scenarios.running.code_digest import code_digest

P = ParamSpec("P")
T = TypeVar("T")
SCHEME: Final = "dask://"
CONNECT_S_MAX: Final = 10.0
AGAIN_MAX: Final = 5  # how often work is submitted again after Dask gave it up; each time several workers had died
INSTALL: Final = "pip install 'gapless[cluster]'"
LOOK_S: Final = 5.0  # between two looks at whether there are workers
_ALONE: Final = threading.Lock()


class OtherCode(UsageError):
    """A worker has other code than this process, so what it finds cannot be put beside what others find."""


def check_address(where: str) -> str:
    """The address of a scheduler as Dask writes it, from ``dask://HOST:PORT``. Raises UsageError for anything else."""
    host, colon, port = where.removeprefix(SCHEME).rpartition(":")
    if not where.startswith(SCHEME) or not colon or not host or not port.isdigit():
        raise UsageError(f"--executor {where}: give {SCHEME}HOST:PORT, the address that `dask scheduler` prints")
    if find_spec("distributed") is None:
        raise UsageError(f"--executor {where}: Dask is not installed; run: {INSTALL}")
    return f"tcp://{host}:{port}"


@contextmanager
def cluster(where: str) -> Iterator[ClusterExecutor]:
    """An executor on the workers of a scheduler. Leaving the block drops work that was not started.

    Raises UsageError when there is no scheduler, or no worker.
    """
    address = check_address(where)
    import distributed

    _silence()
    connect: Any = distributed.Client
    try:
        client = connect(address, timeout=CONNECT_S_MAX, set_as_default=False)
    except OSError as error:
        cure = "start `dask scheduler` and `dask worker`, or check the address"
        raise UsageError(f"--executor {where}: no scheduler answers ({type(error).__name__}); {cure}") from error
    executor = ClusterExecutor(client, where)
    over = threading.Event()
    try:
        if executor.workers == 0:
            raise UsageError(f"--executor {where}: the scheduler has no workers; start `dask worker {address}`")
        threading.Thread(target=_watch, args=(executor, over), daemon=True).start()
        yield executor
    finally:
        over.set()
        executor.shutdown(wait=False, cancel_futures=True)
        client.close()


def _silence() -> None:
    """Dask would log a traceback of what is told here in one sentence. Its other processes have their own logs."""
    for name in list(logging.root.manager.loggerDict):
        if name.partition(".")[0] == "distributed":
            logging.getLogger(name).setLevel(logging.CRITICAL)


def _watch(executor: ClusterExecutor, over: threading.Event) -> None:
    """Say it when all workers have gone, because work waits for the next one then."""
    is_told = False
    while not over.wait(LOOK_S):
        try:
            workers = executor.workers
        except UsageError:  # whoever waits for work hears of it
            return
        if workers == 0 and not is_told:
            told = "no worker is left; the work goes on as soon as one joins, and Ctrl-C twice ends the command"
            print(f"--executor {executor.where}: {told}", file=sys.stderr, flush=True)  # noqa: T201  # for the user
        is_told = workers == 0


class ClusterExecutor(Executor):
    """Submits work to a Dask client. ``where``: its address; ``workers``: how many processes there are now."""

    def __init__(self, client: Any, where: str) -> None:
        self.where = where
        self._client = client
        self._code = _fingerprint()
        self._pending: dict[Future[Any], Any] = {}

    @property
    def workers(self) -> int:
        try:
            return len(self._client.scheduler_info(n_workers=-1)["workers"])
        except Exception as error:  # of whichever layer finds that nobody is there
            raise UsageError(_lost(self.where)) from error

    def submit(self, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Submit work. It may be done more than once, where workers die, and gives the same result each time."""
        result: Future[T] = Future()
        result.set_running_or_notify_cancel()
        self._begin(result, work, args, kwargs, AGAIN_MAX)
        return result

    def _begin(self, result: Future[Any], work: Any, args: Any, kwargs: Any, again: int) -> None:
        remote: Any = self._client.submit(_perform, self._code, work, args, kwargs, pure=False)
        self._pending[result] = remote

        def done(ended: Any) -> None:
            from distributed import KilledWorker

            current: Any = self._pending.get(result)
            if current is not ended:
                return  # it was dropped here, or submitted again
            if ended.cancelled():
                del self._pending[result]
                result.set_exception(UsageError(_lost(self.where)))
                return
            error = ended.exception()
            if isinstance(error, KilledWorker) and again:
                self._begin(result, work, args, kwargs, again - 1)
                return
            del self._pending[result]
            if isinstance(error, KilledWorker):
                result.set_exception(UsageError(_killed(work)))
            elif error is not None:
                result.set_exception(error)
            else:
                result.set_result(ended.result())

        remote.add_done_callback(done)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Cancel what is pending. Work that is under way on a worker ends there, and its result is dropped."""
        pending, self._pending = list(self._pending.values()), {}
        if pending:
            self._client.cancel(pending, force=True)


def is_dropped() -> bool:
    """On a worker: whether nobody waits any more for the work under way, because the command has ended."""
    import distributed.worker

    own: Any = distributed.worker
    task = own.get_worker().state.tasks.get(own.thread_state.key)
    return task is None or task.state == "cancelled"


def _lost(where: str) -> str:
    return f"--executor {where}: the scheduler is gone, or was restarted; start it and its workers, and run this again"


def _killed(work: Any) -> str:
    return (
        f"workers die again and again under the same work ({getattr(work, '__name__', work)}): the client ends its "
        "process, or a machine has too little memory; run it alone with --jobs 1"
    )


def _perform(code: str, work: Any, args: Any, kwargs: Any) -> Any:
    """On a worker: check that the code is the same, and do the work, one piece at a time."""
    own = _fingerprint()
    if own != code:
        raise OtherCode(
            f"a worker on {platform.node()} has the code {own}, and here it is {code}; install the same there"
        )
    with _ALONE:
        return work(*args, **kwargs)


@cache
def _fingerprint() -> str:
    """What has to be the same on each machine: the code, and the version of Python."""
    return f"{code_digest()} on Python {platform.python_version_tuple()[0]}.{platform.python_version_tuple()[1]}"
