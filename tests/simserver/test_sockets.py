"""The sockets' own rules: keys, codes, greetings, replay, and clients that misbehave."""

from __future__ import annotations

import pytest
import trio

from gapless.simserver import AgentWorkload, ServerGeneration, ServerSettings, World, pairs
from tests.simserver.visiting import Visit, entries, event_of, is_snapshot, log_ids, visit

KEYED = ServerSettings("session", api_key="right")


def events_path(world: World) -> str:
    return f"/sockets/events/{world.conversation_id}"


@pytest.mark.parametrize("generation", ["legacy", "tree"])
def test_older_servers_refuse_the_session_socket(generation: ServerGeneration) -> None:
    async def script(v: Visit) -> None:
        assert (await v.handshake(f"/sockets/session/{v.world.conversation_id}"))[0] == 403

    world = visit(World(ServerSettings(generation)), script)
    assert entries(world, "socket", "refused") == [{"connection": 1, "status": 403}]


def test_an_unknown_conversation_is_closed_with_4004() -> None:
    async def script(v: Visit) -> None:
        socket = await v.socket(path="/sockets/events/00000000-0000-0000-0000-000000000000")
        reason = await socket.closed()
        assert (reason.code, reason.reason) == (4004, "Conversation not found")

    world = visit(World(), script)
    assert entries(world, "socket", "closed") == [{"connection": 1, "code": 4004, "by": "server"}]


@pytest.mark.parametrize(
    ("query", "headers", "first_frame"),
    [
        ("?session_api_key=right", [], None),
        ("", [("X-Session-API-Key", "right")], None),
        ("", [], '{"type":"auth","session_api_key":"right"}'),
    ],
)
def test_the_key_may_come_in_three_ways(query: str, headers: list[tuple[str, str]], first_frame: str | None) -> None:
    async def script(v: Visit) -> None:
        socket = await v.socket(query, extra_headers=headers)
        if first_frame is not None:
            await socket.websocket.send_message(first_frame)
        assert (await socket.next())["type"] == "sync"

    visit(World(KEYED), script)


@pytest.mark.parametrize("frame", ['{"type":"auth","session_api_key":"wrong"}', "garbage{", "[]", "null"])
def test_a_bad_key_is_closed_with_4001(frame: str) -> None:
    async def script(v: Visit) -> None:
        socket = await v.socket()
        await socket.websocket.send_message(frame)
        assert (await socket.closed()).code == 4001

    visit(World(KEYED), script)


def test_no_key_within_ten_seconds_is_closed_with_4001() -> None:
    async def script(v: Visit) -> None:
        socket = await v.socket()
        assert (await socket.closed()).code == 4001
        assert v.world.now_s() == pytest.approx(10.0)

    visit(World(KEYED), script)


def test_rest_without_the_key_is_401() -> None:
    async def script(v: Visit) -> None:
        assert (await v.get()).status_code == 200
        assert (await v.http.get(v.base, headers={"X-Session-API-Key": "wrong"})).status_code == 401
        assert (await v.http.get("/health", headers={"X-Session-API-Key": "wrong"})).status_code == 200

    visit(World(KEYED), script)


def test_resend_all_replays_the_log_after_the_snapshot() -> None:
    async def script(v: Visit) -> None:
        socket = await v.socket("?resend_mode=all", path=events_path(v.world))
        frames = await socket.for_seconds(1.0)
        assert frames[0]["key"] == "full_state"
        assert [frame["id"] for frame in frames[1:]] == log_ids(v.world)

    world = visit(World(workload=AgentWorkload(history_events=20)), script)
    assert [entry.get("replay", False) for entry in entries(world, "socket", "sent")] == [False] + [True] * 20


def test_resend_since_includes_the_timestamp_itself() -> None:
    async def script(v: Visit) -> None:
        at = v.world.agent.log[15]["timestamp"]
        socket = await v.socket(f"?resend_mode=since&after_timestamp={at}", path=events_path(v.world))
        frames = await socket.for_seconds(1.0)
        assert [frame["id"] for frame in frames[1:]] == log_ids(v.world)[15:]

    visit(World(workload=AgentWorkload(history_events=20)), script)


