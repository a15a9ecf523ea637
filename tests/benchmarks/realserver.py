"""How long is a run with the published server in virtual time, after its start?

    python -m tests.benchmarks.realserver [--runs N] [--server NAME==VERSION]

The server's environment must be there: `gapless run --server` builds it. The published server in real time, on a real
port, took 199 s in `make interop`.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import sys
import time
from pathlib import Path

from gapless import scenarios
from gapless.scenarios.definition.catalogue import find_one
from gapless.scenarios.realserver.environment import parse_server
from gapless.scenarios.realserver.kept_servers import SERVERS
from gapless.scenarios.realserver.playable import variants_of
from gapless.scenarios.realserver.warm_up import prepare
from gapless.scenarios.running.runner import RunRequest, perform

SERVER = "openhands-agent-server==1.58.2"
SDK_CLIENT = Path(scenarios.__file__).parent / "examples" / "openhands_sdk.py"
RACE = "r10-late-tail"
SCENARIOS = ("clean-run", "r10-late-tail", "r34-disconnect-in-mid-run", "r33-server-restart")


def measure(server: str, runs: int) -> None:
    """Run each scenario with one process of the server, which is kept."""
    published = parse_server(server)
    if not published.is_ready:
        _say(f"{published}: left out, for its environment has not been built (gapless run clean-run --server {server})")
        return
    prepare(published)
    began = time.perf_counter()
    perform(RunRequest(find_one(SCENARIOS[0]), *variants_of(published)[0], "gapless", server=server))
    _say(f"{published}: the first run takes {time.perf_counter() - began:.1f} s, the server's imports included")
    for name in SCENARIOS:
        _one(RunRequest(find_one(name), *variants_of(published)[0], "gapless", server=server), runs)
    # The SDK of the same release is in the server's environment: so both ends are as they were published.
    command = (str(published.python), str(SDK_CLIENT))
    both = RunRequest(find_one(RACE), *variants_of(published)[0], "openhands-sdk", command=command, server=server)
    perform(both)
    _one(both, runs)


def _one(request: RunRequest, runs: int) -> None:
    took_s: list[float] = []
    virtual_s = 0.0
    before, before_server = _cpu_s(), _server_cpu_s()
    for _ in range(runs):
        began = time.perf_counter()
        virtual_s = perform(request).record.virtual_s
        took_s.append(time.perf_counter() - began)
    own_ms, server_ms = 1000 * (_cpu_s() - before) / runs, 1000 * (_server_cpu_s() - before_server) / runs
    median_ms, best_ms = 1000 * statistics.median(took_s), 1000 * min(took_s)
    took = f"{median_ms:5.0f} ms in the median, {best_ms:.0f} at best; {virtual_s:.0f} virtual seconds"
    processor = f"processor {own_ms:.0f} ms here, {server_ms:.0f} in the server"
    _say(f"  {request.client:13} {request.scenario.name:28} {took}; {processor}")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _server_cpu_s() -> float:
    """Of the process that is kept, and of all its runs that have ended."""
    (kept,) = SERVERS._kept
    fields = Path(f"/proc/{kept.process._process.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--server", default=SERVER)
    asked = parser.parse_args()
    measure(asked.server, asked.runs)


if __name__ == "__main__":
    main()
