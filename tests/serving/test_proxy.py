"""`gapless proxy`: a client in front of a real server. Here the server is one of `gapless serve`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio
from click.testing import CliRunner

import gapless
from gapless.scenarios.cli.main import main
from gapless.scenarios.definition.catalogue import catalogue
from gapless.scenarios.errors import UsageError
from gapless.scenarios.serving.forwarding import check_faults, check_upstream
from gapless.scenarios.serving.scenario_choice import request_for
from gapless.scenarios.serving.session_server import SessionServer
from gapless.simserver.faults import parse_fault
from gapless.simserver.protocol.call_names import call_name
from tests.interop import environments, model_endpoint
from tests.interop.real_server import running
from tests.serving.port import calls, port_of, quick, quick_request, served

RELEASE = "1.57.0"
SOON = gapless.Settings(settle_s=0.05)
"""With the default, a run that is over in no time is believed after 3 s."""


@asynccontextmanager
async def in_front(
    *faults: dict[str, Any], generation: str = "tree"
) -> AsyncIterator[tuple[SessionServer, SessionServer, httpx.AsyncClient]]:
    """A server, a proxy in front of it, and an HTTP client at the proxy's address."""
    expect = {"run_bound_s": 20, "step_deadline_s": 60, "certainty": "branch"}
    scenario = quick(workload={"runs": []}, faults=list(faults), expect=expect)
    async with (
        served(quick_request(generation)) as (real, _),
        served(request_for(scenario, generation, None), to=real.url) as (proxy, http),
    ):
        yield real, proxy, http


async def ended_by_a_reset(stream: trio.SocketStream) -> bool:
    """Whether a connection ends, and not well."""
    try:
        while await stream.receive_some():
            pass
    except trio.BrokenResourceError:
        return True
    return False


def log_of(real: SessionServer) -> list[str]:
    return [str(event["id"]) for event in real.session.world.agent.log]


async def run_through(proxy: SessionServer, conversation_id: str) -> list[str]:
    """Our client's run through a proxy; the ids that it holds then."""
    async with gapless.open_conversation(proxy.url, conversation_id, settings=SOON) as conversation:
        await conversation.send("Do the task")
        report = await conversation.run()
        assert report.complete
        return [str(event["id"]) for event in conversation.events]


async def report(http: httpx.AsyncClient, held: list[str]) -> Any:
    await http.post("/sim/report", json={"done": "run", "held": held, "status": "finished"})
    return (await http.get("/sim/verdict")).json()


@pytest.mark.parametrize("generation", ["legacy", "tree", "session"])
async def test_what_passes_is_the_servers_and_the_client_is_judged_by_its_log(generation: str) -> None:
    async with in_front(generation=generation) as (real, proxy, http):
        held = await run_through(proxy, real.session.world.conversation_id)
        assert held == log_of(real)
        verdict = await report(http, held)
        assert (verdict["violations"], verdict["log_length"], verdict["unreached"]) == ([], len(held), [])
        journal = (await http.get("/sim/journal")).text
        assert '"what":"run-started"' in journal
        assert '"what":"run-ended"' in journal


async def test_a_lost_frame_is_repaired_by_one_client_and_lost_by_another() -> None:
    lost = {"kind": "event-drop", "match": {"kind": "ActionEvent", "nth": 1}}
    async with in_front(lost) as (real, proxy, http):
        held = await run_through(proxy, real.session.world.conversation_id)
        assert held == log_of(real)
        action = next(str(one["id"]) for one in real.session.world.agent.log if one["kind"] == "ActionEvent")
        verdict = await report(http, [one for one in held if one != action])
        assert verdict["verdict"] == "unsafe"
        assert verdict["violations"][0]["event_ids"] == [action]
        assert verdict["rest"]["optimum_calls"] == verdict["rest"]["attach_calls"] + 1
        assert [one["fired"] for one in verdict["faults"]] == [1]


