"""A client may send garbage, flood, go half-open and vanish: the server goes on, within its bounds, and says nothing of
its insides."""

from __future__ import annotations

import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import httpx
import pytest
import trio

from gapless.scenarios.serving.session_server import CONTROLS_MAX, SessionServer
from gapless.simserver.network.hosting import MESSAGE_BYTES_MAX
from gapless.simserver.port import CONNECTIONS_MAX, OPENING_BYTES_MAX, OPENINGS_MAX
from gapless.simserver.protocol.rest_calls import BODY_BYTES_MAX
from tests.serving.port import calls, port_of, quick_request, served


@asynccontextmanager
async def raw(session_server: SessionServer) -> AsyncIterator[trio.SocketStream]:
    async with await trio.open_tcp_stream("127.0.0.1", port_of(session_server)) as stream:
        yield stream


async def answer(stream: trio.SocketStream) -> bytes:
    """All that is said until the connection ends, well or by a reset."""
    data = b""
    try:
        while more := await stream.receive_some():
            data += more
    except trio.BrokenResourceError:
        pass
    return data


def handshake(session_server: SessionServer) -> bytes:
    conversation_id = session_server.session.world.conversation_id
    return (
        f"GET /sockets/events/{conversation_id} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    ).encode()


async def is_well(session_server: SessionServer, http: httpx.AsyncClient) -> None:
    """The world and the control still answer, and nothing of ours has failed."""
    assert (await http.get(f"{calls(session_server)}/events/count")).status_code == 200
    assert (await http.get("/sim/session")).json()["failure"] is None
    assert session_server.session.failure is None


GARBAGE = (
    b"\x00\xff" * 50,
    b"\r\n\r\n",
    b"GET\r\n\r\n",
    b"GET / HTTP/1.1\r\n: \x00\r\n\r\n",
    b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /sim/ HTTP/9.9\r\n\r\n",
    b"POST /sim/faults HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    b"POST /sim/report HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 64,
    b"GET /sim/ HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 1\r\n\r\n",
    b"GET /health HTTP/1.1\r\nHost: x\r\nX: " + b"y" * OPENING_BYTES_MAX + b"\r\n\r\n",
    b"GET /" + b"a" * (2 * OPENING_BYTES_MAX),
)


@pytest.mark.parametrize("data", GARBAGE, ids=range(len(GARBAGE)))
async def test_garbage_gets_an_answer_or_an_end(data: bytes, capfd: pytest.CaptureFixture[str]) -> None:
    async with served() as (session_server, http):
        async with raw(session_server) as stream:
            with trio.move_on_after(1):
                await stream.send_all(data)
                await stream.send_eof()
                assert b"Traceback" not in await answer(stream)
        await is_well(session_server, http)
    assert capfd.readouterr() == ("", "")


async def test_garbage_on_an_open_socket_ends_only_that_socket(capfd: pytest.CaptureFixture[str]) -> None:
    draw = random.Random(1)
    async with served() as (session_server, http):
        for _ in range(8):
            async with raw(session_server) as stream:
                await stream.send_all(handshake(session_server))
                assert (await stream.receive_some()).startswith(b"HTTP/1.1 101")
                with trio.move_on_after(0.1):
                    await stream.send_all(draw.randbytes(200))
                    await answer(stream)
        await is_well(session_server, http)
    assert capfd.readouterr() == ("", "")


async def test_a_message_beyond_the_bound_closes_its_socket() -> None:
    async with served() as (session_server, http):
        async with raw(session_server) as stream:
            await stream.send_all(handshake(session_server))
            await stream.receive_some()
            size = MESSAGE_BYTES_MAX + 1
            data = b""
            with trio.fail_after(5):
                await stream.send_all(b"\x81\xff" + size.to_bytes(8, "big") + b"\0" * 4 + b"x" * size)
                while b"\x03\xf1" not in data:  # 1009: too big
                    data += await stream.receive_some()
        await is_well(session_server, http)
        with trio.fail_after(5):
            while session_server.session.world.publisher.subscriptions:
                await trio.sleep(0.01)


async def test_a_body_beyond_the_bound_is_refused() -> None:
    async with served() as (session_server, http):
        response = await http.post(f"{calls(session_server)}/events", content=b"x" * (BODY_BYTES_MAX + 1))
        assert response.status_code == 413
        assert session_server.session.world.agent.last_user_message_id is not None
        await is_well(session_server, http)


async def test_clients_that_say_nothing_or_vanish_half_way_leave_nothing_behind() -> None:
    async with served() as (session_server, http):
        for data in (
            b"",
            b"GET /he",
            b"POST /api/conversations HTTP/1.1\r\nContent-Length: 100\r\nHost: x\r\n\r\nhalf",
        ):
            for _ in range(5):
                async with raw(session_server) as stream:
                    if data:
                        await stream.send_all(data)
        for _ in range(5):
            async with raw(session_server) as stream:
                await stream.send_all(handshake(session_server))
        await is_well(session_server, http)
        with trio.fail_after(5):
            while (
                len(session_server.session.world.connections) > 1
                or session_server.session.world.publisher.subscriptions
            ):
                await trio.sleep(0.01)


async def test_more_connections_than_the_bound_are_told_so_and_the_control_stays_reachable() -> None:
    async with served() as (session_server, http):
        await is_well(session_server, http)
        async with trio.open_nursery() as nursery:
            streams = []
            for _ in range(CONNECTIONS_MAX):
                stream = await trio.open_tcp_stream("127.0.0.1", port_of(session_server))
                streams.append(stream)
                await stream.send_all(handshake(session_server))
                nursery.start_soon(stream.receive_some)
        async with raw(session_server) as stream:
            await stream.send_all(handshake(session_server))
            refusal = await answer(stream)
        assert refusal.startswith(b"HTTP/1.1 503")
        assert b"close some" in refusal
        assert (await http.get("/sim/session")).json()["sockets"]["open"] == CONNECTIONS_MAX
        for stream in streams:
            await trio.aclose_forcefully(stream)
        with trio.fail_after(5):
            while session_server.session.world.publisher.subscriptions:
                await trio.sleep(0.01)
        await is_well(session_server, http)


HALF_OPEN = (
    b"",
    b"GET /sim/session HTTP/1.1\r\n",
    b"POST /sim/heal HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{",
    b"POST /api/conversations HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{",
)


@pytest.mark.parametrize("data", HALF_OPEN, ids=["nothing", "half-a-head", "control", "world"])
async def test_a_crowd_of_half_open_connections_leaves_the_control_reachable(data: bytes) -> None:
    async with served() as (session_server, http):
        streams = []
        for _ in range(CONNECTIONS_MAX + 2 * max(OPENINGS_MAX, CONTROLS_MAX)):
            stream = await trio.open_tcp_stream("127.0.0.1", port_of(session_server))
            streams.append(stream)
            with suppress(trio.BrokenResourceError):
                await stream.send_all(data)
        with trio.fail_after(2):
            assert (await http.get("/sim/session")).status_code == 200
            assert (await http.post("/sim/heal", json={})).status_code == 200
        for stream in streams:
            await trio.aclose_forcefully(stream)
        with trio.fail_after(5):
            while len(session_server.session.world.connections) > 1:
                await trio.sleep(0.01)
        await is_well(session_server, http)


async def test_the_oldest_of_too_many_silent_connections_is_reset() -> None:
    async with served() as (session_server, http), raw(session_server) as oldest:
        streams = [await trio.open_tcp_stream("127.0.0.1", port_of(session_server)) for _ in range(OPENINGS_MAX)]
        with pytest.raises(trio.BrokenResourceError):
            await oldest.receive_some()
        for stream in streams:
            await trio.aclose_forcefully(stream)
        await is_well(session_server, http)


@pytest.mark.parametrize(("path", "where"), [("/sim/heal", "control"), ("/api/conversations", "world")])
async def test_a_withheld_body_times_out(path: str, where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gapless.scenarios.serving.control.BODY_S_MAX", 0.05)
    monkeypatch.setattr("gapless.simserver.protocol.rest_calls.BODY_S_MAX", 0.05)
    async with served() as (session_server, http):
        async with raw(session_server) as stream:
            head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 9"
            await stream.send_all(f"{head}\r\n\r\n{{".encode())
            assert (await stream.receive_some()).startswith(b"HTTP/1.1 408")
        await is_well(session_server, http)


@pytest.mark.parametrize("body", [b"[" * 100_000, b"[1]", b"1", b"9" * 5000])
async def test_a_body_that_is_no_message_is_refused_and_the_world_goes_on(body: bytes) -> None:
    newest = quick_request("session", generations=["session"], server={"version": "1.58.2"})
    async with served(newest) as (session_server, http):
        for path in ("/api/conversations", f"{calls(session_server)}/events"):
            assert (await http.post(path, content=body)).status_code == 422
        assert (await http.post("/api/conversations", json={"initial_message": 1})).status_code == 422
        assert (await http.post("/sim/faults", content=body)).status_code in {400, 422}
        await is_well(session_server, http)


async def test_a_full_journal_ends_the_session_with_a_sentence_and_a_reset_begins_it_anew() -> None:
    async with served(quick_request(), entries_max=50) as (session_server, http):
        with trio.fail_after(10):
            while True:
                try:
                    response = await http.get(f"{calls(session_server)}/events/count")
                except httpx.TransportError:
                    continue  # the connections of the session were reset when it ended
                if response.status_code == 503:
                    break
        assert "the journal is full (50 entries)" in response.json()["detail"]
        session = (await http.get("/sim/session")).json()
        assert (session["state"], session["failure"]) == ("over", None)
        assert (await http.get("/sim/verdict")).status_code == 200
        assert (await http.post("/sim/agent/run")).status_code == 409
        await http.post("/sim/reset")
        await is_well(session_server, http)


async def test_a_journal_of_few_and_large_entries_is_full_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gapless.scenarios.serving.session.WATCH_S", 0.01)
    monkeypatch.setattr("gapless.scenarios.serving.session.TEXT_BYTES_MAX", 50_000)
    async with served() as (session_server, http):
        report = {"done": "run", "held": ["x" * 100] * 250}
        for _ in range(2):
            assert (await http.post("/sim/report", json=report)).status_code == 200
        with trio.fail_after(5):
            await session_server.session.over.wait()
        refusal = await http.post("/sim/report", json=report)
        assert (refusal.status_code, "the journal is full (50000 bytes)" in refusal.text) == (409, True)


async def test_a_flood_of_reports_ends_with_the_session_and_holds_up_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gapless.scenarios.serving.session.WATCH_S", 0.01)
    async with served(entries_max=1000) as (session_server, http):
        response = await http.post("/sim/report", content=b'"a"\n' * 200_000)
        assert (response.status_code, response.json()["detail"]) == (
            409,
            "the session is over: the journal is full (1000 entries); POST /sim/reset begins it anew",
        )
        assert len(session_server.session.world.journal) < 100_000
        await http.post("/sim/reset")
        await is_well(session_server, http)


async def test_one_who_never_reads_does_not_hold_up_the_others_nor_the_end() -> None:
    long = quick_request(workload={"history_events": 500, "payload_bytes": 2000})
    async with served(long) as (session_server, http), raw(session_server) as greedy:
        await greedy.send_all(f"GET {calls(session_server)}/events/search HTTP/1.1\r\nHost: x\r\n\r\n".encode() * 100)
        await trio.sleep(0.2)
        await is_well(session_server, http)
        await http.post("/sim/reset")
        await trio.sleep(0.2)
        await is_well(session_server, http)


async def test_the_journal_of_a_flooded_session_is_read_in_parts() -> None:
    async with served() as (session_server, http):
        await http.get("/health")
        for number in range(2500):
            session_server.session.world.journal.record("world", "noise", number=number)
        first = await http.get("/sim/journal")
        rest = await http.get("/sim/journal", params={"after": first.headers["x-next"]})
        numbers = [json.loads(line).get("number") for line in (first.text + rest.text).splitlines()]
        assert [number for number in numbers if number is not None] == list(range(2500))
