"""Performs a run again in a second process, to check that it is the same run there.

The second process is a fresh interpreter with another hash seed. A run differs there when the client depends on the
global ``random``, on ``id()``, on the order of a set, or on what an earlier run left behind in the process. Starting a
process takes a second, so one serves many runs. `SecondProcess` is our side of the pipe, ``serve`` the other side.
Messages are pickled.
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
class SecondRun:
    """A run in the second process. ``problem``: how it failed there; None when it did not."""

    digest: str = ""
    fingerprints: tuple[str, ...] = ()
    problem: str | None = None


class SecondProcess:
    """Our side of the pipe. It belongs to the process that created it: a forked process needs its own."""

    def __init__(self) -> None:
        self.owner = os.getpid()
        # A session of its own: Ctrl-C reaches only us. The second process ends when the pipe does.
        self._process = subprocess.Popen(
            [sys.executable, "-c", "from gapless.scenarios.running.second_process import serve; serve()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONHASHSEED": other_hash_seed(os.environ.get("PYTHONHASHSEED"))},
            start_new_session=True,
        )

    def perform(self, request: RunRequest) -> SecondRun:
        """Perform the run in the second process. Raises RuntimeError when that process has ended."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            pickle.dump(request, self._process.stdin)
            self._process.stdin.flush()
            seen = pickle.load(self._process.stdout)
        except (EOFError, BrokenPipeError) as error:
            raise RuntimeError("the process for the second run of each scenario has ended by itself") from error
        assert isinstance(seen, SecondRun)
        return seen

    def __enter__(self) -> SecondProcess:
        return self

    def __exit__(self, *exc: object) -> None:
        """End the second process, and wait until it has ended."""
        self._process.communicate()


_second: SecondProcess | None = None


def perform_in_second_process(request: RunRequest) -> SecondRun:
    """The run in the second process of this process. The first call starts it."""
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
    """A hash seed other than ``ours``. When ours is random, it is almost certainly another."""
    return next(seed for seed in _HASH_SEEDS if seed != ours)


def serve() -> None:
    """The other side of the pipe: answers requests until the pipe ends."""
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a client prints goes to standard error: the pipe is for answers alone
    is_first = True
    while True:
        try:
            request = pickle.load(requests)
        except EOFError:
            return
        if is_first:
            # One run more than in the first process, so that what runs leave behind differs as well.
            _perform_here(request)
            is_first = False
        pickle.dump(_perform_here(request), answers)
        answers.flush()


def _perform_here(request: RunRequest) -> SecondRun:
    try:
        result = perform(request)
    except Exception as error:  # the first run did not raise it, so the first process reports a difference
        return SecondRun(problem=f"{type(error).__name__}: {error}")
    return SecondRun(result.record.digest, fingerprints(result.lines))
