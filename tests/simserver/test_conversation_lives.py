"""The life of a conversation: leases, sleep, moved heads, updates, late stamps, bounded replay (R64 to R88)."""

from __future__ import annotations

import json
from typing import Any

import pytest
import trio

from gapless.simserver import AgentWorkload, ServerSettings, World, pairs
from gapless.simserver.conversation.workload import BackgroundAction
from gapless.simserver.errors import ConfigError
from tests.simserver.test_faults import fault, fired, world_with
from tests.simserver.visiting import Visit, entries, event_of, log_ids, visit


def old_world(*faults: Any, events: int = 20, settings: ServerSettings | None = None, **workload: Any) -> World:
    return World(settings, AgentWorkload(history_events=events, **workload), faults)


# --- leases and sleep ---------------------------------------------------------------------------------------


def test_a_lease_hides_the_conversation_after_a_restart_and_then_it_is_there_again() -> None:
    async def script(v: Visit) -> None:
        await trio.sleep(3)
        assert (await v.get("/events/search")).status_code == 404
        assert (await v.http.post("/api/conversations", json={})).status_code == 500
        reason = await (await v.socket()).closed()
        assert reason.code == 4004
        await trio.sleep(45)
        assert (await v.get("/events/search")).status_code == 200

    assert fired(visit(old_world(fault("server-restart", at_s=1, lease_s=45)), script)) == [1]


def test_a_healed_world_has_no_lease() -> None:
    async def script(v: Visit) -> None:
        await trio.sleep(3)
        v.world.heal()
        assert (await v.get()).status_code == 200

    visit(old_world(fault("server-restart", at_s=1, lease_s=45)), script)


def test_a_sleeping_runtime_answers_pages_and_refuses_sockets_and_writes() -> None:
    async def script(v: Visit) -> None:
        await trio.sleep(2)
        assert len((await v.search())["items"]) == 20
        assert (await v.send()).status_code == 503
        assert (await v.run()).status_code == 503
        assert (await v.handshake(f"/sockets/events/{v.world.conversation_id}"))[0] == 503
        runtime = (await v.get()).json()["runtime_info"]
        assert (runtime["runtime_status"], runtime["can_resume"]) == ("missing", False)
        await trio.sleep(10)
        assert (await v.send()).status_code == 200

    assert fired(visit(old_world(fault("runtime-asleep", at_s=1, asleep_s=5, can_resume=False)), script)) == [1]


def test_a_runtime_that_wakes_on_a_write_sleeps_until_there_is_one() -> None:
    async def script(v: Visit) -> None:
        await trio.sleep(100)
        assert (await v.send()).status_code == 503
        await trio.sleep(4)
        assert (await v.send()).status_code == 200

    visit(old_world(fault("runtime-asleep", at_s=1, asleep_s=3, wakes_on_write=True)), script)


def test_a_run_in_progress_ends_in_error_when_the_runtime_goes() -> None:
    async def script(v: Visit) -> None:
        await v.send(run=True)
        await trio.sleep(5)

    world = visit(world_with(fault("runtime-asleep", at_s=1.5)), script)
    assert [one["status"] for one in entries(world, "agent", "run-ended")] == ["error"]


# --- runs that do not end -----------------------------------------------------------------------------------


def test_a_run_without_an_end_says_running_and_refuses_another_until_it_is_paused() -> None:
    async def script(v: Visit) -> None:
        socket = await v.socket()
        await v.send(run=True)
        frames = await socket.for_seconds(10)
        assert event_of(frames[-1])["kind"] == "ObservationEvent"
        assert (await v.get()).json()["execution_status"] == "running"
        assert (await v.run()).status_code == 409
        v.world.pause()
        assert (await v.get()).json()["execution_status"] == "paused"
        assert (await v.run()).status_code == 200

    visit(World(None, AgentWorkload(runs=(pairs(1, end_status="none"),))), script)


def test_a_tool_can_be_silent_for_long() -> None:
    plan = pairs(2, step_s=1, tool_s=90)
    assert [step.duration_s for step in plan.steps] == [1, 90, 1, 90]


# --- HEAD ---------------------------------------------------------------------------------------------------


def test_after_head_moved_back_the_next_parent_is_the_earlier_event() -> None:
    async def script(v: Visit) -> None:
        leaf = v.world.agent.leaf
        v.world.navigate(2)
        moved = v.world.agent.leaf
        assert moved not in (leaf, None)
        await v.send()
        assert v.world.agent.log[-2]["parent_id"] == moved

    visit(old_world(), script)


