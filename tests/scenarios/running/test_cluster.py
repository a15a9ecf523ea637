"""Runs on a real Dask scheduler with worker processes: the same records as here, whatever dies."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest

from gapless.scenarios.definition.catalogue import find
from gapless.scenarios.definition.scenario import CURSORS, GENERATIONS
from gapless.scenarios.errors import UsageError
from gapless.scenarios.running import cluster
from gapless.scenarios.running.cluster import OtherCode, check_address
from gapless.scenarios.running.runner import requests
from gapless.scenarios.running.suite import Unit, UnitOutcome, run_unit, run_units

pytestmark = pytest.mark.skipif(find_spec("distributed") is None, reason="distributed is not installed")
STARTING_S_MAX = 120.0


@dataclass(frozen=True, slots=True)
class Machines:
    """A scheduler and its workers. ``where``: its address; ``workers``: their processes."""

    where: str
    workers: list[subprocess.Popen[bytes]]


@contextmanager
def process(log: Path, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    argv = [sys.executable, "-m", "distributed.cli." + words[0], *words[1:], "--no-dashboard"]
    with log.open("wb") as file, subprocess.Popen(argv, stderr=file, stdout=file) as running:
        try:
            yield running
        finally:
            running.kill()


def said(log: Path, pattern: str) -> re.Match[str]:
    """Where a log has the pattern, as soon as it has."""
    until_s = time.monotonic() + STARTING_S_MAX
    while time.monotonic() < until_s:
        found = re.search(pattern, log.read_text(encoding="utf-8"))
        if found is not None:
            return found
        time.sleep(0.1)
    raise AssertionError(log.read_text(encoding="utf-8"))


@contextmanager
def machines(count: int, folder: Path) -> Iterator[Machines]:
    with ExitStack() as stack:
        log = folder / "scheduler.log"
        stack.enter_context(process(log, "dask_scheduler", "--host", "127.0.0.1", "--port", "0"))
        address = said(log, r"Scheduler at:\s+tcp://(\S+)")[1]
        # Without a nanny, which would start a worker again that is killed.
        options = (f"tcp://{address}", "--nthreads", "1", "--no-nanny")
        logs = [folder / f"worker{number}.log" for number in range(count)]
        workers = [stack.enter_context(process(one, "dask_worker", *options)) for one in logs]
        for one in logs:
            said(one, r"Registered to:")
        yield Machines(f"{cluster.SCHEME}{address}", workers)


def units() -> tuple[Unit, ...]:
    scenarios = (*find("clean-run"), *find("r34-disconnect-in-mid-run"))
    return tuple(
        Unit(request) for request in requests(scenarios, client="gapless", generations=GENERATIONS, cursors=CURSORS)
    )


@pytest.mark.slow
def test_a_worker_that_is_killed_in_mid_campaign_loses_nothing(tmp_path: Path) -> None:
    planned = units()
    assert len(planned) == 12
    there: list[UnitOutcome] = []
    with machines(3, tmp_path) as found, run_units(planned, 1, found.where) as outcomes:
        for outcome in outcomes:
            there.append(outcome)
            if len(there) in (2, 5):
                victim = found.workers.pop()
                os.kill(victim.pid, signal.SIGKILL)
    here = [run_unit(unit) for unit in planned]
    assert [one.record.digest for one in there] == [one.record.digest for one in here]
    assert [one.record for one in there] == [one.record for one in here]
    assert [one.tape for one in there] == [one.tape for one in here]


@pytest.mark.slow
def test_a_campaign_of_drawn_worlds_finds_the_same_there_as_here(tmp_path: Path) -> None:
    words = ["explore", "--client", "poll-then-return", "--seed", "5", "--runs", "20", "--shrinks", "0"]

    def explored(name: str, *more: str) -> dict[str, object]:
        argv = [sys.executable, "-m", "gapless", *words, "--database", str(tmp_path / name), *more]
        ended = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=500)
        assert ended.returncode == 1, ended.stderr
        (file,) = (tmp_path / name).glob("*/campaign.json")
        kept: dict[str, object] = json.loads(file.read_text(encoding="utf-8"))
        return kept

    with machines(2, tmp_path) as found:
        there = explored("there", "--executor", found.where)
    here = explored("here", "--jobs", "2")
    assert there["own"] == here["own"]


@pytest.mark.parametrize("where", ["localhost:8786", "dask://8786", "dask://host:", "tcp://host:1", "dask://host:x"])
def test_an_address_that_is_none_is_a_usage_error(where: str) -> None:
    with pytest.raises(UsageError, match="give dask://HOST:PORT"):
        check_address(where)


def test_an_address_is_that_of_the_scheduler() -> None:
    assert check_address("dask://127.0.0.1:8786") == "tcp://127.0.0.1:8786"


def test_a_worker_with_other_code_does_nothing() -> None:
    with pytest.raises(OtherCode, match="install the same there"):
        cluster._perform("other", print, ("never",), {})
    assert cluster._perform(cluster._fingerprint(), divmod, (7, 2), {}) == (3, 1)


def test_without_dask_the_cure_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"pip install 'gapless\[cluster\]'"):
        check_address("dask://127.0.0.1:8786")
