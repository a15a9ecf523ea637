"""Runs on a real Dask scheduler with worker processes: the same records as here, whatever dies."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from gapless.scenarios.definition.catalogue import find
from gapless.scenarios.definition.scenario import CURSORS, GENERATIONS
from gapless.scenarios.errors import UsageError
from gapless.scenarios.mutation.mutants import MUTANTS
from gapless.scenarios.running import cluster
from gapless.scenarios.running.cluster import OtherCode, check_address
from gapless.scenarios.running.runner import requests
from gapless.scenarios.running.suite import Unit, UnitOutcome, run_unit, run_units

pytestmark = pytest.mark.skipif(find_spec("distributed") is None, reason="distributed is not installed")
STARTING_S_MAX = 120.0
ROOT = Path(__file__).parents[3]
# How soon a machine that says nothing any more counts as dead. Dask's own is five minutes. On a busy machine, a worker
# that imports much says nothing for some seconds.
SOON = {"DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL": "20s"}


@dataclass(frozen=True, slots=True)
class Machine:
    """Where a process runs. ``prefix``: the words before its command; ``address``: where others reach it."""

    address: str = "127.0.0.1"
    prefix: tuple[str, ...] = ()


HERE = Machine()


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker's name, which the scheduler knows, and its process."""

    name: str
    process: subprocess.Popen[bytes]


@dataclass(frozen=True, slots=True)
class Machines:
    """A scheduler and its workers. ``where``: its address; ``workers``: their processes."""

    where: str
    scheduler: subprocess.Popen[bytes]
    workers: list[Worker]

    def stopped(self) -> Worker:
        """A worker that takes work and does none of it, as a machine does that is about to die."""
        victim = self.workers.pop()
        victim.process.send_signal(signal.SIGSTOP)
        return victim


@contextmanager
def process(machine: Machine, log: Path, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    argv = [*machine.prefix, sys.executable, "-m", "distributed.cli." + words[0], *words[1:], "--no-dashboard"]
    surroundings = {**os.environ, **(SOON if machine.prefix else {})}
    with (
        log.open("wb") as file,
        subprocess.Popen(argv, stderr=file, stdout=file, cwd=ROOT, env=surroundings) as running,
    ):
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
def machines(count: int, folder: Path, hosts: Sequence[Machine] = ()) -> Iterator[Machines]:
    """A scheduler on the first host, and a worker on each of the others. Without hosts, all are on loopback."""
    first, *others = hosts or [HERE] * (count + 1)
    with ExitStack() as stack:
        log = folder / "scheduler.log"
        words = ("dask_scheduler", "--host", first.address, "--port", "0")
        scheduler = stack.enter_context(process(first, log, *words))
        address = said(log, r"Scheduler at:\s+tcp://(\S+)")[1]
        workers = []
        for number, host in enumerate(others):
            # Without a nanny, which would start a worker again that is killed.
            name = f"worker{number}"
            options = (f"tcp://{address}", "--nthreads", "1", "--no-nanny", "--host", host.address, "--name", name)
            started = stack.enter_context(process(host, folder / f"{name}.log", "dask_worker", *options))
            workers.append(Worker(name, started))
        for number in range(count):
            said(folder / f"worker{number}.log", r"Registered to:")
        yield Machines(f"{cluster.SCHEME}{address}", scheduler, workers)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machines]:
    """Five workers on loopback. Each test may kill some; one is left at the end."""
    with machines(5, tmp_path_factory.mktemp("machines")) as found:
        yield found


@contextmanager
def namespaces(count: int) -> Iterator[list[Machine]]:
    """Machines in network namespaces of their own, joined by a bridge on the first one."""

    def ip(*words: str) -> None:
        subprocess.run(["ip", *words], check=True, capture_output=True)

    names = [f"gapless-{os.getpid()}-{number}" for number in range(count)]
    try:
        for number, name in enumerate(names):
            ip("netns", "add", name)
            ip("-n", name, "link", "set", "lo", "up")
            if number == 0:
                ip("-n", name, "link", "add", "wire", "type", "bridge")
            else:
                ip(
                    "link",
                    "add",
                    f"wire{number}",
                    "netns",
                    names[0],
                    "type",
                    "veth",
                    "peer",
                    "name",
                    "wire",
                    "netns",
                    name,
                )
                ip("-n", names[0], "link", "set", f"wire{number}", "master", "wire", "up")
            ip("-n", name, "address", "add", f"10.88.0.{number + 1}/24", "dev", "wire")
            ip("-n", name, "link", "set", "wire", "up")
        yield [Machine(f"10.88.0.{number + 1}", ("ip", "netns", "exec", name)) for number, name in enumerate(names)]
    finally:
        for name in names:
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)


def gapless(*words: str, machine: Machine = HERE, code: int = 0) -> str:
    """What a command prints to standard output, in a process of its own."""
    argv = [*machine.prefix, sys.executable, "-m", "gapless", *words]
    ended = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=500)
    assert ended.returncode == code, ended.stderr
    return ended.stdout


def with_a_death(there: Machines, *words: str, code: int = 0) -> str:
    """What a command prints whose work was given to three workers, one of which dies with it."""
    victim = there.stopped()
    argv = [sys.executable, "-m", "gapless", *words, "--executor", there.where]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as running:
        wait_until_busy(there.where, victim)
        victim.process.kill()
        out, _ = running.communicate(timeout=500)
    assert running.returncode == code
    return out


