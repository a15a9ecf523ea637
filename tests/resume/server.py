"""The fake server in a process of its own: serves a world on a real port, and answers about it on a pipe."""

from __future__ import annotations

from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

import trio

from gapless import simserver
from gapless.simserver.conversation.workload import pairs

_RUNS = 5000


@dataclass(frozen=True)
class Calls:
    """What a server was asked since it was last asked about that."""

    gets: int
    """GETs that read events, a count or the conversation."""
    runs: int
    """Runs that were started."""
    pages: tuple[tuple[str, ...], ...]
    """The ids of each page."""


def serve(
    generation: simserver.ServerGeneration, history_events: int, pipe: Connection, payload_bytes: int = 0
) -> None:
    """Serve until told to end; the first message on the pipe is the port and the conversation's id.

    `payload_bytes` is filler in each action and observation.
    """
    trio.run(_serve, generation, history_events, pipe, payload_bytes)


async def _serve(
    generation: simserver.ServerGeneration, history_events: int, pipe: Connection, payload_bytes: int
) -> None:
    plan = pairs(5, step_s=0.002, init_s=0.003, settle_s=0.002, payload_bytes=payload_bytes)
    runs = (plan,) * _RUNS
    workload = simserver.AgentWorkload(history_events=history_events, runs=runs, payload_bytes=payload_bytes)
    world = simserver.World(simserver.ServerSettings(generation), workload)
    async with world.running(), trio.open_nursery() as nursery:
        port: int = await nursery.start(simserver.serve_tcp, world, 0)
        pipe.send((port, world.conversation_id))
        seen = 0
        while True:
            while not pipe.poll():
                await trio.sleep(0.005)
            match pipe.recv():
                case "calls":
                    entries = list(world.journal)[seen:]
                    seen += len(entries)
                    pipe.send(_calls(world, entries))
                case "log":
                    pipe.send([dict(event) for event in world.agent.log])
                case _:
                    break
        nursery.cancel_scope.cancel()


def _calls(world: simserver.World, entries: list[Any]) -> Calls:
    gets = runs = 0
    pages: list[tuple[str, ...]] = []
    for entry in entries:
        match (entry.place, entry.what):
            case ("rest", "request"):
                gets += entry.fields["method"] == "GET" and entry.fields["counted"]
            case ("agent", "run-started"):
                runs += 1
            case ("rest", "response") if entry.fields.get("first") is not None:
                ends = [world.agent.log.index_of(entry.fields[name]) for name in ("first", "last")]
                low, high = min(i for i in ends if i is not None), max(i for i in ends if i is not None)
                pages.append(tuple(world.agent.log.ids(low, high + 1)))
    return Calls(gets, runs, tuple(pages))
