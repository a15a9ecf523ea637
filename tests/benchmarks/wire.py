"""What an event, a call and a run cost at the wire level: before, now, and beside a peer, in one sitting.

    python -m tests.benchmarks.wire [--against REV] [--rounds N] [--no-peer] [--no-profile]

Each of the three is a process of its own. They take turns, run by run. Each run is measured in processor time, since
other work on the machine changes the wall clock most. *Before* is an earlier revision, checked out for the occasion.
*Peer* is simloop with the library websockets at both ends, in an environment of its own, on Python 3.12. The aims are
those of the issue: half the peer's time for a conversation of 100 events that is read from the socket, and half of what
a call cost before.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests import pythons

HERE = Path(__file__).parent
WORKER = HERE / "wire_worker.py"
PEER = HERE / "wire_peer.py"
PEER_PINS = HERE / "requirements-peer.txt"
PEER_PYTHON = "3.12"
PEER_ENVIRONMENT = pythons.ROOT / ".venv-peer"
EVENTS = (10, 106)
CALLS = (1, 41)
SCENARIOS = ("clean-run", "r10-late-tail", "r34-disconnect-in-mid-run")
JUDGED = (10, 80)
PROFILED = (f"socket {EVENTS[1]}", f"calls {CALLS[1]}", SCENARIOS[1] + " 0")
EVENT_US_MAX = 40


class Worker:
    """A process that performs runs, and says how many processor seconds each took."""

    def __init__(self, program: Sequence[str | Path], path: Path | None = None) -> None:
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        if path is not None:
            environment["PYTHONPATH"] = str(path)
        self._process = subprocess.Popen(
            [str(part) for part in program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )

    def ask(self, task: str) -> str:
        """The answer to one line. Raises RuntimeError when the process has ended."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{task}\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline().strip()
        if not answer:
            raise RuntimeError(f"the process that measures ended at {task!r}; what it said is above")
        return answer

    def end(self) -> None:
        """End the process."""
        self._process.terminate()
        self._process.wait()


@contextmanager
def checked_out(revision: str) -> Iterator[Path]:
    """The tree of a revision, in a folder that is removed afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "tree"
        git = ("git", "-C", str(pythons.ROOT), "worktree")
        subprocess.run([*git, "add", "--quiet", "--detach", str(tree), revision], check=True)
        try:
            yield tree
        finally:
            subprocess.run([*git, "remove", "--force", str(tree)], check=True)


def peer_python() -> Path | None:
    """The interpreter of the peer's environment, which is built from its pins; None without a Python for it."""
    python = next((one for one in pythons.found() if one.version == PEER_PYTHON), None)
    if python is None:
        return None
    interpreter, mark = PEER_ENVIRONMENT / "bin" / "python", PEER_ENVIRONMENT / ".ready"
    pins = PEER_PINS.read_text(encoding="utf-8")
    if not mark.exists() or mark.read_text(encoding="utf-8") != pins:
        subprocess.run([python.path, "-m", "venv", "--clear", PEER_ENVIRONMENT], check=True)
        quiet = ("-qq", "--disable-pip-version-check", "-r", PEER_PINS)
        subprocess.run([interpreter, "-m", "pip", "install", *quiet], check=True)
        mark.write_text(pins, encoding="utf-8")
    return interpreter


Times = Mapping[tuple[str, str], float]
"""Seconds in the median, by worker and task."""


def measured(workers: Mapping[str, Worker], rounds: int) -> Times:
    """Let the workers take turns at each task. The peer knows only conversations."""
    times: dict[tuple[str, str], float] = {}
    for task in (
        *(f"socket {events}" for events in EVENTS),
        *(f"calls {calls}" for calls in CALLS),
        *(f"{name} 0" for name in SCENARIOS),
        *(f"judge {runs}" for runs in JUDGED),
    ):
        able = {name: one for name, one in workers.items() if name != "peer" or task.startswith("socket")}
        taken: dict[str, list[float]] = {name: [] for name in able}
        for one in able.values():
            one.ask(task)  # not counted: caches are filled, and modules imported
        for _ in range(rounds):
            for name, one in able.items():
                taken[name].append(float(one.ask(task)))
        times |= {(name, task): statistics.median(each) for name, each in taken.items()}
    return times


