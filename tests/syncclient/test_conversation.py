"""The public interface, on the wire: what a caller sees of good ends and bad ones."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
import trio

from gapless import simserver, syncclient
from gapless.simserver.conversation.workload import pairs


@dataclass
class Story:
    """A world to tell in a test, and what happens in it."""

    workload: simserver.AgentWorkload = field(default_factory=lambda: simserver.AgentWorkload(runs=(pairs(2),)))
    settings: simserver.ServerSettings = field(default_factory=simserver.ServerSettings)

    def tell(self, told: Callable[[simserver.World], Awaitable[None]]) -> None:
        """Play the story in virtual time."""
        world = simserver.World(self.settings, self.workload)

        async def play() -> None:
            async with world.running():
                await told(world)

        simserver.run_deterministic(play, seed=0)


@asynccontextmanager
async def opened(world: simserver.World, **options: Any) -> AsyncIterator[syncclient.Conversation]:
    """The world's conversation, opened as a user would."""
    conversation_id = options.pop("conversation_id", world.conversation_id)
    connections = world.connections
    async with syncclient.open_conversation(
        world.base_url,
        conversation_id,
        **{"api_key": world.api_key, "transport": connections.http_transport(), "dial": connections.dial} | options,
    ) as conversation:
        yield conversation


def test_a_run_is_complete_in_order_and_delivered_once() -> None:
    delivered: list[str] = []

    async def told(world: simserver.World) -> None:
        async with opened(world, subscriber=lambda event, origin: delivered.append(event["id"])) as conversation:
            await conversation.send("Complete the task")
            report = await conversation.run()
            assert report.complete
            assert report.status == "finished"
            assert [event["id"] for event in conversation.events] == world.agent.log.ids()

    Story().tell(told)
    assert len(delivered) == len(set(delivered)) > 0


@pytest.mark.parametrize("generation", ["legacy", "tree", "session"])
def test_a_wrong_key_is_an_authentication_error(generation: simserver.ServerGeneration) -> None:
    async def told(world: simserver.World) -> None:
        with pytest.raises(syncclient.AuthenticationFailed):
            async with opened(world, api_key="wrong"):
                pytest.fail("a wrong key opened the conversation")

    Story(settings=simserver.ServerSettings(generation=generation, api_key="right")).tell(told)


def test_the_right_key_opens_socket_and_rest() -> None:
    async def told(world: simserver.World) -> None:
        async with opened(world) as conversation:
            assert (await conversation.run()).complete

    Story(settings=simserver.ServerSettings(generation="legacy", api_key="right")).tell(told)


@pytest.mark.parametrize("generation", ["legacy", "tree", "session"])
def test_an_unknown_conversation_is_said_so(generation: simserver.ServerGeneration) -> None:
    async def told(world: simserver.World) -> None:
        with pytest.raises(syncclient.ConversationNotFound):
            async with opened(world, conversation_id="00000000-0000-0000-0000-000000000000"):
                pytest.fail("a conversation that is not there was opened")

    Story(settings=simserver.ServerSettings(generation=generation)).tell(told)


def test_a_run_that_does_not_end_in_time_says_what_is_known() -> None:
    async def told(world: simserver.World) -> None:
        settings = syncclient.Settings(run_timeout_s=1)
        async with opened(world, settings=settings) as conversation:
            with pytest.raises(syncclient.RunTimedOut) as caught:
                await conversation.run()
            assert not caught.value.report.complete
            assert "run_timeout_s (1 s) was reached" in caught.value.report.notes

    Story(simserver.AgentWorkload(runs=(pairs(1, step_s=60),))).tell(told)


def test_a_setting_can_be_overridden_for_one_run() -> None:
    async def told(world: simserver.World) -> None:
        async with opened(world) as conversation:
            with pytest.raises(syncclient.RunTimedOut):
                await conversation.run(run_timeout_s=0.5)
            assert (await conversation.run()).complete
            with pytest.raises(syncclient.SettingsError, match="did you mean run_timeout_s"):
                await conversation.run(run_timeout=1)
            with pytest.raises(syncclient.SettingsError, match="greater than zero"):
                await conversation.run(run_timeout_s=0)

    Story(simserver.AgentWorkload(runs=(pairs(1, step_s=2), pairs(1)))).tell(told)


