"""The peer of `tests.benchmarks.wire_worker`: the same conversation on simloop, with websockets at both ends.

It runs in an environment of its own, without gapless. One line in, processor seconds out.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import time
from typing import Any

from simloop import SimLoop
from simloop._run import finish, run_once
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve

STEP_S = 0.01


def event(number: int) -> dict[str, Any]:
    """An event with the fields, and about the size, of those that the fake agent server sends."""
    call = f"call-{number}"
    return {
        "id": f"f78c1730-4042-54d3-a989-{number:012x}",
        "timestamp": f"2026-01-01T00:00:00.{number:06}",
        "source": "agent",
        "parent_id": f"f78c1730-4042-54d3-a989-{number - 1 & 0xFFF:012x}",
        "thought": [],
        "thinking_blocks": [],
        "action": {"command": f"step {number}", "kind": "TerminalAction"},
        "tool_name": "terminal",
        "tool_call_id": call,
        "tool_call": {"id": call, "name": "terminal", "arguments": '{"command": "step"}', "origin": "completion"},
        "llm_response_id": f"response-{call}",
        "security_risk": "UNKNOWN",
        "summary": f"terminal: step {number}",
        "kind": "ActionEvent",
    }


async def conversation(events: int) -> None:
    """One server, one client, so many events, each after a step of the agent."""
    loop: Any = asyncio.get_running_loop()
    ready = asyncio.Event()

    async def handler(socket: ServerConnection) -> None:
        for number in range(events):
            await asyncio.sleep(STEP_S)
            await socket.send(json.dumps({"type": "durable", "seq": number, "event": event(number)}))

    async def server() -> None:
        async with serve(handler, "0.0.0.0", 80, compression=None):
            ready.set()
            await asyncio.Future()

    async def client() -> int:
        held = 0
        async with connect("ws://agent:80/", compression=None, proxy=None) as socket:
            while held < events:
                held += json.loads(await socket.recv())["type"] == "durable"
        return held

    loop.net.host("agent").create_task(server())
    await ready.wait()
    assert await loop.net.host("client").create_task(client()) == events


def run(events: int) -> None:
    """One run on a simulated loop, as simloop's own runner does it."""
    loop = SimLoop(seed=0)
    error = run_once(loop, lambda: conversation(events))
    finish(loop)
    if error is not None:
        raise error


def main() -> None:
    """Perform what each line asks for, and print the processor seconds that it took."""
    for line in sys.stdin:
        events = int(line.split()[1])
        gc.collect()
        began_s = time.process_time()
        run(events)
        print(time.process_time() - began_s, flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
