"""What a long history costs our client: calls, bytes, time and peak memory, over real TCP, client and server apart.

    python -m tests.benchmarks.history [--generation tree] [--quick]

The server (simserver on a real port) and the client live in processes of their own, so that the peak is the client's
alone: ``ru_maxrss`` after each step, beside what it was when all was imported and nothing done. Steps: attach; a clean
run of six events; a run in which the server closes the socket and the client comes back; and reading the whole log
through ``history()``, which is what the memory window is for.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from dataclasses import asdict, dataclass

import trio

from gapless import syncclient
from gapless.simserver import AgentWorkload, ServerSettings, World, pairs, parse_fault, serve_tcp

KB = 1000
# History and payload of each event; the last step reads no more than this many bytes of events.
SIZES = ((60_000, 1 * KB), (60_000, 120 * KB))
QUICK_SIZES = ((2_000, 1 * KB), (500, 120 * KB))
READ_BYTES_MAX = 300_000_000


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the client: what it cost, and the peak of the process up to then, in kB as the kernel counts."""

    name: str
    calls: int
    body_bytes: int
    seconds: float
    peak_kb: int
    note: str = ""


def peak_kb() -> int:
    """The largest resident set so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


async def serve(events: int, payload_bytes: int, generation: str) -> None:
    """Serve one conversation, and say where, until the process is ended."""
    run = pairs(3, step_s=0.02)
    cut = parse_fault({"kind": "link-close", "code": 1012, "match": {"kind": "ObservationEvent", "nth": [4]}})
    settings = ServerSettings(generation=generation)  # type: ignore[arg-type]  # checked by ServerSettings itself
    world = World(settings, AgentWorkload(events, (run, run), payload_bytes=payload_bytes), (cut,))
    async with world.running(), trio.open_nursery() as nursery:
        port: int = await nursery.start(serve_tcp, world, 0)
        print(json.dumps({"url": f"http://127.0.0.1:{port}", "id": world.conversation_id}), flush=True)  # noqa: T201
        await trio.sleep_forever()


async def follow(url: str, conversation_id: str, events_max: int) -> list[Step]:
    """Attach, run twice, read the log; what each cost."""
    steps = [Step("nothing yet", 0, 0, 0.0, peak_kb())]
    calls = body_bytes = 0

    def done(name: str, began_s: float, note: str = "") -> None:
        nonlocal calls, body_bytes
        spent = conversation.report().spent
        steps.append(
            Step(
                name,
                spent.calls - calls,
                spent.body_bytes - body_bytes,
                time.perf_counter() - began_s,
                peak_kb(),
                note,
            )
        )
        calls, body_bytes = spent.calls, spent.body_bytes

    began_s = time.perf_counter()
    async with syncclient.open_conversation(url, conversation_id) as conversation:
        done("attach", began_s, f"{len(conversation.events)} events held")
        for name in ("clean run", "run, reconnect"):
            began_s = time.perf_counter()
            await conversation.send("Go on")
            report = await conversation.run()
            done(name, began_s, f"complete={report.complete} by {report.proof}")
        began_s, read = time.perf_counter(), 0
        async for _ in conversation.history():
            read += 1
            if read == events_max:
                break
        done("read the log", began_s, f"{read} events")
    return steps


def measure(events: int, payload_bytes: int, generation: str) -> list[Step]:
    """One size, in two fresh processes."""
    me = [sys.executable, "-m", "tests.benchmarks.history"]
    sizes = ["--serve", str(events), str(payload_bytes), "--generation", generation]
    with subprocess.Popen([*me, *sizes], stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            where = json.loads(server.stdout.readline())
            events_max = READ_BYTES_MAX // payload_bytes
            client = [*me, "--follow", where["url"], where["id"], str(events_max)]
            found = subprocess.run(client, stdout=subprocess.PIPE, text=True, check=True).stdout
        finally:
            server.terminate()
    return [Step(**row) for row in json.loads(found)]


def show(events: int, payload_bytes: int, generation: str, steps: list[Step]) -> list[str]:
    """A table of one size."""
    window_mb = getattr(syncclient.Settings(), "window_bytes_max", 0) / 1e6
    base_kb = steps[0].peak_kb
    sizes = f"{events} events of {payload_bytes / KB:g} KB, {generation}"
    head = f"{sizes}; window {window_mb:.0f} MB, base {base_kb / 1e3:.0f} MB"
    rows = [
        f"  {step.name:<16}{step.calls:>6} calls{step.body_bytes / 1e6:>9.2f} MB{step.seconds:>9.2f} s"
        f"   peak +{(step.peak_kb - base_kb) / 1e3:.1f} MB   {step.note}"
        for step in steps[1:]
    ]
    return [head, *rows]


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--generation", choices=("legacy", "tree", "session"), default="tree")
    parser.add_argument("--quick", action="store_true", help="small sizes, for a test")
    parser.add_argument("--serve", nargs=2, type=int, help=argparse.SUPPRESS)
    parser.add_argument("--follow", nargs=3, help=argparse.SUPPRESS)
    wanted = parser.parse_args()
    if wanted.serve:
        events, payload_bytes = wanted.serve
        trio.run(serve, events, payload_bytes, wanted.generation)
        return
    if wanted.follow:
        url, conversation_id, events_max = wanted.follow
        steps = trio.run(follow, url, conversation_id, int(events_max))
        print(json.dumps([asdict(step) for step in steps]))  # noqa: T201
        return
    for events, payload_bytes in QUICK_SIZES if wanted.quick else SIZES:
        steps = measure(events, payload_bytes, wanted.generation)
        print("\n".join(show(events, payload_bytes, wanted.generation, steps)), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
