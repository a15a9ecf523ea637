"""Faults of the line and of REST that came after the first set: bandwidth, half-open, cut, zombie, overflow, hang;
reset, stale view, page cap, cursor loop, empty page."""

from __future__ import annotations

import httpx
import pytest
import trio

from gapless.simserver import AgentWorkload, World, pairs
from tests.simserver.test_faults import ACTIONS, fault, fired, seqs, whole_run, world_with
from tests.simserver.visiting import Visit, entries, event_of, is_snapshot, log_ids, visit

# --- the link -----------------------------------------------------------------------------------------------


def test_a_thin_line_takes_time_by_the_byte() -> None:
    async def script(v: Visit) -> None:
        await v.send()
        began = v.world.now_s()
        page = await v.get("/events/search")
        took_s = v.world.now_s() - began
        assert took_s > len(page.content) / 1000
        assert took_s < (len(page.content) + 1000) / 1000

    assert fired(visit(world_with(fault("link-bandwidth", bytes_per_s=1000, on="rest")), script)) == [1]


def test_the_thinnest_line_brings_nothing_for_long_and_ends_nothing() -> None:
    async def script(v: Visit) -> None:
        with trio.move_on_after(60) as waited:
            await v.get("/events/search")
        assert waited.cancelled_caught, "a part without a byte would have been the end of the connection"

    assert fired(visit(world_with(fault("link-bandwidth", bytes_per_s=0.001, on="rest")), script)) == [1]


def test_a_thin_line_keeps_the_order_and_is_over_when_the_world_heals() -> None:
    async def script(v: Visit) -> None:
        socket = await v.socket()
        await v.send(run=True)
        await trio.sleep(7)
        await socket.for_seconds(0.1)
        assert 0 < len(seqs(socket)) < 11
        v.world.heal()
        await socket.for_seconds(0.1)
        assert seqs(socket) == [0, 2, 1, *range(3, 11)]

    assert fired(visit(world_with(fault("link-bandwidth", bytes_per_s=500, on="socket")), script)) == [1]


def test_half_open_is_silence_without_an_end() -> None:
    async def script(v: Visit) -> None:
        socket = await v.socket(max_message_size=2**20)
        await v.send(run=True)
        await socket.for_seconds(60)
        assert seqs(socket) == [0, 2, 1, 3]
        with trio.move_on_after(30) as scope:
            await socket.websocket.ping()
        assert scope.cancelled_caught
        assert entries(v.world, "socket", "closed") == []
        v.world.heal()
        assert (await socket.closed()).code == 1006

    world = visit(world_with(fault("link-half-open", match=ACTIONS | {"nth": 1})), script)
    assert fired(world) == [1]
    sent = [entry["frame"] for entry in entries(world, "socket", "sent")]
    assert len(sent) > len(entries(world, "socket", "delivered"))


def test_a_lost_subscription_answers_pings_and_says_nothing() -> None:
    async def script(v: Visit) -> None:
        socket = await v.socket()
        await v.send(run=True)
        await socket.for_seconds(60)
        assert seqs(socket) == [0, 2, 1, 3]
        with trio.fail_after(1):
            await socket.websocket.ping()

    world = visit(world_with(fault("subscription-lost", match=ACTIONS | {"nth": 1})), script)
    assert fired(world) == [1]
    assert len(entries(world, "socket", "sent")) == len(entries(world, "socket", "delivered"))


@pytest.mark.parametrize("kind", ["link-half-open", "subscription-lost"])
def test_a_socket_falls_silent_at_a_time(kind: str) -> None:
    async def script(v: Visit) -> None:
        sockets = [await v.socket(), await v.socket()]
        await trio.sleep(2)
        await v.send()
        assert [seqs(one) for one in sockets if await one.for_seconds(5)] == [[], []]

    assert fired(visit(world_with(fault(kind, at_s=1)), script)) == [2]


def test_a_cut_comes_in_the_middle_of_a_frame() -> None:
    async def script(v: Visit) -> None:
        socket = await v.socket()
        await v.send(run=True)
        assert (await socket.closed()).code == 1006
        assert seqs(socket) == [0, 2, 1, 3]
        again = await v.socket()
        await again.until(is_snapshot("finished"))

    faults = (fault("link-cut", match=ACTIONS | {"nth": 1}), fault("link-latency", latency_s=0.2, on="socket"))
    world = visit(world_with(*faults), script)
    assert fired(world)[0] == 1
    (torn,) = [entry for entry in entries(world, "socket", "sent") if entry.get("torn")]
    assert torn["id"] == log_ids(world)[4]
    assert {"connection": 1, "code": None, "by": "link"} in entries(world, "socket", "closed")


def test_a_handshake_hangs_and_the_next_one_does_not() -> None:
    async def script(v: Visit) -> None:
        with trio.move_on_after(20) as scope:
            await v.handshake(f"/sockets/events/{v.world.conversation_id}")
        assert scope.cancelled_caught
        await v.socket()
        await trio.sleep(60)

    world = visit(world_with(fault("link-handshake-hang", hang_s=30, match={"nth": 1})), script)
    assert fired(world) == [1]