def test_head_before_the_first_event_makes_the_next_parent_the_root() -> None:
    async def script(v: Visit) -> None:
        v.world.navigate(None)
        socket = await v.socket()
        (snapshot,) = [event_of(one) for one in await socket.for_seconds(1) if event_of(one)]
        assert snapshot["value"]["head_is_empty"] is True
        assert "leaf_event_id" not in snapshot["value"]
        await v.send()
        message = next(one for one in await socket.for_seconds(1) if event_of(one)["kind"] == "MessageEvent")
        assert event_of(message)["parent_id"] == "__root__"

    visit(old_world(), script)


def test_a_server_without_a_tree_has_no_head_to_move() -> None:
    async def script(v: Visit) -> None:
        v.world.navigate(2)
        await v.send()
        assert "parent_id" not in v.world.agent.log[-2]

    visit(old_world(settings=ServerSettings(generation="legacy")), script)


def test_a_log_from_before_the_tree_has_no_parents_and_no_leaf_until_something_is_appended() -> None:
    async def script(v: Visit) -> None:
        assert all("parent_id" not in one for one in (await v.search())["items"])
        assert (await v.get()).json()["leaf_event_id"] is None
        await v.send()
        assert (await v.get()).json()["leaf_event_id"] == v.world.agent.leaf

    visit(old_world(history_before_tree=True), script)


# --- events that change -------------------------------------------------------------------------------------


@pytest.mark.parametrize("generation", ["legacy", "tree", "session"])
def test_an_event_is_published_again_under_its_id_and_the_log_has_the_newer_content(generation: str) -> None:
    async def script(v: Visit) -> None:
        socket = await v.socket()
        await v.send(run=True)
        frames = [event_of(one) for one in await socket.for_seconds(10)]
        actions = [one for one in frames if one.get("kind") == "ActionEvent"]
        assert [one.get("revision") for one in actions] == [None, 2, None, None]
        assert actions[0]["id"] == actions[1]["id"]
        stored = next(one for one in (await v.search())["items"] if one["id"] == actions[0]["id"])
        assert stored["revision"] == 2

    one = fault("event-updated", match={"kind": "ActionEvent", "nth": 1})
    world = visit(world_with(one, generation=generation), script)
    assert fired(world) == [1]
    assert len(entries(world, "log", "update")) == 1


def test_an_event_of_an_unknown_kind_is_in_the_log_and_becomes_the_leaf() -> None:
    async def script(v: Visit) -> None:
        await v.send(run=True)
        await trio.sleep(10)
        items = (await v.search())["items"]
        (unknown,) = [one for one in items if one["kind"] == "HologramEvent"]
        assert items[items.index(unknown) + 1]["parent_id"] == unknown["id"]

    assert fired(visit(world_with(fault("event-unknown-kind", match={"kind": "ActionEvent", "nth": 1})), script)) == [1]


def test_an_event_that_is_stamped_late_has_a_parent_in_the_log_alone() -> None:
    async def script(v: Visit) -> None:
        socket = await v.socket()
        await v.send(run=True)
        frames = [event_of(one) for one in await socket.for_seconds(10)]
        live = next(one for one in frames if one.get("kind") == "ActionEvent")
        stored = next(one for one in (await v.search())["items"] if one["id"] == live["id"])
        assert "parent_id" not in live
        assert stored["parent_id"]

    assert fired(visit(world_with(fault("event-stamped-late", match={"kind": "ActionEvent", "nth": 1})), script)) == [1]


def test_events_are_inserted_before_the_end_of_the_log_and_sent_to_nobody() -> None:
    async def script(v: Visit) -> None:
        before = log_ids(v.world)
        socket = await v.socket()
        await socket.for_seconds(1)
        assert not await socket.for_seconds(3)
        after = [one["id"] for one in (await v.search())["items"]]
        assert after[:15] == before[:15]
        assert after[17:] == before[15:]
        assert (await v.get("/events/count")).json() == 22

    assert fired(visit(old_world(fault("log-insert", at_s=2, events=2, before_last=5)), script)) == [1]


# --- answers ------------------------------------------------------------------------------------------------


