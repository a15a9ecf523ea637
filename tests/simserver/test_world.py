"""The whole fake server over real bytes: httpx and trio-websocket against Hypercorn, in virtual time."""

from __future__ import annotations

import pytest
import trio

from gapless.simserver import AgentWorkload, ServerGeneration, ServerSettings, World, pairs, run_deterministic
from gapless.simserver.errors import ServerCrashed
from tests.simserver.visiting import Visit, entries, event_of, is_snapshot, log_ids, visit

GENERATIONS: tuple[ServerGeneration, ...] = ("legacy", "tree", "session")


@pytest.mark.parametrize("generation", GENERATIONS)
def test_a_client_sends_runs_sees_the_frames_and_pages(generation: ServerGeneration) -> None:
    async def script(v: Visit) -> None:
        socket = await v.socket()
        assert (await v.send()).json() == {"success": True}
        assert (await v.run()).status_code == 200
        frames = await socket.until(is_snapshot("finished"))
        events = [event for frame in frames if (event := event_of(frame))]
        assert [event["kind"].removesuffix("Event") for event in events] == [
            "ConversationStateUpdate",  # on subscribe
            "SystemPrompt",
            "ConversationStateUpdate",  # last_user_message_id overtakes
            "Message",
            "ConversationStateUpdate",  # running
            *["Action", "Observation"] * 2,
            "ConversationStateUpdate",  # finished
            "ConversationStateUpdate",  # full_state
        ]
        page = await v.search()
        assert [event["id"] for event in page["items"]] == log_ids(v.world)
        assert page["next_page_id"] is None
        assert (await v.get("/events/count")).json() == 9

    world = visit(World(ServerSettings(generation), AgentWorkload(runs=(pairs(2),))), script)
    assert len(entries(world, "log", "append")) == 9
    assert [entry["frame"] for entry in entries(world, "socket", "delivered")] == list(
        range(1, len(entries(world, "socket", "sent")) + 1)
    )


def test_run_ended_says_what_the_log_was_when_the_last_snapshot_went_out() -> None:
    async def script(v: Visit) -> None:
        socket = await v.socket()
        await v.send()
        await v.run()
        await socket.until(is_snapshot("finished"))

    world = visit(World(workload=AgentWorkload(runs=(pairs(1),))), script)
    (ended,) = entries(world, "agent", "run-ended")
    log = world.agent.log
    assert ended == {"run": 0, "status": "finished", "log_length": 7, "leaf": log.id_at(5)}


def test_running_twice_is_a_conflict_also_while_the_agent_initialises() -> None:
    async def script(v: Visit) -> None:
        await v.send()
        assert (await v.run()).status_code == 200
        assert (await v.get()).json()["execution_status"] == "idle"  # R15
        assert (await v.run()).status_code == 409
        await trio.sleep(2.0)
        assert (await v.get()).json()["execution_status"] == "running"
        assert (await v.run()).status_code == 409
        await trio.sleep(60.0)
        assert (await v.get()).json()["execution_status"] == "finished"
        assert (await v.run()).status_code == 200

    visit(World(workload=AgentWorkload(runs=(pairs(1, init_s=1.0, step_s=2.0),))), script)


def test_a_run_beyond_the_workload_has_no_steps_and_finishes() -> None:
    async def script(v: Visit) -> None:
        socket = await v.socket()
        await v.send(run=True)
        await socket.until(is_snapshot("finished"))

    world = visit(World(), script)
    assert [event.get("value") for event in world.agent.log[3:]] == ["running", "finished"]


@pytest.mark.parametrize("generation", GENERATIONS)
def test_a_run_that_is_asked_for_after_finished_has_nothing_to_do(generation: ServerGeneration) -> None:
    async def script(v: Visit) -> None:
        socket = await v.socket()
        await v.send(run=True)
        await socket.until(is_snapshot("finished"))
        before = log_ids(v.world)
        assert (await v.run()).status_code == 200
        (snapshot,) = await socket.for_seconds(60.0)
        assert is_snapshot("finished")(snapshot)
        assert log_ids(v.world) == before
        await v.send(run=True)
        await socket.until(is_snapshot("finished"))

    world = visit(World(ServerSettings(generation), AgentWorkload(runs=(pairs(1),) * 3)), script)
    assert [event.get("value") for event in world.agent.log].count("running") == 2
    began, ended = entries(world, "agent", "run-started"), entries(world, "agent", "run-ended")
    assert [one["run"] for one in began] == [one["run"] for one in ended] == [0, 1, 2]
    assert [one["status"] for one in ended] == ["finished"] * 3


