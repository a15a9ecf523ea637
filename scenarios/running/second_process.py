"""A second process, to see whether a run is the same run there: a fresh interpreter with another hash seed.

What a client takes from the global ``random``, from ``id()``, from the order of a set or from what an earlier run left
behind in its process is not the same there. One such process serves many runs, for to start it takes a second:
``Elsewhere`` is this side of it, ``serve`` the other. What goes over the pipe is pickled.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from dataclasses import dataclass

from gapless.scenarios.running.journal_difference import fingerprints
from gapless.scenarios.running.runner import RunRequest, perform

_HASH_SEEDS = ("1", "2")


@dataclass(frozen=True, slots=True)
class Seen:
    """What a run was elsewhere. ``problem``: how it broke, where it did."""

    digest: str = ""
    fingerprints: tuple[str, ...] = ()
    problem: str | None = None


class SecondProcess:
    """This side. It is for the process that made it: a fork needs one of its own."""

    def __init__(self) -> None:
        self.owner = os.getpid()
        # Not our process group: Ctrl-C is ours to hear, and the end of the pipe tells it to end.
        self._process = subprocess.Popen(
            [sys.executable, "-c", "from gapless.scenarios.running.second_process import serve; serve()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONHASHSEED": other_hash_seed(os.environ.get("PYTHONHASHSEED"))},
            start_new_session=True,
        )

    def perform(self, request: RunRequest) -> Seen:
        """The run, over there. Raises RuntimeError when that process has ended."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            pickle.dump(request, self._process.stdin)
            self._process.stdin.flush()
            seen = pickle.load(self._process.stdout)
        except (EOFError, BrokenPipeError) as error:
            raise RuntimeError("the process for the second run of each scenario has ended by itself") from error
        assert isinstance(seen, Seen)
        return seen

    def __enter__(self) -> SecondProcess:
        return self

    def __exit__(self, *exc: object) -> None:
        """End it, and wait until it has."""
        self._process.communicate()


_second: SecondProcess | None = None


def seen_in_second_process(request: RunRequest) -> Seen:
    """The run in the second process of this process; it is started when it is first asked for."""
    global _second
    if _second is None or _second.owner != os.getpid():
        _second = SecondProcess()
    return _second.perform(request)


def end_second_process() -> None:
    """End the second process of this process, if there is one."""
    global _second
    if _second is not None and _second.owner == os.getpid():
        with _second:
            _second = None


def other_hash_seed(ours: str | None) -> str:
    """A hash seed that is not ours. If ours is a random one, it is hardly this."""
    return next(seed for seed in _HASH_SEEDS if seed != ours)


def serve() -> None:
    """The other side: answers requests until the pipe ends."""
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a client prints is not an answer
    is_first = True
    while True:
        try:
            request = pickle.load(requests)
        except EOFError:
            return
        if is_first:
            _see(request)  # one run more than our other side has made: what runs leave behind is not the same either
            is_first = False
        pickle.dump(_see(request), answers)
        answers.flush()


def _see(request: RunRequest) -> Seen:
    try:
        result = perform(request)
    except Exception as error:  # whatever it is, it did not happen in the first run: the finding is told there
        return Seen(problem=f"{type(error).__name__}: {error}")
    return Seen(result.record.digest, fingerprints(result.lines))