def test_a_redirect_leads_to_the_same_address() -> None:
    async def script(v: Visit) -> None:
        answer = await v.get("/events/search", limit=3)
        assert answer.status_code == 307
        assert answer.headers["location"] == f"{v.base}/events/search?limit=3"
        assert len((await v.http.get(answer.headers["location"])).json()["items"]) == 3

    assert fired(visit(old_world(fault("rest-proxy-answer", match={"nth": 1})), script)) == [1]


def test_a_login_form_is_a_success_in_html() -> None:
    async def script(v: Visit) -> None:
        answer = await v.get("/events/search")
        assert (answer.status_code, answer.headers["content-type"].split(";")[0]) == (200, "text/html")

    assert fired(visit(old_world(fault("rest-proxy-answer", answer="html")), script)) == [1]


@pytest.mark.parametrize("shape", ["null", "text", "no-id"])
def test_one_item_cannot_be_decoded_and_the_others_can(shape: str) -> None:
    async def script(v: Visit) -> None:
        items = (await v.search())["items"]
        good = [one for one in items if isinstance(one, dict) and "id" in one]
        assert (len(items), len(good)) == (20, 19)
        assert items[3] not in good

    assert fired(visit(old_world(fault("rest-undecodable-item", item=3, shape=shape)), script)) == [1]


def test_a_blank_page_looks_like_the_end_of_the_log() -> None:
    async def script(v: Visit) -> None:
        assert await v.search() == {"items": [], "next_page_id": None}
        assert len((await v.search())["items"]) == 20

    assert fired(visit(old_world(fault("rest-empty-page", blank=True, match={"nth": 1})), script)) == [1]


def test_a_page_bounded_by_bytes_has_one_event_at_least() -> None:
    async def script(v: Visit) -> None:
        tiny = await v.search()
        assert len(tiny["items"]) == 1
        assert tiny["next_page_id"] == log_ids(v.world)[1]
        page = await v.search()
        assert 1 < len(page["items"]) < 20
        assert sum(len(json.dumps(one, separators=(",", ":"))) for one in page["items"]) <= 2000

    tiny = fault("rest-page-cap", bytes_max=1, match={"nth": 1})
    assert fired(visit(old_world(tiny, fault("rest-page-cap", bytes_max=2000, match={"nth": 2})), script)) == [1, 1]


def test_a_page_cap_without_a_cap_is_refused() -> None:
    with pytest.raises(ConfigError, match="add items_max, bytes_max, or both"):
        fault("rest-page-cap")


def test_what_the_index_misses_is_there_after_a_restart() -> None:
    async def script(v: Visit) -> None:
        await v.send(run=True)
        await trio.sleep(10)
        missing = len(log_ids(v.world)) - len((await v.search())["items"])
        await v.world.restart(1)
        assert (missing, len((await v.search())["items"])) == (1, len(log_ids(v.world)))

    one = fault("corrupt-record", until_restart=True, match={"kind": "ActionEvent", "nth": 1})
    assert fired(visit(world_with(one), script)) == [1]


# --- sockets ------------------------------------------------------------------------------------------------


def test_a_socket_on_which_nothing_is_sent_is_broken() -> None:
    async def script(v: Visit) -> None:
        await (await v.socket()).closed()
        assert v.world.now_s() == pytest.approx(15)

    assert fired(visit(old_world(fault("link-quiet", quiet_s=15)), script)) == [1]


def test_a_bounded_replay_says_where_it_begins() -> None:
    async def script(v: Visit) -> None:
        frames = await (await v.socket("?after_seq=-1")).for_seconds(1)
        assert frames[0] == {"type": "sync", "from_seq": -1, "through_seq": 19, "truncated": True, "first_seq": 15}
        assert [one["seq"] for one in frames if one["type"] == "durable"] == [15, 16, 17, 18, 19]

    visit(old_world(settings=ServerSettings(replay_events_max=5)), script)


def test_sequence_numbers_begin_anew_with_each_epoch() -> None:
    async def script(v: Visit) -> None:
        await v.world.restart(1)
        socket = await v.socket("?after_seq=-1")
        await v.send()
        frames = await socket.for_seconds(1)
        assert "through_seq" not in frames[0]
        assert sorted(one["seq"] for one in frames if one["type"] == "durable") == [0, 1, 2]

    visit(old_world(settings=ServerSettings(epochs=True)), script)


def test_the_background_still_sends_and_runs() -> None:
    async def script(v: Visit) -> None:
        await trio.sleep(2)
        assert len(log_ids(v.world)) == 23

    visit(old_world(background=(BackgroundAction(1, "hello"),)), script)
