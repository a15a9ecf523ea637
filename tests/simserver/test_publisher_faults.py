"""The publisher's faults that act before anybody is told: what becomes of an event, of a run's end, of a snapshot."""

from __future__ import annotations

import pytest
import trio

from gapless.simserver import AgentWorkload, ConfigError, World, pairs
from tests.simserver.test_faults import fault, fired, seqs, whole_run, world_with
from tests.simserver.visiting import Json, Visit, entries, event_of, is_snapshot, log_ids, visit


def kinds(frames: list[Json]) -> list[str]:
    return [event_of(frame).get("key") or event_of(frame).get("kind") or frame["type"] for frame in frames]


def statuses(world: World) -> list[str]:
    return [entry["status"] for entry in entries(world, "agent", "status")]


# --- the log ------------------------------------------------------------------------------------------------


def test_publish_before_persist_lets_rest_lag_the_socket() -> None:
    async def script(v: Visit) -> None:
        socket = await v.socket()
        await v.send(run=True)
        frames = await socket.for_seconds(1.5)  # the first action is published at 1.01 s
        late = next(frame for frame in frames if event_of(frame).get("kind") == "ActionEvent")
        assert late["type"] == "transient"
        assert len((await v.search())["items"]) == (await v.get("/events/count")).json() == 4
        assert (await v.get(f"/events/{late['event']['id']}")).status_code == 500
        again = await v.socket("?after_seq=-1")
        assert max(seqs_of(await again.for_seconds(0.1))) == 3
        await trio.sleep(1.5)
        assert [event["id"] for event in (await v.search())["items"]][4] == late["event"]["id"]
        await trio.sleep(10)
        assert seqs(socket) == [0, 2, 1, 3]

    def seqs_of(frames: list[Json]) -> list[int]:
        return [frame["seq"] for frame in frames if frame["type"] == "durable"]

    world = visit(
        world_with(fault("publish-before-persist", lag_s=2.0, match={"kind": "ActionEvent", "nth": 1})), script
    )
    assert fired(world) == [1]
    appended = {entry.fields["index"]: entry.t_s for entry in world.journal if entry.what == "append"}
    assert appended[4] == appended[5] == pytest.approx(3.01)  # what follows waits, for the log keeps its order


def test_what_was_to_be_persisted_later_is_persisted_when_the_world_heals_and_when_it_ends() -> None:
    async def script(v: Visit) -> None:
        await whole_run(v)
        assert (await v.get("/events/count")).json() == 4
        v.world.heal()
        assert (await v.get("/events/count")).json() == 11

    lagging = fault("publish-before-persist", lag_s=1000, match={"kind": "ActionEvent"})
    assert fired(visit(world_with(lagging), script)) == [3]

    async def leave(v: Visit) -> None:
        await whole_run(v)

    world = visit(world_with(lagging), leave)
    assert [entry["index"] for entry in entries(world, "log", "append")] == list(range(11))
    (ended,) = entries(world, "agent", "run-ended")
    assert ended["log_length"] == 4


def test_publish_never_persist_leaves_an_event_that_no_log_holds() -> None:
    async def script(v: Visit) -> None:
        frames = (await whole_run(v)).frames
        (ghost,) = [frame for frame in frames if frame["type"] == "transient" and "tool_name" in frame["event"]]
        assert ghost["event"]["id"] not in log_ids(v.world)
        assert (await v.get("/events/count")).json() == 10
        following = next(event for event in v.world.agent.log if event["kind"] == "ObservationEvent")
        assert following["parent_id"] == ghost["event"]["parent_id"]

    world = visit(world_with(fault("publish-never-persist", match={"kind": "ActionEvent", "nth": 1})), script)
    assert fired(world) == [1]
    assert len(entries(world, "log", "append")) == 10


def test_a_corrupt_record_is_counted_and_never_returned() -> None:
    async def script(v: Visit) -> None:
        assert seqs(await whole_run(v)) == [0, 2, 1, *range(3, 11)]
        corrupt = log_ids(v.world)[4]
        assert (await v.get("/events/count")).json() == 11
        ids = [event["id"] for event in (await v.search())["items"]]
        assert ids == [one for one in log_ids(v.world) if one != corrupt]
        assert [event["id"] for event in (await v.search(page_id=corrupt, limit=2))["items"]] == ids[4:6]
        assert (await v.get("/events/count", kind="ActionEvent")).json() == 2
        assert (await v.get(f"/events/{corrupt}")).status_code == 500
        again = await v.socket("?after_seq=-1")
        await again.until(is_snapshot("finished"))
        assert seqs(again) == [0, 1, 2, 3, 5, 6, 7, 8, 9, 10]

    world = visit(world_with(fault("corrupt-record", match={"kind": "ActionEvent", "nth": 1})), script)
    assert fired(world) == [1]
    assert [entry["index"] for entry in entries(world, "log", "append") if entry.get("readable") is False] == [4]