@pytest.mark.parametrize("then", ["close", "drop"])
def test_a_queue_overflows_when_nobody_reads(then: str) -> None:
    async def script(v: Visit) -> None:
        socket = await v.socket()
        await v.send(run=True)
        if then == "close":
            assert (await socket.closed()).code == 1013
            assert len(seqs(socket)) < 11
        else:
            await socket.for_seconds(60)
            assert 0 < len(seqs(socket)) < 11

    slow = fault("link-latency", latency_s=5, on="socket", match={"after_s": 0.5})
    world = visit(world_with(fault("queue-overflow", frames_max=4, then=then), slow), script)
    assert fired(world)[0] >= 1


def test_a_queue_that_is_read_does_not_overflow() -> None:
    async def script(v: Visit) -> None:
        await whole_run(v)

    assert fired(visit(world_with(fault("queue-overflow", frames_max=4)), script)) == [0]


# --- REST ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("when", "events"), [("before", 0), ("after", 3)])
def test_rest_reset_breaks_the_connection(when: str, events: int) -> None:
    async def script(v: Visit) -> None:
        with pytest.raises(httpx.TransportError):
            await v.send()
        assert (await v.get("/events/count")).json() == events

    world = visit(world_with(fault("rest-reset", when=when, match={"call": "message"})), script)
    assert fired(world) == [1]
    assert entries(world, "rest", "response")[0]["lost"] is True


@pytest.mark.parametrize(("rests_s", "is_lost"), [(1.9, False), (2.1, True)])
def test_a_call_is_lost_on_a_connection_that_nobody_has_used_for_long(rests_s: float, is_lost: bool) -> None:
    async def script(v: Visit) -> None:
        await trio.sleep(5.0)  # before the first call there is no connection that could be idle
        await v.send()
        await trio.sleep(rests_s)
        if is_lost:
            with pytest.raises(httpx.TransportError):
                await v.get("/events/count")
        assert (await v.get("/events/count")).json() == 3

    world = visit(world_with(fault("rest-idle-close", idle_s=2.0)), script)
    assert fired(world) == [int(is_lost)]


def test_rest_stale_shows_the_log_as_it_was() -> None:
    async def script(v: Visit) -> None:
        socket = await v.socket()
        await v.send(run=True)
        await socket.for_seconds(2.5)
        assert len((await v.search())["items"]) == (await v.get("/events/count")).json() == 5
        last = log_ids(v.world)[-1]
        assert (await v.get(f"/events/{last}")).status_code == 500
        first = (await v.search(page_id=last))["items"][0]
        assert first["id"] == log_ids(v.world)[0]  # that cursor is unknown to a view that is behind

    assert fired(visit(world_with(fault("rest-stale", lag_s=1.0)), script)) == [4]


def test_rest_page_cap_shows_fewer_items_and_goes_on() -> None:
    async def script(v: Visit) -> None:
        seen, cursor = [], None
        while True:
            page = await v.search(**({} if cursor is None else {"page_id": cursor}))
            assert len(page["items"]) <= 3
            seen += [event["id"] for event in page["items"]]
            cursor = page["next_page_id"]
            if cursor is None:
                break
        assert seen == log_ids(v.world)

    world = World(None, AgentWorkload(history_events=10), [fault("rest-page-cap", items_max=3)])
    assert fired(visit(world, script)) == [4]


def test_rest_cursor_loop_never_comes_to_an_end() -> None:
    async def script(v: Visit) -> None:
        first = await v.search(limit=3)
        assert first["next_page_id"] == first["items"][0]["id"]
        page = await v.search(limit=3, page_id=first["next_page_id"])
        assert page == first
        last = await v.search(sort_order="TIMESTAMP_DESC", page_id=log_ids(v.world)[0])
        assert last["next_page_id"] == log_ids(v.world)[0]

    world = World(None, AgentWorkload(history_events=10), [fault("rest-cursor-loop")])
    assert fired(visit(world, script)) == [3]


def test_rest_empty_page_goes_on() -> None:
    async def script(v: Visit) -> None:
        cursor = log_ids(v.world)[4]
        assert len((await v.search())["items"]) == 10
        assert await v.search(page_id=cursor) == {"items": [], "next_page_id": cursor}
        assert len((await v.search(page_id=cursor))["items"]) == 6

    world = World(None, AgentWorkload(history_events=10), [fault("rest-empty-page", match={"nth": 1})])
    assert fired(visit(world, script)) == [1]


def test_all_faults_of_a_kind_are_told_apart_in_a_world_with_many() -> None:
    async def script(v: Visit) -> None:
        socket = await whole_run(v)
        assert event_of(socket.frames[-1])["key"] == "full_state"

    faults = (fault("link-bandwidth", bytes_per_s=1e6), fault("link-latency", latency_s=0.1))
    world = World(None, AgentWorkload(runs=(pairs(2),)), faults)
    assert fired(visit(world, script)) == [2, 2]