def test_an_incomplete_run_is_logged_with_the_bound_that_was_reached(caplog: pytest.LogCaptureFixture) -> None:
    async def told(world: simserver.World) -> None:
        async with opened(world) as conversation:
            with pytest.raises(syncclient.RunTimedOut):
                await conversation.run(run_timeout_s=1)

    Story(simserver.AgentWorkload(runs=(pairs(1, step_s=60),))).tell(told)
    assert "not proven complete: run_timeout_s (1 s) was reached" in caplog.text


def test_two_runs_at_once_are_refused_and_the_first_goes_on() -> None:
    async def told(world: simserver.World) -> None:
        async with opened(world) as conversation, trio.open_nursery() as nursery:
            reports: list[syncclient.SyncReport] = []

            async def first() -> None:
                reports.append(await conversation.run())

            nursery.start_soon(first)
            await trio.sleep(0.001)
            with pytest.raises(syncclient.SyncError, match="running already"):
                await conversation.run()
        assert reports[0].complete

    Story().tell(told)


def test_an_error_of_the_caller_comes_out_as_it_went_in() -> None:
    async def told(world: simserver.World) -> None:
        with pytest.raises(ZeroDivisionError):
            async with opened(world):
                raise ZeroDivisionError

    Story().tell(told)


def test_giving_up_a_run_lets_the_next_one_begin() -> None:
    async def told(world: simserver.World) -> None:
        async with opened(world) as conversation:
            with trio.move_on_after(0.001) as scope:
                await conversation.run()
            assert scope.cancelled_caught
            report = await conversation.run()
            assert report.complete
            assert [event["id"] for event in conversation.events] == world.agent.log.ids()
            assert world.agent.status == "finished"

    Story(simserver.AgentWorkload(runs=(pairs(2), pairs(2)))).tell(told)


@pytest.mark.parametrize("base_url", ["agent.test", "ftp://agent.test", "http://"])
def test_a_bad_address_is_a_settings_error_that_names_it(base_url: str) -> None:
    async def told(world: simserver.World) -> None:
        with pytest.raises(syncclient.SettingsError, match="base_url"):
            async with syncclient.open_conversation(base_url, world.conversation_id):
                pytest.fail("a bad address was opened")

    Story().tell(told)


def test_a_server_that_is_not_there_is_unreachable() -> None:
    async def dial(host: str, port: int) -> trio.abc.Stream:
        raise OSError("connection refused")

    async def told(world: simserver.World) -> None:
        settings = syncclient.Settings(attach_deadline_s=5)
        with pytest.raises(syncclient.ServerUnreachable, match="attach_deadline_s"):
            async with opened(world, settings=settings, transport=Refusing(), dial=dial):
                pytest.fail("nobody was there, and was attached to")

    Story().tell(told)


class Refusing(httpx.AsyncBaseTransport):
    """An HTTP transport to nowhere."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Refuse."""
        raise httpx.ConnectError("connection refused")


def test_a_subscriber_that_raises_ends_the_conversation_with_a_typed_error() -> None:
    def raises(event: syncclient.LogEvent, origin: syncclient.Origin) -> None:
        if event["kind"] == "ActionEvent":
            raise RuntimeError("the application broke")

    async def told(world: simserver.World) -> None:
        async with opened(world, subscriber=raises) as conversation:
            await conversation.send("Complete the task")
            with pytest.raises(syncclient.SubscriberFailed, match="RuntimeError") as caught:
                await conversation.run()
            assert isinstance(caught.value.__cause__, RuntimeError)
            with pytest.raises(syncclient.SubscriberFailed):
                await conversation.send("Go on")

    Story().tell(told)
