"""The same app, unchanged, on a real port and in real time."""

from __future__ import annotations

import json

import httpx
import pytest
import trio
from trio_websocket import open_websocket, wrap_client_stream

from gapless.simserver import AgentWorkload, ServerGeneration, ServerSettings, World, pairs, parse_fault, serve_tcp
from tests.simserver.visiting import Socket, entries, is_snapshot, log_ids


@pytest.mark.parametrize("generation", ["tree", "session"])
async def test_a_real_client_on_a_real_port(generation: ServerGeneration) -> None:
    world = World(ServerSettings(generation, api_key="right"), AgentWorkload(runs=(pairs(3, step_s=0.001),)))
    headers = {"X-Session-API-Key": "right"}
    with trio.fail_after(10):
        async with world.running(), trio.open_nursery() as nursery:
            port: int = await nursery.start(serve_tcp, world, 0)
            base = f"/api/conversations/{world.conversation_id}"
            kind = "session" if generation == "session" else "events"
            async with (
                httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=headers) as http,
                open_websocket(
                    "127.0.0.1",
                    port,
                    f"/sockets/{kind}/{world.conversation_id}",
                    use_ssl=False,
                    extra_headers=[(b"x-session-api-key", b"right")],
                ) as socket,
            ):
                body = {"role": "user", "content": [{"type": "text", "text": "hello"}], "run": False}
                assert (await http.post(f"{base}/events", json=body)).json() == {"success": True}
                assert (await http.post(f"{base}/run")).status_code == 200
                while not is_snapshot("finished")(json.loads(await socket.get_message())):
                    pass
                page = (await http.get(f"{base}/events/search")).json()
                assert [event["id"] for event in page["items"]] == log_ids(world)
                assert (await http.get(f"{base}/events/search", headers={"X-Session-API-Key": "no"})).status_code == 401
            nursery.cancel_scope.cancel()
    assert entries(world, "agent", "run-ended")[0]["status"] == "finished"


async def test_faults_act_on_a_real_port_too() -> None:
    faults = [
        parse_fault({"kind": "event-drop", "match": {"kind": "SystemPromptEvent"}}),
        parse_fault({"kind": "link-reset", "match": {"kind": "ActionEvent"}}),
        parse_fault({"kind": "rest-status", "status": 503, "match": {"call": "count"}}),
    ]
    world = World(ServerSettings("tree"), AgentWorkload(runs=(pairs(1, step_s=0.001),)), faults)
    base = f"/api/conversations/{world.conversation_id}"
    with trio.fail_after(10):
        async with world.running(), trio.open_nursery() as nursery:
            port: int = await nursery.start(serve_tcp, world, 0)
            path = f"/sockets/events/{world.conversation_id}"
            async with (
                httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http,
                await trio.open_tcp_stream("127.0.0.1", port) as stream,
            ):
                socket = Socket(await wrap_client_stream(nursery, stream, "127.0.0.1", path))
                assert (await http.get(f"{base}/events/count")).status_code == 503
                await http.post(f"{base}/events", json={"content": [{"type": "text", "text": "hi"}], "run": True})
                assert (await socket.closed()).code == 1006  # no close frame: the connection was reset
            kinds = [frame["kind"] for frame in socket.frames]
            nursery.cancel_scope.cancel()
    assert [count.fired for count in world.fired()] == [1, 1, 1]
    assert "SystemPromptEvent" not in kinds
    assert "MessageEvent" in kinds


async def test_a_port_that_is_taken_is_said_at_once() -> None:
    async with World().running() as world, trio.open_nursery() as nursery:
        port: int = await nursery.start(serve_tcp, world, 0)
        with pytest.raises(OSError, match="in use"):
            await serve_tcp(world, port)
        nursery.cancel_scope.cancel()