async def test_a_broken_connection_and_a_refused_handshake_are_the_links() -> None:
    async with in_front({"kind": "link-refuse", "match": {"nth": 1}}) as (real, proxy, http):
        handshake = (
            f"GET /sockets/events/{real.session.world.conversation_id} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        ).encode()
        async with await trio.open_tcp_stream("127.0.0.1", port_of(proxy)) as stream:
            await stream.send_all(handshake)
            with pytest.raises(trio.BrokenResourceError):
                await stream.receive_some()
        async with await trio.open_tcp_stream("127.0.0.1", port_of(proxy)) as stream:
            await stream.send_all(handshake)
            assert (await stream.receive_some()).startswith(b"HTTP/1.1 101")
            await http.post("/sim/disconnect", json={})
            assert await ended_by_a_reset(stream)


async def test_calls_are_answered_in_the_servers_place_and_counted() -> None:
    fault = {"kind": "rest-status", "status": 503, "match": {"call": "count", "nth": 1}}
    async with in_front(fault) as (real, _, http):
        url = f"{calls(real)}/events/count"
        assert [(await http.get(url)).status_code for _ in range(2)] == [503, 200]
        assert (await http.get("/sim/session")).json()["rest"]["counted"] == 2


async def test_a_call_that_is_reset_before_it_arrives_does_not_reach_the_server() -> None:
    fault = {"kind": "rest-reset", "when": "before", "match": {"call": "message", "nth": 1}}
    async with in_front(fault) as (real, _, http):
        before = len(log_of(real))
        message = {"role": "user", "content": [{"type": "text", "text": "hello"}]}
        with pytest.raises(httpx.TransportError):
            await http.post(f"{calls(real)}/events", json=message)
        assert len(log_of(real)) == before


async def test_what_only_the_server_can_do_is_refused_by_the_control() -> None:
    async with in_front() as (real, _, http):
        for path in ("agent/run", "agent/pause", "restart"):
            refused = await http.post(f"/sim/{path}", json={})
            assert (refused.status_code, refused.json()["detail"]) == (
                409,
                f"only the server can do that; ask {real.url} itself",
            )
        refused = await http.post("/sim/faults", json={"kind": "rest-stale", "lag_s": 5})
        assert (refused.status_code, "only a server does" in refused.json()["detail"]) == (409, True)
        assert (await http.post("/sim/faults", json={"kind": "event-drop"})).status_code == 201


async def test_a_server_that_is_not_there_is_a_bad_gateway() -> None:
    scenario = quick(workload={"runs": []})
    async with served(request_for(scenario, "tree", None), to="http://127.0.0.1:9") as (_, http):
        response = await http.get("/api/conversations/x/events/count")
        assert (response.status_code, "does not answer" in response.text) == (502, True)


def test_a_fault_that_only_a_server_can_do_is_refused_on_the_command_line() -> None:
    result = CliRunner().invoke(main, ["proxy", "r59-corrupt-record", "--to", "http://127.0.0.1:1"])
    assert result.exit_code == 2, result.output
    assert "fault is something that only a server does, and a proxy only passes on" in result.output


def test_each_kind_of_fault_passes_or_is_refused() -> None:
    """A new kind has to be in one of the two."""
    passing = set()
    for fault in (one for scenario in catalogue() for one in scenario.faults):
        try:
            check_faults((fault,))
        except UsageError:
            continue
        passing.add(fault.kind)
    assert {"event-drop", "event-delay", "event-duplicate", "link-reset", "link-latency", "rest-status"} <= passing
    assert not {"late-tail", "stop-hook-veto", "server-restart", "log-truncate", "rest-stale"} & passing
    check_faults((parse_fault({"kind": "rest-timeout", "hang_s": 1}),))


@pytest.mark.parametrize(
    "url",
    [
        "http://agent.example:80",
        "https://127.0.0.1:1",
        "127.0.0.1:1",
        "http://127.0.0.1/x",
        "http://[::1",
        "http://127.0.0.1:99999",
        "http://a:b@127.0.0.1:1/",
    ],
)
def test_only_a_server_of_ones_own_is_taken(url: str) -> None:
    with pytest.raises(UsageError, match="--to"):
        check_upstream(url)


@pytest.mark.parametrize(
    ("method", "path", "name"),
    [
        ("GET", "/api/conversations/x/events/search", "search"),
        ("GET", "/api/conversations/x/events/abc", "event"),
        ("GET", "/api/conversations/x", "conversation"),
        ("POST", "/api/conversations/x/events", "message"),
        ("POST", "/api/conversations/x/run", "run"),
        ("POST", "/api/conversations", "create"),
        ("GET", "/health", "other"),
    ],
)
def test_a_call_has_the_name_that_faults_know(method: str, path: str, name: str) -> None:
    assert call_name(method, path) == name


@pytest.mark.slow
async def test_a_published_server_behind_the_proxy_is_held_by_our_client(tmp_path: Path) -> None:
    if not Path(environments.executable(RELEASE)).exists():
        pytest.skip(f"no environment of agent-server {RELEASE}; `make interop` makes it")
    lost = {"kind": "event-drop", "match": {"kind": "ActionEvent", "nth": 1}}
    expect = {"run_bound_s": 20, "step_deadline_s": 60, "certainty": "branch"}
    scenario = quick(workload={"runs": []}, faults=[lost], expect=expect)
    async with trio.open_nursery() as nursery:
        model: str = await nursery.start(model_endpoint.serve)
        async with (
            running(RELEASE, tmp_path, model) as real,
            httpx.AsyncClient(base_url=real.url, timeout=60) as direct,
        ):
            created = await real.create(direct)
            async with served(request_for(scenario, "session", None), to=real.url) as (proxy, http):
                async with gapless.open_conversation(proxy.url, created["id"]) as conversation:
                    await conversation.send(model_endpoint.order(3, pace_s=0.3))
                    assert (await conversation.run()).complete
                    held = [str(event["id"]) for event in conversation.events]
                verdict = await report(http, held)
                assert (verdict["violations"], verdict["log_length"]) == ([], len(held))
                assert [one["fired"] for one in verdict["faults"]] == [1]
                assert held == [str(event["id"]) for event in proxy.session.log()]
        nursery.cancel_scope.cancel()
