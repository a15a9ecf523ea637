"""The faults of the server itself, at a time: restart, truncated log, clock."""

from __future__ import annotations

import httpx
import pytest
import trio

from gapless.simserver import AgentWorkload, ConfigError, ServerSettings, World, pairs
from gapless.simserver.conversation.event_bodies import STATE_UPDATE
from gapless.simserver.faults.base import BaseFault
from tests.simserver.test_faults import fault, fired, seqs, whole_run, world_with
from tests.simserver.visiting import Visit, entries, event_of, is_snapshot, log_ids, visit


def old_world(*faults: BaseFault, history: int = 20) -> World:
    return World(ServerSettings(), AgentWorkload(history_events=history, runs=(pairs(3, step_s=1.0),)), faults)


def test_a_restart_closes_everything_and_comes_back_with_the_log() -> None:
    async def script(v: Visit) -> None:
        socket = await v.socket()
        await v.send()
        assert (await socket.closed()).code == 1012
        assert v.world.now_s() == pytest.approx(2)
        with pytest.raises(OSError, match="down"):
            await v.socket()
        with pytest.raises(httpx.TransportError):
            await v.get("/events/count")
        await trio.sleep(3)
        assert (await v.get("/events/count")).json() == 3
        await (await v.socket()).until(is_snapshot("idle"))

    assert fired(visit(world_with(fault("server-restart", at_s=2, down_s=3)), script)) == [1]


def test_a_run_does_not_survive_a_restart() -> None:
    async def script(v: Visit) -> None:
        socket = await v.socket()
        await v.send(run=True)
        await socket.closed()
        await trio.sleep(10)
        again = await v.socket("?after_seq=-1")
        await again.until(is_snapshot("error"))
        assert [event_of(frame).get("value") for frame in again.frames].count("error") == 1

    world = visit(world_with(fault("server-restart", at_s=3.5, down_s=1)), script)
    assert fired(world) == [1]
    (ended,) = entries(world, "agent", "run-ended")
    assert (ended["status"], ended["log_length"]) == ("error", len(world.agent.log))
    assert [event["kind"] for event in world.agent.log][-2:] == [STATE_UPDATE, "AgentErrorEvent"]
    assert world.agent.log[-1]["parent_id"] == world.agent.log[-3]["id"]


@pytest.mark.parametrize("leaf_lags", [False, True])
def test_a_process_that_dies_in_mid_step_comes_back_with_an_older_leaf(leaf_lags: bool) -> None:
    async def script(v: Visit) -> None:
        await v.send(run=True)
        await trio.sleep(10)

    world = visit(world_with(fault("server-restart", at_s=4.5, down_s=1, leaf_lags=leaf_lags)), script)
    *_, action, observation, status = world.agent.log
    assert (action["kind"], observation["kind"], status["value"]) == ("ActionEvent", "ObservationEvent", "error")
    assert world.agent.leaf == (action["parent_id"] if leaf_lags else observation["id"])


def test_a_restart_is_over_when_the_world_heals() -> None:
    async def script(v: Visit) -> None:
        await trio.sleep(3)
        v.world.heal()
        await trio.sleep(1)
        assert (await v.get("/events/count")).json() == 0

    assert fired(visit(world_with(fault("server-restart", at_s=2, down_s=3000)), script)) == [1]


def test_a_log_loses_its_end() -> None:
    async def script(v: Visit) -> None:
        before = log_ids(v.world)
        await trio.sleep(3)
        assert (await v.get("/events/count")).json() == 13
        assert (await v.get(f"/events/{before[13]}")).status_code == 500
        socket = await v.socket("?after_seq=19")
        assert (await socket.next())["through_seq"] == 12
        await v.send()
        assert log_ids(v.world)[:13] == before[:13]
        assert not set(log_ids(v.world)[13:]) & set(before)
        message = next(event for event in v.world.agent.log[13:] if event["kind"] == "MessageEvent")
        parent = v.world.agent.log.index_of(message["parent_id"])
        assert parent is not None
        assert parent < 13

    world = visit(old_world(fault("log-truncate", at_s=2, events=7)), script)
    assert fired(world) == [1]
    (lost,) = entries(world, "log", "truncate")
    assert (lost["length"], len(lost["ids"]), len(lost["kinds"])) == (13, 7, 7)


def test_a_whole_log_is_lost_and_begins_anew() -> None:
    async def script(v: Visit) -> None:
        await trio.sleep(3)
        assert (await v.search())["items"] == []
        assert (await v.get()).json()["leaf_event_id"] is None
        await v.send()
        assert (await v.search())["items"][0]["kind"] == "SystemPromptEvent"

    assert fired(visit(old_world(fault("log-truncate", at_s=2)), script)) == [1]


def test_a_log_can_lose_what_was_appended_and_what_was_corrupt() -> None:
    async def script(v: Visit) -> None:
        await whole_run(v)
        before = log_ids(v.world)
        await trio.sleep(20)
        assert log_ids(v.world) == before[:21]
        assert (await v.get("/events/count")).json() == 21
        again = await v.socket("?after_seq=19")
        await again.for_seconds(1)
        assert seqs(again) == [20]

    corrupt = fault("corrupt-record", match={"kind": "ObservationEvent", "nth": 3})
    assert fired(visit(old_world(corrupt, fault("log-truncate", at_s=20, events=10)), script)) == [1, 1]


@pytest.mark.parametrize("step_s", [3600.0, -3600.0])
def test_a_clock_steps_and_the_log_keeps_its_order(step_s: float) -> None:
    async def script(v: Visit) -> None:
        await whole_run(v)
        stamps = [event["timestamp"] for event in (await v.search())["items"]]
        assert (stamps == sorted(stamps)) == (step_s > 0)
        assert abs(int(stamps[-1][11:13]) - 12) == 1

    assert fired(visit(world_with(fault("clock-step", at_s=2.5, step_s=step_s)), script)) == [1]


def test_a_coarse_clock_ties_events() -> None:
    async def script(v: Visit) -> None:
        await whole_run(v)
        stamps = [event["timestamp"] for event in (await v.search())["items"]]
        assert len(set(stamps)) == 2
        assert stamps == sorted(stamps)

    assert fired(visit(world_with(fault("clock-ties", at_s=0, resolution_s=5)), script)) == [1]


def test_a_fault_of_the_server_needs_a_time_and_no_rule_about_frames() -> None:
    with pytest.raises(ConfigError, match="a server-restart fault acts at a moment: add `at = "):
        fault("server-restart")
    with pytest.raises(ConfigError, match=r"match\.kind means nothing"):
        fault("log-truncate", at_s=1, match={"kind": "ActionEvent"})


def test_a_restart_while_it_is_down_keeps_it_down() -> None:
    async def script(v: Visit) -> None:
        await trio.sleep(4)
        with pytest.raises(OSError, match="down"):
            await v.socket()
        await trio.sleep(2)
        assert (await v.get("/events/count")).json() == 0

    first, second = fault("server-restart", at_s=2, down_s=1), fault("server-restart", at_s=2.5, down_s=3)
    world = visit(world_with(first, second), script)
    assert fired(world) == [1, 1]
    assert len(entries(world, "world", "restarted")) == 1
