"""The faults of frames, links and calls: seen to act on real bytes, counted, journalled, and over after healing."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
import trio

from gapless.simserver import AgentWorkload, ConfigError, ServerSettings, World, pairs, parse_fault
from gapless.simserver.faults import KINDS
from gapless.simserver.faults.base import BaseFault
from tests.simserver.visiting import Socket, Visit, entries, event_of, is_snapshot, log_ids, visit

Script = Callable[[Visit], Awaitable[None]]
ACTIONS = {"kind": ["ActionEvent"]}


def fault(kind: str, **fields: Any) -> BaseFault:
    return parse_fault({"kind": kind, **fields})


def world_with(*faults: BaseFault, actions: int = 3, step_s: float = 1.0, **settings: Any) -> World:
    return World(ServerSettings(**settings), AgentWorkload(runs=(pairs(actions, step_s=step_s),)), faults)


def fired(world: World) -> list[int]:
    counts = [count.fired for count in world.fired()]
    journalled = [entry["name"] for entry in entries(world, "fault", "fired")]
    assert counts == [journalled.count(count.name) for count in world.fired()]
    return counts


async def whole_run(v: Visit) -> Socket:
    socket = await v.socket()
    await v.send(run=True)
    await socket.until(is_snapshot("finished"))
    return socket


def seqs(socket: Socket) -> list[int]:
    return [frame["seq"] for frame in socket.frames if frame["type"] == "durable"]


# --- the publisher ------------------------------------------------------------------------------------------


def test_event_drop_leaves_a_hole_and_an_open_socket() -> None:
    async def script(v: Visit) -> None:
        assert seqs(await whole_run(v)) == [0, 2, 1, 3, 4, 5, 7, 8, 9, 10]

    world = visit(world_with(fault("event-drop", match=ACTIONS | {"nth": 2})), script)
    assert fired(world) == [1]
    assert entries(world, "fault", "fired") == [
        {"name": "event-drop-1", "kind": "event-drop", "n": 1, "target": log_ids(world)[6]}
    ]


def test_event_drop_may_leave_a_message_that_nobody_can_read() -> None:
    async def script(v: Visit) -> None:
        socket = await v.socket()
        await v.send(run=True)
        with pytest.raises(json.JSONDecodeError):
            await socket.for_seconds(60)

    world = visit(world_with(fault("event-drop", leaves="half", match=ACTIONS | {"nth": 2})), script)
    assert fired(world) == [1]
    (unreadable,) = (one for one in entries(world, "socket", "delivered") if one.get("unreadable"))
    assert unreadable["id"] is None
    assert not any(one["id"] == log_ids(world)[6] for one in entries(world, "socket", "delivered"))


def test_event_delay_lets_later_events_overtake() -> None:
    async def script(v: Visit) -> None:
        socket = await whole_run(v)
        assert seqs(socket) == [0, 2, 1, 3, 5, 6, 4, 7, 8, 9, 10]
        delivered = {entry.fields["id"]: entry.t_s for entry in v.world.journal if entry.what == "delivered"}
        assert delivered[log_ids(v.world)[4]] == pytest.approx(1.01 + 2.5)

    assert fired(visit(world_with(fault("event-delay", delay_s=2.5, match=ACTIONS | {"nth": 1})), script)) == [1]


def test_event_duplicate_sends_copies() -> None:
    async def script(v: Visit) -> None:
        assert seqs(await whole_run(v)) == [0, 2, 1, 3, 4, 4, 5, 4, 6, 7, 8, 9, 10]

    world = world_with(fault("event-duplicate", copies=2, gap_s=0.9, match=ACTIONS | {"nth": 1}))
    # copies at +0.9 and +1.8; the observation comes at +1.0 and the next action at +2.0
    assert fired(visit(world, script)) == [1]


def test_event_reorder_waits_for_later_frames() -> None:
    async def script(v: Visit) -> None:
        assert seqs(await whole_run(v)) == [0, 2, 1, 3, 5, 6, 4, 7, 8, 9, 10]

    assert fired(visit(world_with(fault("event-reorder", after=2, hold_s=60, match=ACTIONS | {"nth": 1})), script)) == [
        1
    ]


def test_event_reorder_gives_up_waiting_after_hold_s() -> None:
    async def script(v: Visit) -> None:
        assert seqs(await whole_run(v)) == [0, 2, 1, 3, 5, 4, 6, 7, 8, 9, 10]

    world = world_with(fault("event-reorder", after=9, hold_s=1.5, match=ACTIONS | {"nth": 1}))
    assert fired(visit(world, script)) == [1]


def test_event_faults_act_on_each_subscription_on_its_own() -> None:
    async def script(v: Visit) -> None:
        first, second = await v.socket(), await v.socket()
        await v.send()
        assert 0 not in [frame.get("seq") for frame in await first.for_seconds(1)]
        assert 0 in [frame.get("seq") for frame in await second.for_seconds(1)]

    assert fired(
        visit(world_with(fault("event-drop", match={"connection": 1, "kind": "SystemPromptEvent"})), script)
    ) == [1]


def test_a_lost_snapshot_matches_by_status() -> None:
    async def script(v: Visit) -> None:
        socket = await v.socket()
        await v.send(run=True)
        frames = await socket.for_seconds(60)
        assert not any(map(is_snapshot("finished"), frames))

    assert fired(visit(world_with(fault("event-drop", match={"snapshot": True, "status": "finished"})), script)) == [1]


@pytest.mark.parametrize(
    ("match", "seen"),
    [
        ({"key": "execution_status"}, 2),
        ({"key": "execution_status", "status": "running"}, 1),
        ({"tool": "terminal"}, 6),
        ({"durable": True}, 11),
        ({"durable": False}, 2),
        ({"after_s": 3.0, "before_s": 5.0}, 2),
        ({"kind": ["ActionEvent", "ObservationEvent"], "nth": [2, 4, 99]}, 2),
        ({"connection": 2}, 0),
        ({}, 13),
    ],
)
def test_a_match_selects(match: dict[str, Any], seen: int) -> None:
    async def script(v: Visit) -> None:
        await whole_run(v)

    assert fired(visit(world_with(fault("event-duplicate", match=match)), script)) == [seen]


def test_probability_draws_from_the_faults_own_stream() -> None:
    async def script(v: Visit) -> None:
        await whole_run(v)

    world = visit(
        world_with(fault("event-duplicate", name="maybe", match={"durable": True, "probability": 0.5})), script
    )
    assert list(world.choices.tape) == ["fault/maybe"]
    assert fired(world) == [sum(1 for value in world.choices.tape["fault/maybe"] if value < 0.5)]


# --- the link -----------------------------------------------------------------------------------------------


def test_link_latency_makes_everything_late_in_order() -> None:
    async def script(v: Visit) -> None:
        began = v.world.now_s()
        await v.get("/events/count")
        assert v.world.now_s() - began == pytest.approx(0.2)
        assert seqs(await whole_run(v)) == [0, 2, 1, *range(3, 11)]

    world = visit(world_with(fault("link-latency", latency_s=0.1)), script)
    assert fired(world) == [2]  # one connection for REST, one for the socket


def test_link_latency_with_jitter_stays_in_order_and_within_bounds() -> None:
    async def script(v: Visit) -> None:
        assert seqs(await whole_run(v)) == [0, 2, 1, *range(3, 11)]

    world = visit(world_with(fault("link-latency", latency_s=0.1, jitter_s=0.4, on="socket"), step_s=0.05), script)
    sent = {entry.fields["frame"]: entry.t_s for entry in world.journal if entry.what == "sent"}
    late = [entry.t_s - sent[entry.fields["frame"]] for entry in world.journal if entry.what == "delivered"]
    assert 0.1 <= min(late) < max(late) <= 0.5 + 1e-6


def test_link_latency_in_a_window_that_opens_later() -> None:
    async def script(v: Visit) -> None:
        times = []
        for _ in range(3):
            began = v.world.now_s()
            await v.get("/events/count")
            times.append(v.world.now_s() - began)
            await trio.sleep(10)
        assert times == pytest.approx([0, 2.0, 0])

    assert fired(
        visit(world_with(fault("link-latency", latency_s=1.0, match={"after_s": 5, "before_s": 15})), script)
    ) == [1]


def test_link_latency_whose_window_never_opens_has_not_fired() -> None:
    async def script(v: Visit) -> None:
        await whole_run(v)

    assert fired(visit(world_with(fault("link-latency", latency_s=1.0, match={"after_s": 500})), script)) == [0]


def test_two_latencies_add_up() -> None:
    async def script(v: Visit) -> None:
        await v.get("/events/count")
        assert v.world.now_s() == pytest.approx(6.0)

    faults = (fault("link-latency", latency_s=1.0), fault("link-latency", latency_s=2.0, on="rest"))
    assert fired(visit(world_with(*faults), script)) == [1, 1]


def test_link_stall_delivers_everything_after_it() -> None:
    async def script(v: Visit) -> None:
        socket = await v.socket()
        await v.send(run=True)
        await trio.sleep(1)
        assert seqs(socket) == []
        await socket.for_seconds(3)
        assert seqs(socket) == [0, 2, 1, 3]
        await socket.for_seconds(30)
        assert seqs(socket) == [0, 2, 1, *range(3, 11)]

    assert fired(visit(world_with(fault("link-stall", stall_s=20, match=ACTIONS | {"nth": 1})), script)) == [1]


@pytest.mark.parametrize(("when", "last"), [("before", 3), ("after", 4)])
def test_link_reset_breaks_the_connection_at_a_frame(when: str, last: int) -> None:
    async def script(v: Visit) -> None:
        socket = await v.socket()
        await v.send(run=True)
        assert (await socket.closed()).code == 1006
        assert max(seqs(socket)) == last
        again = await v.socket()
        await again.until(is_snapshot("finished"))

    world = visit(world_with(fault("link-reset", when=when, match=ACTIONS | {"nth": 1})), script)
    assert fired(world) == [1]
    assert {"connection": 1, "code": None, "by": "link"} in entries(world, "socket", "closed")


@pytest.mark.parametrize(("when", "last"), [("before", 3), ("after", 4)])
def test_link_close_sends_its_code_at_a_frame(when: str, last: int) -> None:
    async def script(v: Visit) -> None:
        socket = await v.socket()
        await v.send(run=True)
        assert (await socket.closed()).code == 1012
        assert max(seqs(socket)) == last

    world = visit(world_with(fault("link-close", code=1012, when=when, match=ACTIONS | {"nth": 1})), script)
    assert fired(world) == [1]
    assert entries(world, "socket", "closed") == [{"connection": 1, "code": 1012, "by": "link"}]


@pytest.mark.parametrize("kind", ["link-reset", "link-close"])
def test_link_faults_go_off_at_a_time_on_every_open_socket(kind: str) -> None:
    async def script(v: Visit) -> None:
        sockets = [await v.socket(), await v.socket()]
        for socket in sockets:
            await socket.closed()
            assert v.world.now_s() == pytest.approx(7.5)

    assert fired(visit(world_with(fault(kind, at_s=7.5)), script)) == [2]


def test_link_refuse_answers_the_handshake_with_a_status() -> None:
    async def script(v: Visit) -> None:
        path = f"/sockets/events/{v.world.conversation_id}"
        assert [(await v.handshake(path))[0] for _ in range(3)] == [503, 503, 101]

    world = visit(world_with(fault("link-refuse", status=503, match={"nth": [1, 2]})), script)
    assert fired(world) == [2]
    assert entries(world, "socket", "refused") == [{"connection": n, "status": 503} for n in (1, 2)]


def test_link_refuse_without_a_status_refuses_to_be_dialled() -> None:
    async def script(v: Visit) -> None:
        with pytest.raises(OSError, match="refused"):
            await v.socket()
        await v.socket()

    assert fired(visit(world_with(fault("link-refuse", match={"nth": 1})), script)) == [1]


# --- REST ---------------------------------------------------------------------------------------------------


def test_rest_status_answers_instead_of_the_call() -> None:
    async def script(v: Visit) -> None:
        refused = await v.send()
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "7")
        assert (await v.send()).status_code == 200
        assert (await v.get("/events/count")).json() == 3

    assert fired(visit(world_with(fault("rest-status", status=429, retry_after_s=7, match={"nth": 1})), script)) == [1]


def test_rest_faults_match_by_call() -> None:
    async def script(v: Visit) -> None:
        assert (await v.get()).status_code == 200
        assert (await v.get("/events/count")).status_code == 500
        assert (await v.get("/events/search")).status_code == 500

    world = world_with(fault("rest-status", status=500, match={"call": ["count", "search"]}))
    assert fired(visit(world, script)) == [2]


def test_rest_timeout_performs_the_call_and_answers_late() -> None:
    async def script(v: Visit) -> None:
        began = v.world.now_s()
        with pytest.raises(httpx.ReadTimeout):
            await v.http.get(f"{v.base}/events/count", timeout=5.0)
        assert v.world.now_s() - began == pytest.approx(5.0)
        await trio.sleep(60)

    world = visit(world_with(fault("rest-timeout", hang_s=30)), script)
    assert fired(world) == [1]
    (response,) = entries(world, "rest", "response")
    assert response["lost"] is True


def test_rest_timeout_of_a_message_has_taken_the_message() -> None:
    async def script(v: Visit) -> None:
        with pytest.raises(httpx.ReadTimeout):
            await v.http.post(f"{v.base}/events", json={"content": [{"type": "text", "text": "once"}]}, timeout=5.0)
        assert (await v.get("/events/count")).json() == 3

    visit(world_with(fault("rest-timeout", hang_s=30, match={"call": "message"})), script)


@pytest.mark.parametrize("body", ["truncated", "not-json", "wrong-shape"])
def test_rest_malformed_spoils_the_body_and_not_the_status(body: str) -> None:
    async def script(v: Visit) -> None:
        await v.send()
        response = await v.get("/events/search")
        assert response.status_code == 200
        if body == "wrong-shape":
            assert "items" not in response.json()
        else:
            with pytest.raises(json.JSONDecodeError):
                response.json()
        assert len((await v.search())["items"]) == 3

    world = world_with(fault("rest-malformed", body=body, match={"call": "search", "nth": 1}))
    assert fired(visit(world, script)) == [1]


@pytest.mark.parametrize(("unknown", "status"), [("natural", 200), ("not-found", 404), ("bad-request", 400)])
def test_rest_unknown_cursor_forgets_a_good_cursor(unknown: str, status: int) -> None:
    async def script(v: Visit) -> None:
        await v.send()
        ids = log_ids(v.world)
        assert (await v.get("/events/search")).status_code == 200
        response = await v.get("/events/search", page_id=ids[1])
        assert response.status_code == status
        if status == 200:
            assert [event["id"] for event in response.json()["items"]] == ids
        assert [event["id"] for event in (await v.search(page_id=ids[1]))["items"]] == ids[1:]

    world = world_with(fault("rest-unknown-cursor", match={"nth": 1}), unknown_cursor=unknown)
    assert fired(visit(world, script)) == [1]


# --- healing ------------------------------------------------------------------------------------------------


def test_healing_lets_go_of_what_faults_held_back() -> None:
    async def script(v: Visit) -> None:
        socket = await v.socket()
        await v.send(run=True)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(v.search)
            await socket.for_seconds(30)
            assert seqs(socket) == [0, 2, 1, 3, 5, 7]
            v.world.heal()
            v.world.heal()
            await socket.for_seconds(0.1)
        assert sorted(seqs(socket)) == list(range(11))
        assert v.world.now_s() < 31

    world = world_with(
        fault("event-delay", delay_s=1000, match=ACTIONS),
        fault("link-stall", stall_s=1000, match={"kind": "ObservationEvent", "nth": 3}),
        fault("rest-timeout", hang_s=1000, match={"call": "search"}),
    )
    visit(world, script)
    assert fired(world) == [3, 1, 1]
    assert len(entries(world, "world", "healed")) == 1


def test_no_fault_fires_after_healing() -> None:
    async def script(v: Visit) -> None:
        v.world.heal()
        assert seqs(await whole_run(v)) == [0, 2, 1, *range(3, 11)]
        assert (await v.get()).status_code == 200
        await trio.sleep(100)

    faults = (fault("event-drop"), fault("rest-status", status=500), fault("link-refuse"), fault("link-reset", at_s=50))
    assert fired(visit(world_with(*faults), script)) == [0, 0, 0, 0]


# --- as data ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ({}, "`kind` is None, not one of event-delay, "),
        ({"kind": "event-lost"}, "`kind` is 'event-lost', not one of"),
        ({"kind": "event-delay"}, "fault 'event-delay': delay_s and until say how long the event is late"),
        ({"kind": "event-delay", "delay_s": -1}, "delay_s: Input should be greater than 0"),
        ({"kind": "event-delay", "delay_s": float("inf")}, "finite"),
        ({"kind": "event-drop", "drop": 1}, "fault 'event-drop': drop: Extra inputs"),
        ({"kind": "event-drop", "match": {"nth": [0]}}, "match.nth.0: Input should be greater than or equal to 1"),
        ({"kind": "event-drop", "match": {"call": "search"}}, "match.call means nothing to a event-drop fault"),
        ({"kind": "event-drop", "match": {"after_s": 2, "before_s": 1}}, "before_s (1.0) is not later than"),
        ({"kind": "event-drop", "match": {"snapshot": True, "durable": True}}, "a snapshot is never durable"),
        ({"kind": "event-drop", "match": {"probability": 0}}, "match.probability"),
        ({"kind": "link-close", "code": 1006}, "1006 is reserved"),
        ({"kind": "link-reset", "at_s": 1, "match": {"kind": "ActionEvent"}}, "keep one"),
        ({"kind": "rest-status", "status": 200}, "status"),
        ({"kind": "rest-status", "status": 500, "match": {"call": "serach"}}, "match.call"),
        ({"kind": "event-drop", "name": "Not A Name"}, "name"),
    ],
)
def test_a_senseless_fault_is_refused_in_one_sentence(data: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse_fault(data)
    assert says in str(refused.value)
    assert "\n" not in str(refused.value)


def test_two_faults_of_one_name_are_refused() -> None:
    with pytest.raises(ConfigError, match="two are called 'twin'"):
        world_with(fault("event-drop", name="twin"), fault("event-drop", name="twin"))


def test_faults_are_named_after_their_kind_and_ordinal() -> None:
    world = world_with(fault("event-drop"), fault("link-refuse"), fault("event-drop"))
    assert [count.name for count in world.fired()] == ["event-drop-1", "link-refuse-1", "event-drop-2"]


def test_every_kind_is_in_the_union_and_has_a_docstring() -> None:
    for kind in KINDS:
        name = kind.model_fields["kind"].default
        needed = {"event-delay": {"delay_s": 1}, "link-latency": {"latency_s": 1}, "link-stall": {"stall_s": 1}}
        more = {"rest-status": {"status": 500}, "rest-timeout": {"hang_s": 1}}
        later = {"publish-before-persist": {"lag_s": 1}, "snapshot-stale": {"stale_s": 1}}
        later |= {
            "link-bandwidth": {"bytes_per_s": 1},
            "link-handshake-hang": {"hang_s": 1},
            "rest-stale": {"lag_s": 1},
        }
        later |= {"server-restart": {"at_s": 1}, "log-truncate": {"at_s": 1}, "rest-page-cap": {"items_max": 1}}
        later |= {"log-insert": {"at_s": 1}, "runtime-asleep": {"at_s": 1}}
        later |= {"clock-step": {"at_s": 1, "step_s": 1}, "clock-ties": {"at_s": 1, "resolution_s": 1}}
        assert type(parse_fault({"kind": name, **(needed | more | later).get(name, {})})) is kind
        assert kind.__doc__
        assert event_of({"type": "sync"}) == {}
