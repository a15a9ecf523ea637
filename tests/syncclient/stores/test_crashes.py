"""A client that dies at any of its store's operations, and one that goes on: nothing lost, nothing doubled."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trio

from gapless import simserver, syncclient
from gapless.simserver.conversation.workload import pairs
from gapless.syncclient.stores.store import Store
from gapless.syncclient.wire import is_branch_event
from tests.syncclient.stores.lives import Crash, CrashingStore, Life, assert_delivered_once, is_crash, kept_ids
from tests.syncclient.test_conversation import Story, opened

SERVERS = [("legacy", "log"), ("tree", "branch"), ("tree", "log"), ("session", "branch"), ("session", "log")]


async def live(world: simserver.World, store: Store, certainty: Any, life: Life) -> syncclient.SyncReport:
    """A client's life: attach, a run, the whole history."""
    settings = syncclient.Settings(page_size_events=5, certainty=certainty)
    async with opened(world, store=store, settings=settings, subscriber=life.subscriber) as conversation:
        life.attach_calls = conversation.report().spent.calls
        await conversation.send("Complete the task")
        report = await conversation.run()
        ids = [event["id"] async for event in conversation.history()]
        if certainty == "log" or world.settings.generation != "tree":
            assert ids == world.agent.log.ids()
        return report


def die(
    generation: simserver.ServerGeneration, certainty: str, make_store: Callable[[], Store], *, at: int, before: bool
) -> int:
    """A life that ends at an operation of the store, then another; returns how many operations the first took."""
    operations = 0

    async def told(world: simserver.World) -> None:
        nonlocal operations
        store = make_store()
        crashing, first, second = CrashingStore(store, at, before), Life(), Life()
        try:
            await live(world, crashing, certainty, first)
        except (Crash, ExceptionGroup) as error:
            if not is_crash(error):
                raise
        operations = crashing.operations
        store.close()  # the end of a process closes its files
        await trio.sleep(0.02)  # the run goes on meanwhile, for a while
        report = await live(world, store, certainty, second)
        assert report.complete
        assert second.attach_calls <= 2
        if generation == "session" and at > 11:  # the head is saved
            assert second.attach_calls == 0
        log = world.agent.log
        if generation == "tree" and certainty == "branch":
            kept = [event_id for event_id in kept_ids(store, world.conversation_id) if "unplaced:" not in event_id]
            branch = {event["id"] for event in log if is_branch_event(event)}
            assert [i for i in kept if i in branch] == [event["id"] for event in log if event["id"] in branch]
            assert_delivered_once([first, second], [i for i in log.ids() if i in branch])
        else:
            assert kept_ids(store, world.conversation_id) == log.ids()
            assert_delivered_once([first, second], log.ids())

    workload = simserver.AgentWorkload(history_events=14, runs=(pairs(2), pairs(2)))
    Story(workload, simserver.ServerSettings(generation)).tell(told)
    return operations


# To die after an operation is nearly to die before the next. So every third is enough, but for the slow suite.
@pytest.mark.parametrize(("generation", "certainty"), SERVERS)
@pytest.mark.parametrize(("before", "step"), [(True, 1), (False, 3), pytest.param(False, 1, marks=pytest.mark.slow)])
def test_a_client_may_die_at_any_operation_of_its_store(
    generation: simserver.ServerGeneration, certainty: str, before: bool, step: int
) -> None:
    operations = die(generation, certainty, syncclient.MemoryStore, at=0, before=before)
    assert operations > 10
    for at in range(1, operations + 1, step):
        die(generation, certainty, syncclient.MemoryStore, at=at, before=before)


@pytest.mark.parametrize(("generation", "certainty"), SERVERS)
def test_a_client_may_die_at_any_operation_of_its_file(
    generation: simserver.ServerGeneration, certainty: str, tmp_path: Path
) -> None:
    numbers = iter(range(1_000_000))

    def make_store() -> Store:
        return syncclient.SqliteStore(tmp_path / f"{next(numbers)}.db")

    for at in range(1, die(generation, certainty, make_store, at=0, before=True) + 1, 3):
        die(generation, certainty, make_store, at=at, before=True)