def test_pause_stops_a_run_after_the_current_step() -> None:
    async def script(v: Visit) -> None:
        socket = await v.socket()
        await v.send(run=True)
        await trio.sleep(3.5)
        await v.http.post(f"{v.base}/pause")
        await socket.until(is_snapshot("paused"))

    world = visit(World(workload=AgentWorkload(runs=(pairs(5, step_s=1.0),))), script)
    assert entries(world, "agent", "run-ended")[0]["status"] == "paused"
    assert [event["kind"] for event in world.agent.log].count("ActionEvent") == 2


def test_background_runs_and_messages_happen_by_themselves() -> None:
    from gapless.simserver import BackgroundAction

    async def script(v: Visit) -> None:
        socket = await v.socket()
        await socket.until(is_snapshot("finished"))

    background = (BackgroundAction(1.0, "from elsewhere"), BackgroundAction(2.0, pairs(1)))
    world = visit(World(workload=AgentWorkload(background=background)), script)
    assert entries(world, "agent", "run-started") == [{"run": 0, "by": "background"}]


@pytest.mark.parametrize(("lease_s", "reached_s"), [(0.0, 3.0), (4.0, 7.0)])
def test_what_others_do_waits_until_the_server_can_be_reached(lease_s: float, reached_s: float) -> None:
    from gapless.simserver import BackgroundAction
    from gapless.simserver.conversation.workload import Pause

    async def script(v: Visit) -> None:
        await trio.sleep(1)
        await v.world.restart(2, lease_s=lease_s)
        await trio.sleep(20)

    for what in (Pause(), "from elsewhere", pairs(1)):
        world = visit(World(workload=AgentWorkload(background=(BackgroundAction(2.0, what),))), script)
        done = [
            entry.t_s
            for entry in world.journal.entries
            if entry.what == "run-started"
            or entry.fields.get("kind") == "MessageEvent"
            or entry.fields.get("status") == "paused"
        ]
        assert done[0] == reached_s


def test_a_deleted_conversation_is_gone_but_its_sockets_stay_silent() -> None:
    async def script(v: Visit) -> None:
        socket = await v.socket()
        await v.send(run=True)
        assert (await v.http.delete(v.base)).json() == {"success": True}
        assert (await v.get()).status_code == 404
        await socket.for_seconds(100.0)
        assert await socket.for_seconds(100.0) == []

    visit(World(workload=AgentWorkload(runs=(pairs(5),))), script)


def test_nobody_starts_a_run_in_a_deleted_conversation() -> None:
    from gapless.simserver import BackgroundAction

    async def script(v: Visit) -> None:
        assert (await v.http.delete(v.base)).json() == {"success": True}
        await trio.sleep(10.0)

    world = visit(World(workload=AgentWorkload(background=(BackgroundAction(5.0, pairs(1)),))), script)
    assert entries(world, "agent", "run-started") == []


def test_a_history_of_60000_events_costs_nothing_to_attach_to() -> None:
    async def script(v: Visit) -> None:
        head = await v.search(limit=2)
        tail = await v.search(limit=3, sort_order="TIMESTAMP_DESC")
        log = v.world.agent.log
        assert [event["id"] for event in head["items"]] == log.ids(0, 2)
        assert [event["id"] for event in tail["items"]] == log.ids(59_997)[::-1]
        middle = await v.search(limit=2, page_id=log.id_at(30_000))
        assert [event["id"] for event in middle["items"]] == log.ids(30_000, 30_002)
        assert (await v.get("/events/count")).json() == 60_000

    world = visit(World(workload=AgentWorkload(history_events=60_000)), script)
    reads = [entry["events_read"] for entry in entries(world, "rest", "response")]
    assert reads == [3, 4, 3, 0]
    log = world.agent.log
    assert entries(world, "log", "history") == [{"events": 60_000, "first": log.id_at(0), "last": log.id_at(59_999)}]


def test_a_crash_of_the_fake_is_not_taken_for_a_fault_of_the_network() -> None:
    async def script(v: Visit) -> None:
        def crash() -> None:
            raise ZeroDivisionError

        v.world.runs.pause = crash  # type: ignore[method-assign]  # a server that fails, for once
        assert (await v.http.post(f"{v.base}/pause")).status_code == 500

    with pytest.raises(ServerCrashed, match="ZeroDivisionError"):
        visit(World(), script)


def test_what_the_block_raises_comes_out_as_it_was() -> None:
    async def main() -> None:
        async with World().running():
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        run_deterministic(main, seed=1)


def test_dialling_a_world_that_does_not_run_is_refused() -> None:
    async def main() -> None:
        await World().connections.dial("agent.test", 80)

    with pytest.raises(ConnectionRefusedError):
        run_deterministic(main, seed=1)
