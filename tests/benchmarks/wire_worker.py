"""Performs what `tests.benchmarks.wire` measures, in a process of its own: one line in, processor seconds out.

It is run with the gapless of this checkout and with an earlier one, so it uses only what both have.
"""

from __future__ import annotations

import gc
import json
import sys
import time
from collections.abc import Callable
from typing import Any

import httpx
import trio
from trio_websocket import wrap_client_stream

from gapless.scenarios.definition.catalogue import find_one
from gapless.scenarios.running.runner import RunRequest, perform
from gapless.simserver import AgentWorkload, Choices, SeededSource, ServerSettings, World, pairs, run_deterministic

# With every run come the system prompt, the message and two state updates before the steps, and one after them.
EVENTS_OF_A_RUN = 6


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


def scenario(name: str) -> Callable[[int], object]:
    """A run of a scenario with our client, judged."""
    request = RunRequest(find_one(name), "session", "inclusive", "gapless")
    return lambda _: perform(request)


TASKS: dict[str, Callable[[int], object]] = {"socket": conversation, "calls": calls}


def main() -> None:
    """Perform what each line asks for, and print the processor seconds that it took."""
    for line in sys.stdin:
        name, size = line.split()
        task = TASKS.get(name)
        if task is None:
            task = TASKS[name] = scenario(name)
        gc.collect()
        began_s = time.process_time()
        task(int(size))
        print(time.process_time() - began_s, flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
