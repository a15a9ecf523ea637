"""Nothing a client does, and no mixture of faults, makes the fake fail, hang or leave a task behind."""

from __future__ import annotations

import json
import random
from typing import Any

import httpx
import pytest
import trio
from trio_websocket import ConnectionClosed, ConnectionRejected, ConnectionTimeout, wrap_client_stream

from gapless.simserver import AgentWorkload, ServerSettings, World, pairs, parse_fault, run_deterministic
from gapless.simserver.faults.base import BaseFault

# Everything that a network may do to a client; anything else is our failure.
NETWORK = (
    OSError,
    httpx.HTTPError,
    ConnectionClosed,
    ConnectionRejected,
    ConnectionTimeout,
    trio.BrokenResourceError,
    trio.ClosedResourceError,
    json.JSONDecodeError,
)


def random_faults(draw: random.Random) -> list[BaseFault]:
    """A few faults of any kind, each with a rule of its own."""
    some: list[dict[str, Any]] = [
        {"kind": "event-delay", "delay_s": draw.choice([0.001, 0.05, 5])},
        {"kind": "event-drop"},
        {"kind": "event-duplicate", "copies": draw.randint(1, 3), "gap_s": draw.choice([0, 0.02])},
        {"kind": "event-reorder", "after": draw.randint(1, 4), "hold_s": draw.choice([0.01, 1])},
        {"kind": "link-latency", "latency_s": draw.choice([0.001, 0.5]), "jitter_s": draw.choice([0, 0.2])},
        {"kind": "link-stall", "stall_s": draw.choice([0.01, 3])},
        {"kind": "link-reset", "when": draw.choice(["before", "after"])},
        {"kind": "link-close", "code": draw.choice([1012, 1013, 4001]), "when": draw.choice(["before", "after"])},
        {"kind": "link-refuse", "status": draw.choice([403, 503])},
        {"kind": "link-refuse"},
        {"kind": "rest-status", "status": draw.choice([429, 500, 503]), "retry_after_s": 1},
        {"kind": "rest-timeout", "hang_s": draw.choice([0.05, 20])},
        {"kind": "rest-malformed", "body": draw.choice(["truncated", "not-json", "wrong-shape"])},
        {"kind": "rest-unknown-cursor"},
        {"kind": "link-reset", "at_s": draw.choice([0.001, 0.05, 0.2])},
        {"kind": "link-stall", "at_s": draw.choice([0.001, 0.05, 0.2]), "stall_s": 1},
    ]
    chosen = draw.sample(some, draw.randint(1, 6))
    return [
        parse_fault(one if "at_s" in one else one | {"match": {"probability": draw.choice([0.2, 0.5, 1.0])}})
        for one in chosen
    ]


async def reckless_client(world: World, http: httpx.AsyncClient, draw: random.Random) -> None:
    """Connects, reads a little, says nonsense, vanishes or leaves politely; starts runs and pages meanwhile."""
    base = f"/api/conversations/{world.conversation_id}"
    for _ in range(4):
        with trio.move_on_after(draw.choice([0.01, 0.3, 3])):
            try:
                stream: Any = await world.connections.dial("agent.test", 80)
                async with stream, trio.open_nursery() as nursery:
                    path = draw.choice([f"/sockets/session/{world.conversation_id}?after_seq=-1", "/sockets/events/x"])
                    socket = await wrap_client_stream(nursery, stream, "agent.test", path)
                    await http.post(
                        f"{base}/events", json={"content": [{"type": "text", "text": "x"}], "run": True}, timeout=1
                    )
                    for _ in range(draw.randint(0, 12)):
                        await socket.get_message()
                    match draw.randint(0, 3):
                        case 0:
                            await socket.aclose()
                        case 1:
                            await stream.aclose()
                        case 2:
                            await stream.send_all(b"\x00\xff" * 20)
                            await socket.get_message()
                        case 3:
                            await socket.send_message("{")
                            await http.get(f"{base}/events/search?limit=3", timeout=1)
                    nursery.cancel_scope.cancel()
            except* NETWORK:
                pass


@pytest.mark.parametrize("seed", range(40))
def test_no_mixture_of_faults_and_recklessness_breaks_the_fake(seed: int) -> None:
    draw = random.Random(seed)
    world = World(ServerSettings("session"), AgentWorkload(15, (pairs(4),) * 9), random_faults(draw))

    async def main() -> None:
        async with (
            world.running(),
            httpx.AsyncClient(transport=world.connections.http_transport(), base_url=world.base_url) as http,
        ):
            async with trio.open_nursery() as nursery:
                for number in range(2):
                    nursery.start_soon(reckless_client, world, http, random.Random(f"{seed}/{number}"))
            world.heal()
            await trio.sleep(60)
            assert world.publisher.subscriptions == []
            count = await http.get(f"/api/conversations/{world.conversation_id}/events/count")
            assert count.json() == len(world.agent.log)
        assert len(world.connections) <= 3  # kept alive by httpx's pool until the world ended

    run_deterministic(main, seed=seed)


@pytest.mark.parametrize("after_s", [0.0, 0.005, 0.015, 0.1])
def test_cancelling_a_world_ends_it(after_s: float) -> None:
    async def main() -> float:
        with trio.move_on_after(after_s):
            async with (
                World(workload=AgentWorkload(runs=(pairs(100),))).running() as world,
                trio.open_nursery() as nursery,
            ):
                stream: Any = await world.connections.dial("agent.test", 80)
                path = f"/sockets/session/{world.conversation_id}"
                socket = await wrap_client_stream(nursery, stream, "agent.test", path)
                world.runs.begin()
                while True:
                    await socket.get_message()
        return trio.current_time()

    assert run_deterministic(main, seed=1) == pytest.approx(after_s)
