"""How much memory does the client take? A long log of large events on a real port, each client in a process of its own.

    python -m tests.benchmarks.window [--history-events N] [--json FILE]

Two clients in each generation: one attaches to events of 120 KB, runs, and leaves the middle alone; the other reads all
of a log with events of 2 KB. The bound: what the process takes before it opens anything, and then the window, three
times a page (its bytes, their text, and what is made of it), and a stub for each event held.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import sys
import time
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import trio

from gapless import simserver, syncclient
from tests.resume import server

KIB, MIB = 1024, 1024 * 1024
STUB_BYTES = 1000
"""For an event held without payload: its stub, its ids, and its places in the ledger's tables; generously."""
SLACK_BYTES = 16 * MIB

processes = multiprocessing.get_context("spawn")


@dataclass(frozen=True)
class Measured:
    """One client's life; sizes in bytes, times in seconds."""

    generation: str
    what: str
    history_events: int
    payload_bytes: int
    window_bytes_max: int
    calls: int
    seconds: float
    peak_bytes: int
    """The process's peak, above what it took before."""
    bound_bytes: int


def _peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KIB


def live(url: str, conversation_id: str, window_bytes_max: int, reads_all: bool, pipe: Connection) -> None:
    """One client's life, told on the pipe: calls, seconds, peak."""

    async def life() -> None:
        settings = syncclient.Settings(window_bytes_max=window_bytes_max)
        before_bytes, began_s = _peak_bytes(), time.monotonic()
        async with syncclient.open_conversation(url, conversation_id, settings=settings) as conversation:
            for _ in range(3):
                await conversation.send("Complete the task")
                assert (await conversation.run()).complete
            if reads_all:
                async for _ in conversation.history():
                    pass
            calls = conversation.report().spent.calls
            pipe.send((calls, time.monotonic() - began_s, _peak_bytes() - before_bytes))

    trio.run(life)


def measure(generation: simserver.ServerGeneration, history_events: int, *, reads_all: bool) -> Measured:
    """Measure one client against a server in another process."""
    payload_bytes, window_bytes_max = (2 * KIB, 4 * MIB) if reads_all else (120 * KIB, 8 * MIB)
    ours, theirs = processes.Pipe()
    serving = processes.Process(
        target=server.serve, args=(generation, history_events, theirs), kwargs={"payload_bytes": payload_bytes}
    )
    serving.start()
    try:
        port, conversation_id = ours.recv()
        here, there = processes.Pipe()
        url = f"http://127.0.0.1:{port}"
        client = processes.Process(target=live, args=(url, conversation_id, window_bytes_max, reads_all, there))
        client.start()
        calls, seconds, peak_bytes = here.recv()
        client.join()
        ours.send("end")
    finally:
        serving.join(10)
        serving.kill()
    held = history_events if reads_all else 300
    bound = window_bytes_max + 3 * 100 * (payload_bytes + 500) + held * STUB_BYTES + SLACK_BYTES
    what = "attach, runs, all of the history" if reads_all else "attach, runs"
    sizes = (history_events, payload_bytes, window_bytes_max)
    return Measured(generation, what, *sizes, calls, round(seconds, 1), peak_bytes, bound)


def main(arguments: list[str] | None = None) -> int:
    """Measure, print, and fail if a bound was broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--history-events", type=int, default=60_000)
    parser.add_argument("--json", type=Path, help="write the numbers there")
    options = parser.parse_args(arguments)
    rows: list[Measured] = []
    generations: tuple[simserver.ServerGeneration, ...] = ("legacy", "tree", "session")
    for reads_all in (False, True):
        for generation in generations:
            row = measure(generation, options.history_events, reads_all=reads_all)
            rows.append(row)
            sys.stdout.write(
                f"{row.generation:8} {row.history_events:6} events of {row.payload_bytes // KIB:3} KiB, window"
                f" {row.window_bytes_max // MIB} MiB, {row.what:33} {row.calls:4} calls {row.seconds:6.1f} s"
                f"   peak {row.peak_bytes / MIB:6.1f} MiB of {row.bound_bytes / MIB:.1f}\n"
            )
            sys.stdout.flush()
    if options.json is not None:
        found: list[dict[str, Any]] = [asdict(row) for row in rows]
        options.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    return int(any(row.peak_bytes > row.bound_bytes for row in rows))


if __name__ == "__main__":
    sys.exit(main())
