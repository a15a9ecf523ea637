"""The public interface on asyncio: the same as on trio, with the loop's own ways of cancellation."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

import gapless
from tests.faces.served import LONG_RUN, serving

pytestmark = pytest.mark.usefixtures("settles_soon")
LIMIT_S = 20


def run(main: Coroutine[Any, Any, None]) -> None:
    """Run it on asyncio, and see that it leaves no task behind."""

    async def limited() -> None:
        async with asyncio.timeout(LIMIT_S):
            await main
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(limited(), debug=True)


@pytest.mark.parametrize("generation", ["legacy", "tree", "session"])
def test_a_run_is_complete_in_order_and_delivered_once(generation: str) -> None:
    delivered: list[str] = []

    async def main() -> None:
        async with gapless.open_conversation(
            *server.at, subscriber=lambda event, origin: delivered.append(event["id"])
        ) as conversation:
            await conversation.send("Complete the task")
            report = await conversation.run()
            assert (report.complete, report.status) == (True, "finished")
            held = [event["id"] for event in conversation.events]
            assert held == [event["id"] async for event in conversation.history()] == server.log()
            assert len(delivered) == len(set(delivered)) == len(held)

    with serving(generation) as server:
        run(main())


def test_a_cancelled_task_ends_with_its_cancellation_and_leaves_nothing_open() -> None:
    async def follow() -> None:
        async with gapless.open_conversation(*server.at) as conversation:
            opened.set()
            await conversation.run()

    async def main() -> None:
        task = asyncio.create_task(follow())
        await opened.wait()
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert task.cancelled()

    opened = asyncio.Event()
    with serving(workload=LONG_RUN) as server:
        run(main())


def test_a_run_that_a_time_out_gives_up_lets_the_next_one_begin() -> None:
    async def main() -> None:
        async with gapless.open_conversation(*server.at) as conversation:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await conversation.run()
            with pytest.raises(gapless.RunTimedOut):
                await conversation.run(run_timeout_s=0.05)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(conversation.run(), 0.05)

    with serving(workload=LONG_RUN) as server:
        run(main())


def test_a_time_out_around_the_block_is_raised_as_one() -> None:
    async def main() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3), gapless.open_conversation(*server.at) as conversation:
                await conversation.run()
        task = asyncio.current_task()
        assert task is not None
        assert task.cancelling() == 0, "no cancellation is left over"
        async with gapless.open_conversation(*server.at) as conversation:
            assert conversation.events

    with serving(workload=LONG_RUN) as server:
        run(main())


def test_a_thread_of_the_loop_may_use_the_blocking_client() -> None:
    def follow() -> bool:
        with gapless.open_conversation_blocking(*server.at) as conversation:
            return conversation.run().complete

    async def main() -> None:
        assert await asyncio.to_thread(follow)

    with serving() as server:
        run(main())


def test_a_task_group_of_asyncio_can_share_a_conversation() -> None:
    async def main() -> None:
        async with gapless.open_conversation(*server.at) as conversation, asyncio.TaskGroup() as group:
            first = group.create_task(conversation.run())
            await asyncio.sleep(0)
            with pytest.raises(gapless.SyncError, match="running already"):
                await conversation.run()
        assert first.result().complete

    with serving() as server:
        run(main())


@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt, SystemExit])
def test_an_error_of_the_block_leaves_it_as_it_went_in(error: type[BaseException]) -> None:
    async def main() -> None:
        with pytest.raises(error) as caught:
            async with gapless.open_conversation(*server.at):
                raise error("mine")
        assert caught.value.args == ("mine",)

    with serving() as server:
        run(main())


def test_an_error_of_the_client_leaves_it_outside_of_any_group() -> None:
    async def main() -> None:
        with pytest.raises(gapless.ConversationNotFound):
            async with gapless.open_conversation(server.url, "00000000-0000-0000-0000-000000000000"):
                pytest.fail("a conversation that is not there was opened")

    with serving() as server:
        run(main())


def test_a_subscriber_that_raises_ends_the_conversation_with_a_typed_error() -> None:
    def raises(event: gapless.LogEvent, origin: gapless.Origin) -> None:
        if event["kind"] == "ActionEvent":
            raise RuntimeError("the application broke")

    async def main() -> None:
        async with gapless.open_conversation(*server.at) as conversation:
            conversation.subscribe(raises)
            with pytest.raises(gapless.SubscriberFailed) as caught:
                await conversation.run()
            assert isinstance(caught.value.__cause__, RuntimeError)

    with serving() as server:
        run(main())


def test_calls_after_the_block_say_that_the_conversation_is_closed() -> None:
    async def main() -> None:
        async with gapless.open_conversation(*server.at) as conversation:
            waiting = asyncio.create_task(conversation.run())
            await asyncio.sleep(0.05)
        for call in (waiting, conversation.run(), conversation.send("Go on")):
            with pytest.raises(gapless.ConversationClosed):
                await call
        assert conversation.events
        assert conversation.report().held_events == len(conversation.events)

    with serving(workload=LONG_RUN) as server:
        run(main())


def test_a_store_continues_what_another_loop_began(tmp_path: Path) -> None:
    """What a client on asyncio stored, a blocking one goes on from, for no call."""

    async def main() -> None:
        store = gapless.SqliteStore(tmp_path / "conversation.db")
        async with gapless.open_conversation(*server.at, store=store) as conversation:
            assert (await conversation.run()).complete

    with serving() as server:
        run(main())
        store = gapless.SqliteStore(tmp_path / "conversation.db")
        with gapless.open_conversation_blocking(*server.at, store=store) as conversation:
            assert conversation.report().spent.calls == 0
            conversation.send("Go on")  # without a message the run does nothing, and the client waits 10 s for more
            assert conversation.run().complete
            assert [event["id"] for event in conversation.events] == server.log()
