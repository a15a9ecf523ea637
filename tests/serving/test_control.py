"""What is seen and steered under /sim/, on a real port."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
import trio
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # it comes without types
from starlette.routing import Route

from gapless.reports.html.assets import SHARED
from gapless.scenarios.serving import control
from gapless.scenarios.serving.control import BODY_BYTES_MAX, routes
from gapless.scenarios.serving.openapi import document
from gapless.scenarios.serving.session_server import SessionServer
from tests.serving.port import calls, quick, quick_request, served

Json = dict[str, Any]


async def told(http: httpx.AsyncClient, path: str) -> Json:
    response = await http.get(path)
    assert response.status_code == 200, response.text
    found: Json = response.json()
    return found


async def do(http: httpx.AsyncClient, path: str, body: Json | None = None) -> Json:
    response = await http.post(path, json=body or {})
    assert response.status_code in {200, 201}, response.text
    found: Json = response.json()
    return found


async def journal(http: httpx.AsyncClient, after: int = 0, wait_s: float = 0) -> list[Json]:
    response = await http.get("/sim/journal", params={"after": after, "wait_s": wait_s})
    assert response.headers["content-type"].startswith("application/x-ndjson")
    return [json.loads(line) for line in response.text.splitlines()]


async def until_ended(session_server: SessionServer) -> None:
    while session_server.session.world.runs.in_progress:
        await trio.sleep(0.01)


async def test_the_clock_starts_with_the_first_client_and_not_with_the_control() -> None:
    async with served() as (session_server, http):
        assert (await told(http, "/sim/session"))["state"] == "waiting"
        await trio.sleep(0.05)
        assert session_server.session.now_s() == 0
        assert (await http.get("/health")).status_code == 200
        assert (await told(http, "/sim/session"))["state"] == "running"
        assert session_server.session.now_s() > 0


async def test_the_control_is_neither_counted_nor_journalled_even_on_a_connection_of_the_world() -> None:
    async with served() as (session_server, http):
        first = await http.get(f"{calls(session_server)}/events/count")
        before = len(session_server.session.world.journal)
        assert first.headers.get("connection") != "close"
        for path in ("/sim/session", "/sim/verdict", "/sim/journal", "/sim/faults", "/sim/"):
            assert (await http.get(path)).headers["connection"] == "close"
        assert len(session_server.session.world.journal) == before
        assert (await told(http, "/sim/session"))["rest"]["counted"] == 1


async def test_another_scenario_is_another_world_and_the_old_connections_are_reset() -> None:
    async with served(offered=(quick(),)) as (session_server, http):
        await http.get("/health")
        old = session_server.session.world
        async with await trio.open_tcp_stream("127.0.0.1", int(session_server.url.rpartition(":")[2])) as stream:
            await stream.send_all(f"GET {calls(session_server)}/events/count HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            assert (await stream.receive_some()).startswith(b"HTTP/1.1 200")
            session = await do(http, "/sim/session", {"scenario": "clean-run", "generation": "legacy"})
            with pytest.raises(trio.BrokenResourceError):
                await stream.receive_some()
        assert (session["scenario"]["name"], session["generation"]) == ("clean-run", "legacy")
        assert session["state"] == "waiting"
        assert session_server.session.world is not old


async def test_a_reset_begins_the_same_scenario_anew() -> None:
    async with served() as (session_server, http):
        await http.post(f"{calls(session_server)}/run")
        assert (await told(http, "/sim/session"))["entries"]
        session = await do(http, "/sim/reset")
        assert session["entries"] == 0
        assert session["scenario"]["name"] == "quick"


async def test_a_whole_scenario_can_be_sent() -> None:
    async with served() as (_, http):
        data = quick(name="of-mine", server={"api_key": "k"}).model_dump(mode="json", exclude_unset=True)
        session = await do(http, "/sim/session", {"scenario": data})
        assert (session["scenario"]["name"], session["api_key"]) == ("of-mine", "k")


async def test_a_fault_acts_from_when_it_is_added_until_it_is_removed() -> None:
    async with served() as (session_server, http):
        count = f"{calls(session_server)}/events/count"
        assert (await http.get(count)).status_code == 200
        added = await do(http, "/sim/faults", {"kind": "rest-status", "status": 503, "name": "away"})
        assert added["name"] == "away"
        assert (await http.get(count)).status_code == 503
        assert (await told(http, "/sim/faults"))["faults"][0]["fired"] == 1
        assert (await http.delete("/sim/faults/away")).status_code == 200
        assert (await http.get(count)).status_code == 200
        assert (await http.delete("/sim/faults/away")).status_code == 404


async def test_latency_that_is_added_is_felt_on_connections_that_are_open() -> None:
    async with served() as (session_server, http):
        await http.get(f"{calls(session_server)}/events/count")
        await do(http, "/sim/faults", {"kind": "link-latency", "latency_s": 0.1})
        began_s = trio.current_time()
        await http.get(f"{calls(session_server)}/events/count")
        assert trio.current_time() - began_s >= 0.2


async def test_a_fault_with_a_time_that_has_passed_goes_off_at_once() -> None:
    async with served() as (session_server, http):
        await http.get("/health")
        await do(http, "/sim/faults", {"kind": "clock-step", "step_s": 60, "at_s": 0})
        await trio.sleep(0.02)
        assert (await told(http, "/sim/session"))["faults"][0]["fired"] == 1
        assert session_server.session.world.fired()[0].fired == 1


async def test_after_healing_no_fault_can_be_added() -> None:
    async with served() as (_, http):
        assert (await do(http, "/sim/heal"))["healed"]
        response = await http.post("/sim/faults", json={"kind": "rest-status", "status": 503})
        assert (response.status_code, "healed" in response.json()["detail"]) == (409, True)


async def test_a_stepwise_agent_waits_for_each_step() -> None:
    async with served(stepwise=True) as (session_server, http):
        await http.post(f"{calls(session_server)}/run")
        await trio.sleep(0.05)
        log = session_server.session.world.agent.log
        before = len(log)
        assert (await told(http, "/sim/session"))["agent"]["waiting"]
        await trio.sleep(0.05)
        assert len(log) == before
        await do(http, "/sim/agent/step")
        assert len(log) == before + 1
        await do(http, "/sim/agent/step", {"steps": 3})
        assert session_server.session.world.runs.in_progress  # its end is a step as well
        await do(http, "/sim/agent/step")
        assert not session_server.session.world.runs.in_progress


async def test_an_agent_that_is_let_go_works_by_itself() -> None:
    async with served(stepwise=True) as (session_server, http):
        await http.post(f"{calls(session_server)}/run")
        await do(http, "/sim/agent/mode", {"stepwise": False})
        await until_ended(session_server)
        assert (await http.post("/sim/agent/step", json={})).status_code == 409


async def test_others_can_act_through_the_control() -> None:
    async with served() as (session_server, http):
        await do(http, "/sim/agent/message", {"text": "hello"})
        await do(http, "/sim/agent/run")
        assert (await http.post("/sim/agent/run")).status_code == 409
        await until_ended(session_server)
        entries = await journal(http)
        assert [one["by"] for one in entries if one["what"] == "run-started"] == ["control"]


async def test_the_server_can_be_restarted() -> None:
    async with served() as (_, http):
        await http.get("/health")
        await do(http, "/sim/restart", {"down_s": 0.1})
        await trio.sleep(0.1)
        with pytest.raises(httpx.TransportError):
            await http.get("/health")
        await trio.sleep(0.1)
        assert (await http.get("/health")).status_code == 200
        assert "restarted" in [one["what"] for one in await journal(http)]


async def test_the_journal_is_read_on_from_an_entry_and_waited_for() -> None:
    async with served() as (session_server, http):
        await http.get(f"{calls(session_server)}/events/count")
        entries = await journal(http)
        assert [one["index"] for one in entries] == list(range(len(entries)))
        async with trio.open_nursery() as nursery:
            found: list[Json] = []

            async def wait() -> None:
                found.extend(await journal(http, after=len(entries), wait_s=5))

            nursery.start_soon(wait)
            await trio.sleep(0.1)
            assert found == []
            await http.get(f"{calls(session_server)}/events/count")
        assert found[0]["index"] == len(entries)


async def test_a_client_that_says_nothing_is_judged_by_what_the_server_saw() -> None:
    async with served() as (session_server, http):
        await http.post(f"{calls(session_server)}/run")
        await until_ended(session_server)
        verdict = await told(http, "/sim/verdict")
        assert (verdict["verdict"], verdict["reports"], verdict["violations"]) == ("vacuous", False, [])
        assert len(verdict["unreached"]) == verdict["log_length"] == len(session_server.session.world.agent.log)
        await http.get(f"{calls(session_server)}/events/search")
        assert (await told(http, "/sim/verdict"))["unreached"] == []


@pytest.mark.parametrize(("left_out", "verdict"), [(0, "holds"), (1, "unsafe")])
async def test_a_client_that_reports_is_judged_by_what_it_holds(left_out: int, verdict: str) -> None:
    async with served() as (session_server, http):
        await http.post(f"{calls(session_server)}/run")
        await until_ended(session_server)
        page = (await http.get(f"{calls(session_server)}/events/search")).json()["items"]
        held = [event["id"] for event in page][: len(page) - 1 - left_out] + [page[-1]["id"]] * (not left_out)
        response = await http.post("/sim/report", content=json.dumps({"done": "run", "held": held}) + "\nand noise\n")
        assert response.json() == {"reports": 1}
        assert (await told(http, "/sim/verdict"))["verdict"] == verdict


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "says"),
    [
        ("POST", "/sim/session", b'{"scenario": "r34-disconect-in-mid-run"}', 404, "did you mean"),
        ("POST", "/sim/session", b'{"scenario": {"name": "x"}}', 422, "scenario.title: is missing"),
        ("POST", "/sim/session", b'{"scenario": 3}', 422, "scenario: it must be a name, or a whole scenario"),
        ("POST", "/sim/session", b"{", 400, "not JSON"),
        ("POST", "/sim/session", b"[1]", 422, "object"),
        ("POST", "/sim/session", b'{"scenario": "clean-run", "generation": "next"}', 422, "generation"),
        ("POST", "/sim/faults", b'{"kind": "bad-luck"}', 422, "'bad-luck' is no kind of fault"),
        ("POST", "/sim/faults", b'{"kind": "rest-status"}', 422, "status"),
        ("POST", "/sim/faults", b"[" * 100_000, 400, "not JSON"),
        ("POST", "/sim/report", b'{"done": "run", "held": "all"}', 422, "held"),
        ("POST", "/sim/agent/step", b'{"steps": 0}', 422, "steps"),
        ("GET", "/sim/journal?after=x", b"", 422, "after"),
        ("GET", "/sim/scenarios/nix", b"", 404, "nix"),
        ("GET", "/sim/../session_server.py", b"", 404, ""),
        ("GET", "/sim/nothing.html", b"", 404, "openapi"),
        ("GET", "/sim/faults/a%2Fb", b"", 404, "there is no /sim/faults/a/b; /sim/openapi.json says what there is"),
        ("PUT", "/sim/nothing.html", b"", 404, "there is no /sim/nothing.html"),
        ("PUT", "/sim/session", b"", 405, "/sim/session takes no PUT, it takes GET or HEAD or POST; /sim/openapi.json"),
        ("GET", "/sim/reset", b"", 405, "/sim/reset takes no GET, it takes POST"),
        ("POST", "/sim/page.js", b"", 405, "/sim/page.js takes no POST, it takes GET or HEAD"),
        ("DELETE", "/sim/faults", b"", 405, "GET or HEAD or POST"),
    ],
)
async def test_a_mistake_gets_a_status_and_a_sentence(
    method: str, path: str, body: bytes, status: int, says: str
) -> None:
    async with served() as (_, http):
        response = await http.request(method, path, content=body)
        assert response.status_code == status, response.text
        assert says in response.text
        assert "Traceback" not in response.text
        assert ("allow" in response.headers) == (status == 405)


async def test_the_description_and_the_routes_are_the_same() -> None:
    described = {(path, method.upper()) for path, methods in document()["paths"].items() for method in methods}
    served_routes = {
        (route.path, method)
        for route in routes(SessionServer(quick_request()))
        if isinstance(route, Route) and route.path not in {"/sim", "/sim/{file}"}
        for method in (route.methods or set()) - {"HEAD"}
    }
    assert described == served_routes


def test_each_operation_is_called_something_else() -> None:
    called = [one["operationId"] for methods in document()["paths"].values() for one in methods.values()]
    assert len(called) == len(set(called))


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"done": 1}', b"x" * (BODY_BYTES_MAX + 1)], ids=range(5))
async def test_every_answer_is_one_that_the_description_names(body: bytes) -> None:
    async with served() as (_, http):
        for path, methods in document()["paths"].items():
            for method, operation in methods.items():
                content = body if method == "post" else b""
                response = await http.request(method, path.replace("{name}", "nix"), content=content)
                described = operation["responses"].get(str(response.status_code))
                assert described is not None, (method, path, response.status_code, response.text)
                (media,) = described["content"]
                assert response.headers["content-type"].startswith(media)
                assert set(described.get("headers", ())) <= set(response.headers)


async def test_every_good_answer_has_the_form_that_the_description_gives_it() -> None:
    bodies: dict[str, Json] = {
        "/sim/session": {"scenario": "clean-run", "stepwise": True},
        "/sim/faults": {"kind": "rest-status", "status": 503, "name": "nix"},
        "/sim/agent/message": {"text": "x"},
        "/sim/agent/mode": {"stepwise": True},
        "/sim/restart": {"down_s": 0.1},
        "/sim/report": {"id": "x"},
    }
    described = document()
    async with served(quick_request(stepwise=True), stepwise=True) as (_, http):
        for path, methods in described["paths"].items():
            for method, operation in sorted(methods.items(), reverse=True):
                good = next(one for one in operation["responses"].items() if one[0].startswith("2"))
                ((media, content),) = good[1]["content"].items()
                where = path.replace("scenarios/{name}", "scenarios/R10").replace("{name}", "nix")
                response = await http.request(method, where, json=bodies.get(path) if method == "post" else None)
                assert str(response.status_code) == good[0], (method, path, response.text)
                if media == "application/json":
                    schema = content["schema"] | {"components": described["components"]}
                    Draft202012Validator(schema).validate(response.json())


def test_every_reference_of_the_description_resolves() -> None:
    described = document()
    text = json.dumps(described)
    names = {part.partition('"')[0] for part in text.split('"#/components/schemas/')[1:]}
    assert names
    assert names <= set(described["components"]["schemas"])


async def test_the_page_asks_nobody_else() -> None:
    async with served() as (_, http):
        for name in ("", "page.js", *SHARED, "page.css", "icon.svg"):
            response = await http.get(f"/sim/{name}")
            assert response.status_code == 200
            outside = response.text.replace("http://www.w3.org/2000/svg", "")
            assert "http://" not in outside
            assert "https://" not in outside
            assert "default-src 'self'" in response.headers["content-security-policy"]
        assert (await http.get("/sim")).headers["location"] == "/sim/"


async def test_a_body_that_is_withheld_is_told_so_and_the_control_stays_reachable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(control, "BODY_S_MAX", 0.2)
    async with served() as (_, http):
        port = http.base_url.port
        assert port is not None
        head = f"POST /sim/reset HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
        async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
            await stream.send_all(f"{head}Content-Length: 100\r\n\r\n{{".encode())
            assert (await told(http, "/sim/session"))["state"] == "waiting"
            answer = bytes(await stream.receive_some())
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"send it whole" in answer
