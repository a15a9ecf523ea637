"""Every fault of the link acts on a real port too: what a client in another process would see."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import trio
from trio_websocket import wrap_client_stream

from gapless.simserver import AgentWorkload, ServerSettings, World, pairs, parse_fault, serve_tcp
from gapless.simserver.port import parse_opening
from tests.simserver.visiting import Socket, entries, is_snapshot


@asynccontextmanager
async def on_a_port(*faults: dict[str, Any], actions: int = 2) -> AsyncIterator[tuple[World, int]]:
    """A running world on a port of its own."""
    workload = AgentWorkload(runs=(pairs(actions, step_s=0.002, init_s=0.001),) * 3)
    world = World(ServerSettings("tree"), workload, [parse_fault(fault) for fault in faults])
    with trio.fail_after(10):
        async with trio.open_nursery() as nursery:
            async with world.running():
                port: int = await nursery.start(serve_tcp, world, 0)
                yield world, port
            nursery.cancel_scope.cancel()


@asynccontextmanager
async def subscribed(world: World, port: int) -> AsyncIterator[Socket]:
    """An open socket of the real kind."""
    path = f"/sockets/events/{world.conversation_id}"
    async with await trio.open_tcp_stream("127.0.0.1", port) as stream, trio.open_nursery() as nursery:
        yield Socket(await wrap_client_stream(nursery, stream, "127.0.0.1", path))
        nursery.cancel_scope.cancel()


async def handshake(world: World, port: int) -> bytes:
    """The first bytes that answer a handshake. Raises trio.BrokenResourceError when it is reset."""
    stream = await trio.open_tcp_stream("127.0.0.1", port)
    async with stream:
        await stream.send_all(
            f"GET /sockets/events/{world.conversation_id} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            "Sec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        return await stream.receive_some()


async def read_all(stream: trio.abc.ReceiveStream) -> None:
    while await stream.receive_some():
        pass


async def test_latency_is_felt_on_a_real_port() -> None:
    async with on_a_port({"kind": "link-latency", "latency_s": 0.15, "on": "rest"}) as (world, port):
        began_s = trio.current_time()
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http:
            assert (await http.get("/health")).status_code == 200
        assert trio.current_time() - began_s >= 0.3  # there and back
    assert world.fired()[0].fired == 1


async def test_a_stall_holds_frames_back_and_lets_them_go() -> None:
    stall = {"kind": "link-stall", "stall_s": 0.3, "match": {"kind": "ActionEvent", "nth": 1}}
    async with on_a_port(stall) as (world, port), subscribed(world, port) as socket:
        world.runs.begin()
        began_s = trio.current_time()
        await socket.until(is_snapshot("finished"))
        assert trio.current_time() - began_s >= 0.3


async def test_a_half_open_socket_is_silent_and_takes_what_it_is_told() -> None:
    fault = {"kind": "link-half-open", "match": {"kind": "ActionEvent", "nth": 1}}
    async with on_a_port(fault) as (world, port), subscribed(world, port) as socket:
        world.runs.begin()
        before = await socket.for_seconds(0.2)
        assert "ActionEvent" not in [frame["kind"] for frame in before]
        await socket.websocket.send_message("is anybody there?")
        world.heal()
        assert (await socket.closed()).code == 1006
    assert entries(world, "socket", "ignored") == []


async def test_a_torn_frame_ends_in_a_reset() -> None:
    fault = {"kind": "link-cut", "match": {"kind": "ActionEvent", "nth": 1}}
    async with on_a_port(fault) as (world, port), subscribed(world, port) as socket:
        world.runs.begin()
        assert (await socket.closed()).code == 1006
    assert world.fired()[0].fired == 1


async def test_a_refused_connection_is_reset_before_any_answer() -> None:
    async with on_a_port({"kind": "link-refuse", "match": {"nth": 1}}) as (world, port):
        with pytest.raises(trio.BrokenResourceError):
            await handshake(world, port)
        assert (await handshake(world, port)).startswith(b"HTTP/1.1 101")
    assert entries(world, "socket", "refused")[0]["status"] is None


async def test_a_call_can_be_reset() -> None:
    fault = {"kind": "rest-reset", "match": {"call": "count", "nth": 1}}
    async with on_a_port(fault) as (world, port), httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http:
        url = f"/api/conversations/{world.conversation_id}/events/count"
        with pytest.raises(httpx.ReadError):
            await http.get(url)
        assert (await http.get(url)).text == "0"


async def test_a_restarted_server_is_not_there_for_a_while() -> None:
    async with on_a_port() as (world, port), subscribed(world, port) as socket, trio.open_nursery() as restarting:
        restarting.start_soon(world.restart, 0.2)
        assert (await socket.closed()).code == 1012
        with pytest.raises(trio.BrokenResourceError):
            await handshake(world, port)
        await trio.sleep(0.25)
        assert (await handshake(world, port)).startswith(b"HTTP/1.1 101")


async def test_a_reset_reaches_a_client_that_does_not_read() -> None:
    async with on_a_port(actions=400) as (world, port):
        ask = f"GET /api/conversations/{world.conversation_id}/events/search HTTP/1.1\r\nHost: x\r\n\r\n".encode()
        world.runs.begin()
        async with await trio.open_tcp_stream("127.0.0.1", port) as socket, trio.open_nursery() as restarting:
            await socket.send_all(ask * 900)
            await trio.sleep(0.3)
            world.disconnect()
            restarting.start_soon(world.restart, 0.01)
            with pytest.raises(trio.BrokenResourceError):
                await read_all(socket)


@pytest.mark.parametrize(
    ("data", "path", "is_websocket"),
    [
        (b"GET /a?b HTTP/1.1\r\nUPGRADE: WebSocket\r\n\r\n", "/a", True),
        (b"POST /sim/reset HTTP/1.0\r\nHost: x\r\n\r\nbody", "/sim/reset", False),
        (b"\x00\xff\xfe", "", False),
        (b"GET / SPDY\r\n\r\n", "", False),
        (b" \r\n: :\r\n\r\n", "", False),
    ],
)
def test_the_first_bytes_say_what_a_connection_is_for(data: bytes, path: str, is_websocket: bool) -> None:
    opening = parse_opening(data)
    assert (opening.path, opening.is_websocket) == (path, is_websocket)
    assert opening.data == data


async def test_frames_arrive_whole_through_the_copy() -> None:
    async with on_a_port(actions=100) as (world, port), subscribed(world, port) as socket:
        world.runs.begin()
        frames = await socket.until(is_snapshot("finished"))
        assert [frame["id"] for frame in frames if frame["kind"] in {"ActionEvent", "ObservationEvent"}] == [
            event["id"] for event in world.agent.log if event["kind"] in {"ActionEvent", "ObservationEvent"}
        ]
        assert json.dumps(frames)
