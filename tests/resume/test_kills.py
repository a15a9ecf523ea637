"""More than 200 clients killed at random points: nothing lost, nothing doubled, nothing read twice."""

from __future__ import annotations

import multiprocessing
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest

from gapless import simserver, syncclient
from gapless.syncclient.wire import is_branch_event
from tests.resume import client, server
from tests.syncclient.stores.lives import Life, assert_delivered_once

KILLS = 55
LIFE_S_MAX = 0.25
FOREVER = 1_000_000

processes = multiprocessing.get_context("forkserver")


@dataclass(frozen=True)
class Lane:
    """A server, the certainty its clients want, and the GETs that these may spend."""

    generation: simserver.ServerGeneration
    certainty: syncclient.Certainty
    attach_calls_max: int
    """To go on, as long as less than a page was missed; a first attach and a page more take up to 2."""
    run_calls_max: int


LANES = [
    Lane("legacy", "log", 1, 1),
    Lane("tree", "branch", 1, 0),
    Lane("tree", "log", 1, 1),
    Lane("session", "log", 0, 0),
]


@dataclass
class Server:
    """The server's process, and a pipe to it."""

    pipe: Connection
    port: int
    conversation_id: str

    def ask(self, what: str) -> Any:
        """Ask for `calls` or `log`."""
        self.pipe.send(what)
        assert self.pipe.poll(30), "the server does not answer"
        return self.pipe.recv()


@contextmanager
def serving(generation: simserver.ServerGeneration, history_events: int) -> Iterator[Server]:
    """A server in a process of its own."""
    ours, theirs = processes.Pipe()
    process = processes.Process(target=server.serve, args=(generation, history_events, theirs))
    process.start()
    try:
        assert ours.poll(30), "the server does not start"
        yield Server(ours, *ours.recv())
        ours.send("end")
        process.join(10)
        assert process.exitcode == 0
    finally:
        process.kill()
        process.join()


def placed_ids(part: client.Part) -> tuple[dict[str, None], bool]:
    """The ids that the store has in a proven place, and whether they begin at the log's head.

    Opening it also shows that it is not corrupt.
    """
    store = syncclient.SqliteStore(part.store_path)
    saved = store.open(part.conversation_id)
    store.close()
    if saved is None:
        return {}, False
    return {event_id: None for segment in saved.segments for event_id in segment.ids}, saved.head_known


def kept(part: client.Part, log: list[dict[str, Any]]) -> list[Any]:
    """The events in the store, in their order; a log that is kept whole is one stretch, and nothing beside it."""
    store = syncclient.SqliteStore(part.store_path)
    saved = store.open(part.conversation_id)
    assert saved is not None
    assert [segment.ids[0] for segment in saved.segments] == [log[0]["id"]]
    placed = saved.segments[0].ids
    if part.certainty == "log":
        assert len(saved.events) == len(placed)
    events = store.read(placed)
    store.close()
    return [events[event_id] for event_id in placed]


def delivered(part: client.Part) -> Life:
    """What the application got in one life."""
    if not part.delivered_path.exists():
        return Life()
    lines = part.delivered_path.read_text().splitlines()
    return Life([(line.split()[0], line.split()[1]) for line in lines])


@pytest.mark.slow
@pytest.mark.parametrize("lane", LANES, ids=lambda lane: f"{lane.generation}-{lane.certainty}")
def test_clients_killed_at_random_points_lose_and_double_nothing(lane: Lane, tmp_path: Path) -> None:
    processes.set_forkserver_preload(["tests.resume.client", "tests.resume.server"])
    chance = random.Random(f"{lane.generation} {lane.certainty}")
    lives: list[Life] = []
    spent: list[int] = []
    with serving(lane.generation, 130) as fake:
        url = f"http://127.0.0.1:{fake.port}"
        part = client.Part(url, fake.conversation_id, tmp_path, lane.certainty, 0, FOREVER)
        for number in range(KILLS + 1):
            is_last = number == KILLS
            part = replace(part, life=number, runs=2 if is_last else FOREVER)
            before, has_head = placed_ids(part)
            process = processes.Process(target=client.live, args=(part,))
            process.start()
            if is_last:
                process.join(30)
                assert process.exitcode == 0
            else:
                time.sleep(chance.uniform(0.0, LIFE_S_MAX))
                process.kill()
                process.join()
                assert process.exitcode == -9, "the client ended before it was killed"
            lives.append(delivered(part))
            calls: server.Calls = fake.ask("calls")
            spent.append(calls.gets)
            reread = sum(event_id in before for page in calls.pages for event_id in page)
            if before and not is_last:  # the last one also reads the gap that the first has left
                first_sync = 0 if has_head else 1  # killed between tail and head: the head is still to be read
                assert calls.gets <= first_sync + lane.attach_calls_max + lane.run_calls_max * calls.runs
                if has_head:  # a page from the natural head has no anchor, and may reach into the tail
                    assert reread <= 2 * len(calls.pages), "more was read again than the anchors of pages"
        log = fake.ask("log")
    events = kept(part, log)
    if lane.generation == "tree" and lane.certainty == "branch":
        log, events = [e for e in log if is_branch_event(e)], [e for e in events if is_branch_event(e)]
    assert events == log
    assert_delivered_once(lives, [event["id"] for event in log])
    again = sum(origin == "resumed" for life in lives for _, origin in life.delivered)
    print(  # noqa: T201
        f"{lane.generation} {lane.certainty}: {KILLS} kills, {len(log)} events, {sum(spent)} GETs, {again} again"
    )