# --- runs ---------------------------------------------------------------------------------------------------


def test_a_stop_hook_vetoes_the_end_and_the_run_goes_on() -> None:
    async def script(v: Visit) -> None:
        socket = await v.socket()
        await v.send(run=True)
        await socket.until(lambda frame: event_of(frame).get("value") == "finished")
        assert (await v.run()).status_code == 409
        await socket.until(is_snapshot("finished"))
        assert v.world.now_s() > 40

    world = visit(world_with(fault("stop-hook-veto", after_s=40, actions=2, match={"nth": 1}), actions=1), script)
    assert fired(world) == [1]
    assert statuses(world) == ["running", "finished", "running", "finished"]
    assert [event["kind"] for event in world.agent.log].count("ActionEvent") == 3
    (ended,) = entries(world, "agent", "run-ended")
    assert ended["log_length"] == len(world.agent.log)


def test_only_an_end_that_the_agent_chose_can_be_vetoed() -> None:
    async def script(v: Visit) -> None:
        socket = await v.socket()
        await v.send(run=True)
        await socket.until(is_snapshot("error"))

    world = World(None, AgentWorkload(runs=(pairs(1, end_status="error"),)), [fault("stop-hook-veto")])
    assert fired(visit(world, script)) == [0]


def test_a_run_that_is_vetoed_can_be_paused() -> None:
    async def script(v: Visit) -> None:
        socket = await v.socket()
        await v.send(run=True)
        await trio.sleep(1.5)
        await v.http.post(f"{v.base}/pause")
        await socket.until(is_snapshot("paused"))

    world = world_with(fault("stop-hook-veto", after_s=0, actions=50, match={"nth": 1}), actions=1, step_s=0.01)
    assert statuses(visit(world, script)) == ["running", "finished", "running", "paused"]


@pytest.mark.parametrize(("what", "kind"), [("stats", "stats"), ("log", "LLMCompletionLogEvent")])
def test_a_late_tail_comes_after_the_final_snapshot(what: str, kind: str) -> None:
    async def script(v: Visit) -> None:
        socket = await whole_run(v)
        before = len(v.world.agent.log)
        frames = await socket.for_seconds(5)
        assert kinds(frames) == [kind, kind]
        assert len(v.world.agent.log) == before + 2

    world = visit(world_with(fault("late-tail", after_s=0.5, events=2, what=what)), script)
    assert fired(world) == [1]
    (ended,) = entries(world, "agent", "run-ended")
    assert ended["log_length"] == len(world.agent.log) - 2
    assert (world.agent.leaf == log_ids(world)[-1]) == (what == "log")


# --- snapshots and deltas -----------------------------------------------------------------------------------


def test_a_stale_snapshot_says_what_was_so_then() -> None:
    async def script(v: Visit) -> None:
        socket = await v.socket()
        await v.send(run=True)
        frames = await socket.for_seconds(20)
        said = [event_of(frame)["value"] for frame in frames if event_of(frame).get("key") == "full_state"]
        assert [one["execution_status"] for one in said] == ["idle", "running"]
        assert said[1]["leaf_event_id"] == log_ids(v.world)[4]
        assert said[1]["leaf_event_id"] != v.world.agent.leaf

    world = visit(world_with(fault("snapshot-stale", stale_s=0.5, match={"nth": 2}), actions=1), script)
    assert fired(world) == [1]


def test_a_stale_snapshot_can_be_that_of_one_socket() -> None:
    async def script(v: Visit) -> None:
        await whole_run(v)
        again = await v.socket()
        await again.until(is_snapshot("running"))

    world = world_with(fault("snapshot-stale", stale_s=0.5, match={"connection": 2}), actions=1)
    assert fired(visit(world, script)) == [1]


@pytest.mark.parametrize("generation", ["legacy", "tree", "session"])
def test_a_flood_of_deltas_is_published_and_never_persisted(generation: str) -> None:
    async def script(v: Visit) -> None:
        socket = await whole_run(v)
        deltas = [frame for frame in socket.frames if "delta" in (frame.get("type"), event_of(frame).get("kind"))]
        deltas += [frame for frame in socket.frames if event_of(frame).get("kind") == "StreamingDeltaEvent"]
        assert len(deltas) == 200
        assert (await v.get("/events/count")).json() == 11

    flood = fault("delta-flood", frames=200, match={"kind": "ActionEvent", "nth": 2})
    assert fired(visit(world_with(flood, generation=generation), script)) == [1]


@pytest.mark.parametrize(
    ("kind", "match", "says"),
    [
        ("corrupt-record", {"connection": 1}, "match.connection means nothing"),
        ("stop-hook-veto", {"kind": "ActionEvent"}, "match.kind means nothing"),
        ("late-tail", {"call": "search"}, "match.call means nothing"),
    ],
)
def test_a_rule_that_means_nothing_to_the_publisher_is_refused(kind: str, match: Json, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        fault(kind, match=match)
