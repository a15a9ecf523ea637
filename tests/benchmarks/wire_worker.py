"""Performs what `tests.benchmarks.wire` measures, in a process of its own: one line in, processor seconds out.

It is run with the gapless of this checkout and with an earlier one, so it uses only what both have.
"""

from __future__ import annotations

import gc
import json
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import httpx
import trio
from trio_websocket import wrap_client_stream

from gapless.scenarios.definition.catalogue import find_one
from gapless.scenarios.running import runner
from gapless.scenarios.running.runner import RunRequest, perform
from gapless.simserver import AgentWorkload, Choices, SeededSource, ServerSettings, World, pairs, run_deterministic

# With every run come the system prompt, the message and two state updates before the steps, and one after them.
EVENTS_OF_A_RUN = 6
SAMPLE_S = 0.001
PROFILE_S = 3.0


def conversation(events: int) -> World:
    """A conversation of so many log events, read from the socket alone: no call is made."""
    world = World(
        ServerSettings("session"),
        AgentWorkload(runs=(pairs((events - EVENTS_OF_A_RUN) // 2),)),
        (),
        Choices(SeededSource(0)),
    )

    async def main() -> None:
        async with world.running(), trio.open_nursery() as nursery:
            stream: Any = await world.connections.dial("agent.test", 80)
            path = f"/sockets/session/{world.conversation_id}"
            socket = await wrap_client_stream(nursery, stream, "agent.test", path)
            world.send_message("hello")
            world.runs.begin()
            held = 0
            while True:
                frame = json.loads(await socket.get_message())
                held += frame["type"] == "durable"
                event = frame.get("event", {})
                if event.get("key") == "full_state" and event["value"]["execution_status"] == "finished":
                    break
            assert held == len(world.agent.log), (held, len(world.agent.log))
            nursery.cancel_scope.cancel()

    run_deterministic(main, seed=0)
    return world


def calls(count: int) -> World:
    """So many REST calls, each for the last page of a short log, from one client with one connection."""
    world = World(ServerSettings("session"), AgentWorkload(history_events=20), (), Choices(SeededSource(0)))
    url = f"{world.base_url}/api/conversations/{world.conversation_id}/events/search?limit=2&sort_order=TIMESTAMP_DESC"

    async def main() -> None:
        transport = world.connections.http_transport()
        async with world.running(), httpx.AsyncClient(transport=transport, timeout=None, trust_env=False) as http:
            for _ in range(count):
                assert len((await http.get(url)).json()["items"]) == 2

    run_deterministic(main, seed=0)
    return world


def judging(runs: int) -> float:
    """Read and judge the journal of so many runs of the agent. The seconds that takes for each KB of the journal."""
    plain = find_one("clean-run")
    attach, pause, send, run = plain.script
    work = plain.workload.model_copy(update={"runs": plain.workload.runs * runs})
    long = plain.model_copy(update={"workload": work, "script": (attach, pause, *(send, run) * runs)})
    request = RunRequest(long, "session", "inclusive", "gapless")
    spent_s = 0.0
    names = vars(runner)
    real = {name: names[name] for name in ("read", "assess")}

    def timed(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            nonlocal spent_s
            began_s = time.process_time()
            try:
                return function(*arguments, **named)
            finally:
                spent_s += time.process_time() - began_s

        return call

    names.update((name, timed(function)) for name, function in real.items())
    try:
        result = perform(request)
    finally:
        names.update(real)
    return 1000 * spent_s / sum(map(len, result.lines))


def scenario(name: str) -> Callable[[int], object]:
    """A run of a scenario with our client, judged."""
    request = RunRequest(find_one(name), "session", "inclusive", "gapless")
    return lambda _: perform(request)


TASKS: dict[str, Callable[[int], object]] = {"socket": conversation, "calls": calls, "judge": judging}


def task_of(name: str) -> Callable[[int], object]:
    """A task of that name, or the scenario of that name."""
    if name not in TASKS:
        TASKS[name] = scenario(name)
    return TASKS[name]


def profile(name: str, size: int) -> dict[str, float]:
    """The share of processor time of each package. The standard library counts to the package that calls it."""
    task, spent = task_of(name), Counter[str]()

    def look(_: int, frame: FrameType | None) -> None:
        while frame is not None and (package := _package(frame.f_code.co_filename)) is None:
            frame = frame.f_back
        spent["interpreter" if frame is None else package or ""] += 1

    task(size)
    before = signal.signal(signal.SIGPROF, look)
    signal.setitimer(signal.ITIMER_PROF, SAMPLE_S, SAMPLE_S)
    ends_s = time.process_time() + PROFILE_S
    while time.process_time() < ends_s:
        task(size)
    signal.setitimer(signal.ITIMER_PROF, 0)
    signal.signal(signal.SIGPROF, before)
    return {one: samples / spent.total() for one, samples in spent.most_common(12)}


def _package(file: str) -> str | None:
    """The installed package that a file is of, or the part of gapless; None for the standard library."""
    if "site-packages" in file:
        return Path(file).parts[Path(file).parts.index("site-packages") + 1]
    for part in ("simserver", "syncclient", "scenarios", "reports"):
        if f"/gapless/{part}/" in file:
            return f"gapless.{part}"
    return "tests" if "/tests/" in file else None


def main() -> None:
    """Perform what each line asks for, and print the processor seconds that it took."""
    for line in sys.stdin:
        *asked, name, size = line.split()
        if asked == ["profile"]:
            answer = " ".join(f"{package}={share:.4f}" for package, share in profile(name, int(size)).items())
            print(answer, flush=True)  # noqa: T201
            continue
        task = task_of(name)
        gc.collect()
        began_s = time.process_time()
        own_s = task(int(size))
        took_s = time.process_time() - began_s
        print(own_s if isinstance(own_s, float) else took_s, flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
