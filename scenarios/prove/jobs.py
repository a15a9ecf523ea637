"""Run several searches in processes. They report progress, and can be stopped with partial results."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, wait
from contextlib import contextmanager
from typing import Any

from gapless.scenarios.prove.search import Look, Question, SearchResult, prove
from gapless.scenarios.running.cluster import cluster, is_dropped
from gapless.scenarios.running.executors import method, pool

POLL_S = 0.2
LOOK_S = 0.1


Submit = Callable[[int, Question], Future[SearchResult]]
"""Begins the search with a number."""


class Searches:
    """Searches in progress. ``at_once``: how many workers of a cluster search; None: they are processes here."""

    def __init__(
        self,
        questions: Sequence[Question],
        submit: Submit,
        stopped: Any,
        states: Any,
        at_once: Callable[[], int] | None = None,
    ) -> None:
        self.questions = tuple(questions)
        self._submit, self._at_once = submit, at_once
        self._stopped, self._states = stopped, states
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
        """Stop every search. Each returns what it has covered so far, unless it is on a cluster."""
        self._stopped.value = 1

    def results(self) -> Iterator[SearchResult | None]:
        """The results in the order of the questions. Yields None every `POLL_S` seconds until the next one is ready."""
        for number in range(len(self.questions)):
            self._begin()
            future = self._futures[number]
            while not future.done():
                wait([future], timeout=POLL_S)
                yield None
                if self._stopped.value and self._at_once is not None:
                    return
                self._begin()
            yield future.result()

    def _begin(self) -> None:
        """Begin as many searches as there is room for, at least one."""
        begun = len(self._futures)
        if begun == len(self.questions):
            return
        room = len(self.questions) if self._at_once is None else max(1, self._at_once()) - (begun - self.done)
        for number in range(begun, min(len(self.questions), begun + room)):
            self._futures.append(self._submit(number, self.questions[number]))


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

            def elsewhere(number: int, question: Question) -> Future[SearchResult]:
                left_s = None if until_s is None else until_s - time.monotonic()
                return workers.submit(_prove_elsewhere, left_s, question)

            yield Searches(questions, elsewhere, stopped, states, lambda: workers.workers)
        return
    with pool(min(jobs, len(questions)), _begin, stopped, states, until_s) as executor:

        def here(number: int, question: Question) -> Future[SearchResult]:
            return executor.submit(_prove, number, question)

        under_way = Searches(questions, here, stopped, states)
        try:
            yield under_way
        finally:
            under_way.stop()


_SHARED: dict[str, Any] = {}


def _begin(stopped: Any, states: Any, until_s: float | None) -> None:
    """Initialize a worker process."""
    _SHARED.update(stopped=stopped, states=states, until_s=until_s)


def _prove(number: int, question: Question) -> SearchResult:
    return prove(question, _paced(functools.partial(_look, number)))


def _prove_elsewhere(time_s_max: float | None, question: Question) -> SearchResult:
    until_s = None if time_s_max is None else time.monotonic() + time_s_max
    return prove(question, _paced(lambda states: is_dropped() or (until_s is not None and time.monotonic() > until_s)))


def _paced(look: Look) -> Look:
    """Look every `LOOK_S` seconds, however long a state takes: a client may need milliseconds for one, or a second."""
    next_s = 0.0

    def paced(states: int) -> bool:
        nonlocal next_s
        now_s = time.monotonic()
        if now_s < next_s:
            return False
        next_s = now_s + LOOK_S
        return look(states)

    return paced


def _look(number: int, states: int) -> bool:
    _SHARED["states"][number] = states
    until_s = _SHARED["until_s"]
    return bool(_SHARED["stopped"].value) or (until_s is not None and time.monotonic() > until_s)