@dataclass(frozen=True, slots=True)
class Aim:
    """What is wanted: a share of what another worker takes, or without one a number in the unit of the row."""

    value: float
    worker: str = ""

    def of(self, found: Mapping[str, float]) -> float | None:
        """The aim as a number; None when the other worker was not measured."""
        if not self.worker:
            return self.value
        return self.value * found[self.worker] if self.worker in found else None


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table: what it is about, how it follows from the times of one worker, and the aim."""

    name: str
    unit: str
    scale: float
    of: Callable[[Callable[[str], float]], float]
    aim: Aim | None = None


def _whole(task: str) -> Callable[[Callable[[str], float]], float]:
    return lambda time: time(task)


def _each(kind: str, sizes: tuple[int, int]) -> Callable[[Callable[[str], float]], float]:
    few, many = sizes
    return lambda time: (time(f"{kind} {many}") - time(f"{kind} {few}")) / (many - few)


ROWS = (
    Row(f"socket only, {EVENTS[0]} events", "ms", 1e3, _whole(f"socket {EVENTS[0]}")),
    Row(f"socket only, {EVENTS[1]} events", "ms", 1e3, _whole(f"socket {EVENTS[1]}"), Aim(0.5, "peer")),
    Row(
        f"  that, for an event of {EVENTS[1]}",
        "µs",
        1e6,
        lambda time: time(f"socket {EVENTS[1]}") / EVENTS[1],
        Aim(EVENT_US_MAX),
    ),
    Row("one event more", "µs", 1e6, _each("socket", EVENTS)),
    Row("one call more", "µs", 1e6, _each("calls", CALLS), Aim(0.5, "before")),
    *(Row(f"{name}, judged", "ms", 1e3, _whole(f"{name} 0")) for name in SCENARIOS),
    *(Row(f"judging {runs} runs, a KB of journal", "µs", 1e6, _whole(f"judge {runs}")) for runs in JUDGED),
)


def table(times: Times, names: Sequence[str]) -> Iterator[str]:
    """The lines of the table. A ratio is that of *after* to *before*, to the peer, and to the aim."""
    yield f"{'':34}{'before':>10}{'after':>10}{'ratio':>7}{'peer':>10}{'ratio':>7}{'aim':>10}{'ratio':>7}"
    for row in ROWS:
        found: dict[str, float] = {}
        for name in names:
            own = {task: seconds for (worker, task), seconds in times.items() if worker == name}
            with suppress(KeyError):  # the peer has not every task
                found[name] = row.scale * row.of(own.__getitem__)
        after = found["after"]
        aim = None if row.aim is None else row.aim.of(found)
        before, peer = found.get("before"), found.get("peer")
        yield (
            f"{row.name:34}{_shown(before, row.unit)}{_shown(after, row.unit)}{_ratio(after, before)}"
            f"{_shown(peer, row.unit)}{_ratio(after, peer)}{_shown(aim, row.unit)}{_ratio(after, aim)}"
        )


def _shown(value: float | None, unit: str) -> str:
    digits = 2 if unit == "ms" else 0
    text = "-" if value is None else f"{value:.{digits}f} {unit}"
    return f"{text:>10}"


def _ratio(value: float, to: float | None) -> str:
    text = "-" if to is None else f"{value / to:.2f}"
    return f"{text:>7}"


def main() -> int:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--against", default="HEAD^", metavar="REV", help="the revision before (default HEAD^)")
    parser.add_argument("--rounds", type=int, default=25, help="how often each task is performed (default 25)")
    parser.add_argument("--no-peer", action="store_true", help="leave out the peer")
    parser.add_argument("--no-profile", action="store_true", help="leave out where the time goes")
    options = parser.parse_args()
    peer = None if options.no_peer else peer_python()
    with checked_out(options.against) as tree:
        workers = {
            "before": Worker([sys.executable, WORKER], tree),
            "after": Worker([sys.executable, WORKER], pythons.ROOT),
        }
        if peer is not None:
            workers["peer"] = Worker([peer, PEER])
        try:
            pins = " ".join(PEER_PINS.read_text(encoding="utf-8").split())
            _say(f"wire level, Python {platform.python_version()}; before: {options.against}; after: this tree")
            _say(f"peer: {pins} on Python {PEER_PYTHON}" if peer is not None else "peer: left out")
            _say(f"processor time, median of {options.rounds} rounds in turns\n")
            for line in table(measured(workers, options.rounds), tuple(workers)):
                _say(line)
            if not options.no_profile:
                _profile(workers["after"])
        finally:
            for one in workers.values():
                one.end()
    return 0


def _profile(worker: Worker) -> None:
    for task in PROFILED:
        _say(f"\nwhere the time of {task!r} goes (samples; the standard library counts to its caller)")
        shares = [part.rsplit("=", 1) for part in worker.ask(f"profile {task}").split(" ")]
        for name, share in shares:
            _say(f"  {name:<24}{float(share):6.1%}")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main())