@pytest.mark.parametrize(
    ("query", "sync", "replayed"),
    [
        ("", {"type": "sync", "through_seq": 19}, []),
        ("?after_seq=-1", {"type": "sync", "from_seq": -1, "through_seq": 19}, list(range(20))),
        ("?after_seq=17", {"type": "sync", "from_seq": 17, "through_seq": 19}, [18, 19]),
        ("?after_seq=99", {"type": "sync", "from_seq": 99, "through_seq": 19}, []),
    ],
)
def test_the_session_socket_resumes_after_a_seq(query: str, sync: object, replayed: list[int]) -> None:
    async def script(v: Visit) -> None:
        socket = await v.socket(query)
        frames = await socket.for_seconds(1.0)
        assert frames[0] == sync
        assert [frame["seq"] for frame in frames[1:-1]] == replayed
        assert is_snapshot("finished")(frames[-1])

    visit(World(workload=AgentWorkload(history_events=20)), script)


@pytest.mark.parametrize("query", ["?after_seq=soon", "?resend_mode=some", "?resend_mode=since&after_timestamp=x"])
def test_a_senseless_query_refuses_the_handshake(query: str) -> None:
    async def script(v: Visit) -> None:
        kind = "session" if "seq" in query else "events"
        assert (await v.handshake(f"/sockets/{kind}/{v.world.conversation_id}{query}"))[0] == 403

    visit(World(), script)


def test_a_client_that_speaks_is_ignored() -> None:
    async def script(v: Visit) -> None:
        socket = await v.socket()
        await socket.websocket.send_message("garbage{")
        await socket.websocket.send_message(b"\x00\xff")
        await v.send()
        await socket.until(lambda frame: event_of(frame).get("kind") == "MessageEvent")

    world = visit(World(), script)
    assert len(entries(world, "socket", "ignored")) == 2


def test_bytes_that_are_no_frames_end_the_connection_and_nothing_else() -> None:
    async def script(v: Visit) -> None:
        stream = await v.world.connections.dial("agent.test", 80)
        await stream.send_all(b"\x00\x01\x02 this is not HTTP\r\n\r\n")
        while await stream.receive_some():
            pass
        socket = await v.socket()
        await socket.websocket._stream.send_all(b"\xff" * 50)
        await socket.closed()
        assert (await v.get("/events/count")).json() == 0

    visit(World(), script)


def test_a_client_that_vanishes_leaves_nothing_behind() -> None:
    async def script(v: Visit) -> None:
        for _ in range(3):
            status, stream = await v.handshake(f"/sockets/session/{v.world.conversation_id}")
            assert status == 101
            await stream.aclose()
        await trio.sleep(1.0)
        assert v.world.publisher.subscriptions == []
        assert len(v.world.connections) == 0
        await v.send(run=True)
        await trio.sleep(10.0)

    visit(World(workload=AgentWorkload(runs=(pairs(3),))), script)


def test_a_reader_who_stops_reading_does_not_keep_the_world_from_ending() -> None:
    async def script(v: Visit) -> None:
        await v.handshake(f"/sockets/session/{v.world.conversation_id}?after_seq=-1")
        await trio.sleep(1.0)
        sent = len(entries(v.world, "socket", "sent"))
        assert 0 < sent < 5_000  # pushed back long before the end of the history

    visit(World(workload=AgentWorkload(history_events=5_000, payload_bytes=500)), script)


def test_a_live_socket_that_falls_10000_frames_behind_is_closed_with_1013() -> None:
    async def script(v: Visit) -> None:
        socket = await v.socket()
        await v.send(run=True)
        # Behind at one instant: the run's steps take no time, so the writer never gets a turn in between.
        assert (await socket.closed()).code == 1013

    visit(World(workload=AgentWorkload(runs=(pairs(6_000, step_s=0.0),))), script)
