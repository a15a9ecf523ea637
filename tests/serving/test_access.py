"""Who may use the control: neither a page of another site, nor one whose name has been rebound to this machine."""

from __future__ import annotations

import pytest

from gapless.scenarios.serving.access import refusal
from tests.serving.port import port_of, served

JSON = "application/json"


@pytest.mark.parametrize(
    ("method", "headers", "listening_on", "status"),
    [
        ("GET", {"host": "127.0.0.1:8765"}, "127.0.0.1", None),
        ("GET", {"host": "localhost:8765"}, "127.0.0.1", None),
        ("GET", {"host": "[::1]:8765"}, "::1", None),
        ("GET", {"host": "evil.example:8765"}, "127.0.0.1", 403),
        ("GET", {"host": "localhost.evil.example"}, "127.0.0.1", 403),
        ("GET", {"host": "127.0.0.1.evil.example"}, "127.0.0.1", 403),
        ("GET", {"host": "10.0.0.7:8765"}, "127.0.0.1", 403),
        ("GET", {}, "127.0.0.1", 403),
        ("GET", {"host": "127.0.0.1:1, evil.example"}, "127.0.0.1", 403),
        ("GET", {"host": "127.0.0.1:1,evil.example"}, "127.0.0.1", 403),
        ("GET", {"host": "localhost:evil.example"}, "127.0.0.1", 403),
        ("GET", {"host": "localhost@evil.example"}, "127.0.0.1", 403),
        ("GET", {"host": "[::1]:1"}, "127.0.0.1", None),
        ("GET", {"host": "[::1]evil.example"}, "127.0.0.1", 403),
        ("GET", {"host": "LOCALHOST.:1"}, "127.0.0.1", None),
        ("GET", {"host": "10.0.0.7:8765"}, "0.0.0.0", None),
        ("GET", {"host": "evil.example"}, "0.0.0.0", 403),
        ("GET", {"host": "ci.internal:1"}, "ci.internal", None),
        ("GET", {"host": "127.0.0.1:1", "origin": "http://evil"}, "127.0.0.1", 403),
        ("GET", {"host": "127.0.0.1:1", "origin": "http://127.0.0.1:1"}, "127.0.0.1", None),
        ("POST", {"host": "127.0.0.1:1", "content-type": JSON}, "127.0.0.1", None),
        ("POST", {"host": "127.0.0.1:1", "content-type": f"{JSON}; charset=utf-8"}, "127.0.0.1", None),
        ("POST", {"host": "127.0.0.1:1", "content-type": "application/x-ndjson"}, "127.0.0.1", None),
        ("POST", {"host": "127.0.0.1:1", "content-type": "text/plain"}, "127.0.0.1", 415),
        ("POST", {"host": "127.0.0.1:1"}, "127.0.0.1", 415),
        ("POST", {"host": "127.0.0.1:1", "origin": "http://127.0.0.1:1"}, "127.0.0.1", None),
        ("POST", {"host": "127.0.0.1:1", "origin": "http://127.0.0.1:2", "content-type": JSON}, "127.0.0.1", 403),
        ("POST", {"host": "127.0.0.1:1", "origin": "null", "content-type": JSON}, "127.0.0.1", 403),
        ("DELETE", {"host": "127.0.0.1:1"}, "127.0.0.1", None),
        ("DELETE", {"host": "127.0.0.1:1", "origin": "http://evil"}, "127.0.0.1", 403),
    ],
)
def test_a_request_is_accepted_by_host_origin_and_content_type(
    method: str, headers: dict[str, str], listening_on: str, status: int | None
) -> None:
    refused = refusal(method, headers, listening_on)
    assert (None if refused is None else refused.status) == status


@pytest.mark.parametrize(
    ("headers", "status", "detail"),
    [
        (
            {"Origin": "http://evil", "content-type": JSON},
            403,
            "a page of 'http://evil' may not use the control; open /sim/ itself",
        ),
        (
            {"Host": "evil.example", "content-type": JSON},
            403,
            "the control is not reached through the host 'evil.example'; call it by 127.0.0.1 or localhost",
        ),
        (
            {"content-type": "text/plain"},
            415,
            "what changes something must be JSON; send the header content-type: application/json",
        ),
    ],
)
async def test_a_refused_request_changes_nothing_and_says_why(
    headers: dict[str, str], status: int, detail: str
) -> None:
    async with served(api_key="secret") as (session_server, http):
        for path in ("/sim/reset", "/sim/heal", "/sim/agent/run", "/sim/report"):
            response = await http.post(path, headers=headers, content=b"{}")
            assert (response.status_code, response.json()) == (status, {"detail": detail})
        assert session_server.sessions == 1
        assert session_server.session.state == "waiting"
        if status == 403:
            assert "secret" not in (await http.get("/sim/session", headers=headers)).text


async def test_the_rules_hold_on_a_connection_of_the_world_too() -> None:
    async with served() as (session_server, http):
        await http.get("/health")  # this connection is the world's now
        response = await http.get("/sim/session", headers={"Host": "evil.example"})
        assert response.status_code == 403
        own = f"http://127.0.0.1:{port_of(session_server)}"
        assert (await http.post("/sim/reset", headers={"Origin": own})).status_code == 200
