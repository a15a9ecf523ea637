"""Run several searches in processes. They report progress, and can be stopped with partial results."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, wait
from contextlib import contextmanager
from typing import Any

from gapless.scenarios.prove.search import Question, SearchResult, prove
from gapless.scenarios.running.cluster import cluster
from gapless.scenarios.running.executors import method, pool

POLL_S = 0.2


class Searches:
    """Searches in progress."""

    def __init__(
        self,
        questions: Sequence[Question],
        executor: Executor,
        stopped: Any,
        states: Any,
        search: Callable[[int, Question], SearchResult] | None = None,
    ) -> None:
        self.questions = tuple(questions)
        self._search = search or _prove
        self._executor, self._stopped, self._states = executor, stopped, states
        self._futures: list[Future[SearchResult]] = []

    @property
    def states(self) -> int:
        """How many states all searches together have visited so far."""
        return sum(self._states)

    @property
    def done(self) -> int:
        """How many searches are done."""
        return sum(future.done() for future in self._futures)

    def stop(self) -> None:
        """Stop every search. Each returns what it has covered so far."""
        self._stopped.value = 1

    def results(self) -> Iterator[SearchResult | None]:
        """The results in the order of the questions. Yields None every `POLL_S` seconds until the next one is ready."""
        self._futures = [self._executor.submit(self._search, number, one) for number, one in enumerate(self.questions)]
        for future in self._futures:
            while not future.done():
                wait([future], timeout=POLL_S)
                yield None
            yield future.result()


@contextmanager
def searches(questions: Sequence[Question], jobs: int, time_s_max: float | None, where: str = "") -> Iterator[Searches]:
    """Run searches in processes for the length of the block. Leaving the block stops them.

    ``time_s_max``: the time after which they are stopped, in seconds. ``where``: the address of a cluster, whose
    workers search instead. They do not say how far they are, and a search that is stopped there has no result.
    """
    shared: Any = method()
    stopped, states = shared.Value("b", 0), shared.Array("L", len(questions))
    until_s = None if time_s_max is None else time.monotonic() + time_s_max
    if where:
        with cluster(where) as workers:
            yield Searches(questions, workers, stopped, states, functools.partial(_prove_elsewhere, time_s_max))
        return
    with pool(min(jobs, len(questions)), _begin, stopped, states, until_s) as executor:
        under_way = Searches(questions, executor, stopped, states)
        try:
            yield under_way
        finally:
            under_way.stop()


_SHARED: dict[str, Any] = {}


def _begin(stopped: Any, states: Any, until_s: float | None) -> None:
    """Initialize a worker process."""
    _SHARED.update(stopped=stopped, states=states, until_s=until_s)


def _prove(number: int, question: Question) -> SearchResult:
    return prove(question, functools.partial(_look, number))


def _prove_elsewhere(time_s_max: float | None, number: int, question: Question) -> SearchResult:
    until_s = None if time_s_max is None else time.monotonic() + time_s_max
    return prove(question, lambda states: until_s is not None and time.monotonic() > until_s)


def _look(number: int, states: int) -> bool:
    _SHARED["states"][number] = states
    until_s = _SHARED["until_s"]
    return bool(_SHARED["stopped"].value) or (until_s is not None and time.monotonic() > until_s)