def wait_until_busy(where: str, worker: Worker) -> None:
    """Wait until a worker was given work."""
    import distributed

    connect: Any = distributed.Client
    with connect(where.replace(cluster.SCHEME, "tcp://"), set_as_default=False) as client:
        until_s = time.monotonic() + STARTING_S_MAX
        while time.monotonic() < until_s:
            known = client.scheduler_info(n_workers=-1)["workers"]
            if any(keys and known[address]["name"] == worker.name for address, keys in client.processing().items()):
                return
            time.sleep(0.05)
    raise AssertionError("the worker was given no work")


def units() -> tuple[Unit, ...]:
    scenarios = (*find("clean-run"), *find("r34-disconnect-in-mid-run"))
    return tuple(
        Unit(request) for request in requests(scenarios, client="gapless", generations=GENERATIONS, cursors=CURSORS)
    )


@pytest.mark.slow
def test_a_worker_that_is_killed_in_mid_campaign_loses_nothing(shared: Machines) -> None:
    planned = units()
    assert len(planned) == 12
    there: list[UnitOutcome] = []
    with run_units(planned, 1, shared.where) as outcomes:
        for outcome in outcomes:
            there.append(outcome)
            if len(there) == 2:
                shared.workers.pop().process.kill()
    here = [run_unit(unit) for unit in planned]
    assert [one.record.digest for one in there] == [one.record.digest for one in here]
    assert [one.record for one in there] == [one.record for one in here]
    assert [one.tape for one in there] == [one.tape for one in here]


@pytest.mark.slow
def test_mutants_are_killed_there_as_here_while_a_worker_dies(shared: Machines) -> None:
    words = ("mutants", "--json", *(mutant.name for mutant in MUTANTS[:6]))
    assert with_a_death(shared, *words) == gapless(*words, "--jobs", "2")


@pytest.mark.slow
def test_a_proof_there_is_the_same_as_here_while_a_worker_dies(shared: Machines) -> None:
    words = ("prove", "--client", "socket-only")

    def without_times(text: str) -> list[str]:
        lines = [re.sub(r"[\d,.]+ s: .*|; .* schedules? in .*", "", line) for line in text.splitlines()]
        assert "0 of 6 proven, 6 refuted" in lines
        return lines

    assert without_times(with_a_death(shared, *words, code=1)) == without_times(gapless(*words, code=1))


@pytest.mark.slow
def test_a_campaign_of_drawn_worlds_finds_the_same_there_as_here(shared: Machines, tmp_path: Path) -> None:
    def explored(name: str, *more: str) -> object:
        words = ("explore", "--client", "poll-then-return", "--seed", "5", "--runs", "20", "--shrinks", "0")
        gapless(*words, "--database", str(tmp_path / name), *more, code=1)
        (file,) = (tmp_path / name).glob("*/campaign.json")
        return json.loads(file.read_text(encoding="utf-8"))["own"]

    assert explored("there", "--executor", shared.where) == explored("here", "--jobs", "2")


def last_until_dropped(begun: Path, dropped: Path) -> None:
    """Work without an end of its own."""
    begun.touch()
    while not cluster.is_dropped():
        time.sleep(0.05)
    dropped.touch()


@pytest.mark.slow
def test_a_command_that_ends_leaves_no_worker_at_work(shared: Machines, tmp_path: Path) -> None:
    begun, dropped = tmp_path / "begun", tmp_path / "dropped"
    until_s = time.monotonic() + STARTING_S_MAX
    with cluster.cluster(shared.where) as workers:
        workers.submit(last_until_dropped, begun, dropped)
        while not begun.exists() and time.monotonic() < until_s:
            time.sleep(0.05)
    while not dropped.exists() and time.monotonic() < until_s:
        time.sleep(0.05)
    assert dropped.exists()


@pytest.mark.slow
def test_a_scheduler_that_dies_ends_the_command_with_one_sentence(tmp_path: Path) -> None:
    with machines(1, tmp_path) as found:
        worker = found.stopped()
        argv = [sys.executable, "-m", "gapless", "run", "clean-run", "--executor", found.where]
        with subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as running:
            wait_until_busy(found.where, worker)
            found.scheduler.kill()
            _, told = running.communicate(timeout=100)
        assert running.returncode == 2
        assert told.splitlines() == [f"Error: {cluster._lost(found.where)}"]


@pytest.mark.slow
def test_a_machine_whose_cable_is_cut_loses_nothing(tmp_path: Path) -> None:
    with ExitStack() as stack:
        try:
            hosts = stack.enter_context(namespaces(3))
        except (OSError, subprocess.CalledProcessError) as error:
            pytest.skip(f"no network namespaces can be made here: {error}")
        found = stack.enter_context(machines(2, tmp_path, hosts))
        subprocess.run([*hosts[2].prefix, "ip", "link", "set", "wire", "down"], check=True)  # nobody knows of it yet
        words = ("run", "clean-run", "r34-disconnect-in-mid-run", "--generation", "session", "--cursor", "inclusive")
        files = [str(tmp_path / name) for name in ("there.json", "here.json")]
        gapless(*words, "--json", files[0], "--executor", found.where, machine=hosts[0])
        gapless(*words, "--json", files[1])
        there, here = (json.loads(Path(file).read_text(encoding="utf-8"))["records"] for file in files)
        assert len(there) == 2
        assert there == here


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
