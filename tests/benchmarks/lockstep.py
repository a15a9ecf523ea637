"""How fast is a published client in virtual time? Runs per second after import, and what of it is the harness's.

Processor time is told beside real time: on a busy machine it alone says anything. `--races` runs every race of one
generation in two processes, imports included.

    python -m tests.benchmarks.lockstep [--runs N] [--races]

The SDK's part needs the environment that `make interop` builds, and is left out without it. Upstream's own test of the
same race takes 6.8 s, and may miss it.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from gapless.scenarios.definition.catalogue import find_one
from gapless.scenarios.lockstep.client import LockstepClient, factory
from gapless.scenarios.lockstep.process import POOL, ProgramProcess
from gapless.scenarios.running.runner import RunRequest, perform
from tests.interop import environments
from tests.interop.lockstep_table import measuring, tasks
from tests.interop.subjects import subjects

RELEASE = "1.58.2"
SCENARIO = "r10-late-tail"
UPSTREAM_S = 6.8
RUNS_A_SECOND_MIN = 8
OVERHEAD_MS_MAX = 20
STARTS = 10
RACES_JOBS = 2
RACES_S_MAX = 60


def sdk(runs: int) -> None:
    """Runs of one race after import."""
    if not environments.is_ready(RELEASE):
        _say(f"openhands-sdk {RELEASE}: left out, for its environment has not been built (make interop)")
        return
    os.environ.update(environments.QUIET)
    client = factory(subjects(RELEASE)[0].command)
    request = RunRequest(find_one(SCENARIO), "tree", "inclusive", "sdk")
    exchanges = 0
    until_blocked = LockstepClient._until_blocked

    def counted(self: LockstepClient) -> object:
        nonlocal exchanges
        exchanges += 1
        return until_blocked(self)

    LockstepClient._until_blocked = counted  # type: ignore[assignment, method-assign]  # it counts, and passes on
    began = time.perf_counter()
    perform(request, factory=client)
    first_s = time.perf_counter() - began
    exchanges = 0
    took_s: list[float] = []
    before, before_program = _cpu_s(), _program_cpu_s()
    for _ in range(runs):
        began = time.perf_counter()
        perform(request, factory=client)
        took_s.append(time.perf_counter() - began)
    own_ms = 1000 * (_cpu_s() - before) / runs
    program_ms = 1000 * (_program_cpu_s() - before_program) / runs
    median_ms = 1000 * statistics.median(took_s)
    _say(f"openhands-sdk {RELEASE}, {SCENARIO}: {runs} runs after an import of {first_s:.1f} s")
    _say(f"  a run         {median_ms:6.0f} ms in the median, {1000 * min(took_s):.0f} ms at best")
    _say(f"  runs a second {1000 / median_ms:6.1f} (aim: {RUNS_A_SECOND_MIN})")
    _say(
        f"  processor     {own_ms + program_ms:6.1f} ms a run: {1000 / (own_ms + program_ms):.1f} runs a second a core"
    )
    _say(f"    harness     {own_ms:6.1f} ms, world and verdict included (aim: below {OVERHEAD_MS_MAX})")
    _say(f"    program     {program_ms:6.1f} ms, its fork included")
    _say(f"  exchanges     {exchanges / runs:6.0f} a run")
    _say(f"  upstream's own test of the race takes {UPSTREAM_S} s: {1000 * UPSTREAM_S / median_ms:.0f} times as long")


def races() -> None:
    """Every race of the catalog in one generation, in two processes, from nothing."""
    if not environments.is_ready(RELEASE):
        return
    began = time.perf_counter()
    with measuring(tasks(subjects(RELEASE), ["tree"]), RACES_JOBS) as cells:
        runs = sum(1 for _ in cells)
    took_s = time.perf_counter() - began
    _say(f"every race, tree: {runs} runs in {took_s:.0f} s, {RACES_JOBS} processes (aim: at most {RACES_S_MAX})")


def node() -> None:
    """What the shim adds to the start of Node: both in one sitting, in turns."""
    program = shutil.which("node")
    if program is None:
        _say("node: left out, for there is none on the path")
        return
    bare: list[float] = []
    shimmed: list[float] = []
    for _ in range(STARTS):
        bare.append(_start_s([program, "-e", "0"]))
        shimmed.append(_shimmed_s([program, "-e", "process.stdin.resume()"]))
    both = [1000 * statistics.median(times) for times in (bare, shimmed)]
    _say(f"node: {both[0]:.0f} ms to start and end, {both[1]:.0f} ms to start with the shim, wait, and end")


def _start_s(command: Sequence[str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - began


def _shimmed_s(command: Sequence[str]) -> float:
    began = time.perf_counter()
    process = ProgramProcess(command, {})
    process.greet()
    process.kill()
    return time.perf_counter() - began


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _program_cpu_s() -> float:
    """Of the program that is kept, and of all its runs that have ended."""
    (process,) = POOL._kept
    fields = Path(f"/proc/{process._process.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument("--races", action="store_true")
    asked = parser.parse_args()
    sdk(asked.runs)
    if asked.races:
        races()
    node()


if __name__ == "__main__":
    main()
