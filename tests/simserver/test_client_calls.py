"""The calls that published clients make beside the core ones, and what the newest release does otherwise."""

from __future__ import annotations

from uuid import uuid4

import pytest
import trio

from gapless.simserver import AgentWorkload, ServerSettings, World, pairs
from gapless.simserver.protocol.rest_calls import BODY_S_MAX
from tests.simserver.visiting import Visit, event_of, log_ids, visit

NEWEST = ServerSettings(release="1.58.2")


def old_world(settings: ServerSettings | None = None) -> World:
    return World(settings, AgentWorkload(history_events=20))


def test_a_confirmation_lets_the_run_go_on_and_a_rejection_ends_it() -> None:
    async def script(v: Visit) -> None:
        path = f"{v.base}/events/respond_to_confirmation"
        assert (await v.http.post(path, json={"accept": True})).status_code == 409
        for accept in (True, False):
            await v.send(run=True)
            await trio.sleep(5)
            assert (await v.get()).json()["execution_status"] == "waiting_for_confirmation"
            assert (await v.http.post(path, json={"accept": accept})).json() == {"success": True}
            await trio.sleep(5)
            assert (await v.get()).json()["execution_status"] == ("finished" if accept else "idle")
        assert v.world.agent.log[-2]["kind"] == "UserRejectObservation"

    asks = pairs(1, end_status="waiting_for_confirmation", label="first")
    again = pairs(1, end_status="waiting_for_confirmation", label="again")
    visit(World(None, AgentWorkload(runs=(asks, pairs(1, label="on"), again))), script)


def test_head_can_be_moved_to_an_event_over_rest() -> None:
    async def script(v: Visit) -> None:
        first = log_ids(v.world)[0]
        moved = await v.http.post(f"{v.base}/navigate", json={"event_id": first})
        assert moved.json()["leaf_event_id"] == first
        assert (await v.http.post(f"{v.base}/navigate", json={"event_id": "none"})).status_code == 404
        emptied = await v.http.post(f"{v.base}/navigate", json={"event_id": None})
        assert emptied.json()["leaf_event_id"] is None

    visit(old_world(), script)


def test_a_fork_is_another_conversation() -> None:
    async def script(v: Visit) -> None:
        answer = await v.http.post(f"{v.base}/fork")
        copy = answer.json()
        assert answer.status_code == 201
        assert copy["id"] != v.world.conversation_id
        assert copy["forked_from_conversation_id"] == v.world.conversation_id
        assert len((await v.search())["items"]) == 20

    visit(old_world(), script)


def test_several_events_and_conversations_have_null_for_what_is_not_there() -> None:
    async def script(v: Visit) -> None:
        ids = [log_ids(v.world)[2], "nothing"]
        assert [one and one["id"] for one in (await v.get("/events", ids=ids)).json()] == [ids[0], None]
        asked = {"ids": [v.world.conversation_id, str(uuid4())]}
        found = (await v.http.get("/api/conversations", params=asked)).json()
        assert [one and one["id"] for one in found] == [v.world.conversation_id, None]

    visit(old_world(), script)


def test_the_catalog_has_the_one_conversation() -> None:
    async def script(v: Visit) -> None:
        page = (await v.http.get("/api/conversations/search")).json()
        assert [one["id"] for one in page["items"]] == [v.world.conversation_id]
        assert (await v.http.get("/api/conversations/count")).json() == 1
        assert (await v.http.get("/api/conversations/count", params={"status": "stuck"})).json() == 0

    visit(old_world(), script)


def test_calls_about_what_the_agent_does_not_have_are_taken() -> None:
    async def script(v: Visit) -> None:
        for name in ("condense", "switch_profile", "switch_llm", "goal", "goal/stop"):
            assert (await v.http.post(f"{v.base}/{name}", json={})).json() == {"success": True}
        assert (await v.http.post(f"{v.base}/ask_agent", json={"question": "Well?"})).json()["response"]
        assert (await v.http.post(f"{v.base}/ask_agent", json={})).status_code == 422
        assert (await v.get("/agent_final_response")).json() == {"response": ""}
        assert (await v.http.post("/api/hooks", json={})).json() == {"hook_config": None}
        assert (await v.http.patch(v.base, json={"title": "Mine"})).json() == {"success": True}
        assert (await v.get()).json()["title"] == "Mine"
        trajectory = await v.http.get(f"/api/file/download-trajectory/{v.world.conversation_id}")
        assert len(trajectory.json()) == 20
        assert len(log_ids(v.world)) == 20

    visit(old_world(), script)


def test_a_browser_may_ask_before_it_calls_and_read_the_answer() -> None:
    async def script(v: Visit) -> None:
        asked = {"Origin": "http://app.test", "Access-Control-Request-Method": "POST"}
        asked["Access-Control-Request-Headers"] = "x-session-api-key"
        answer = await v.http.options(f"{v.base}/run", headers=asked)
        assert answer.status_code == 200
        assert answer.headers["access-control-allow-origin"] == "http://app.test"
        assert answer.headers["access-control-allow-headers"] == "x-session-api-key"
        page = await v.http.get(f"{v.base}/events/search", headers={"Origin": "http://app.test"})
        assert page.headers["access-control-allow-origin"] == "http://app.test"
        assert "access-control-allow-origin" not in (await v.get()).headers

    visit(old_world(), script)


def test_answers_have_reason_phrases() -> None:
    async def script(v: Visit) -> None:
        assert (await v.get()).reason_phrase == "OK"
        stream = await v.world.connections.dial_rest("agent.test", 80)
        await stream.send_all(b"GET /nothing HTTP/1.1\r\nHost: agent.test\r\n\r\n")
        assert (await stream.receive_some()).startswith(b"HTTP/1.1 404 Not Found\r\n")

    visit(old_world(), script)


def test_a_body_that_is_withheld_is_answered_after_a_minute_and_another_connection_does_not_wait_for_it() -> None:
    async def script(v: Visit) -> None:
        stream = await v.world.connections.dial_rest("agent.test", 80)
        head = f"POST {v.base}/events HTTP/1.1\r\nHost: agent.test\r\nContent-Length: 100\r\n\r\n"
        await stream.send_all(head.encode() + b"{")
        began_s = trio.current_time()
        assert (await v.get()).status_code == 200
        assert trio.current_time() - began_s < 1
        assert (await stream.receive_some()).startswith(b"HTTP/1.1 408 ")
        assert trio.current_time() - began_s == pytest.approx(BODY_S_MAX)

    visit(old_world(), script)


def test_the_newest_release_answers_an_unknown_event_with_404() -> None:
    async def script(v: Visit) -> None:
        assert (await v.get("/events/nothing")).json() == {"detail": "Not Found"}
        assert (await v.get("/events/nothing")).status_code == 404
        gone = f"/api/conversations/{uuid4()}"
        answers = [
            await v.http.post(f"{gone}/pause"),
            await v.http.post(f"{gone}/interrupt"),
            await v.http.delete(gone),
        ]
        assert [one.status_code for one in answers] == [404, 404, 404]
        assert (await v.http.get("/server_info")).json()["version"] == "1.58.2"

    visit(old_world(NEWEST), script)


def test_the_newest_release_sends_the_message_before_the_update_that_names_it() -> None:
    async def script(v: Visit) -> None:
        socket = await v.socket()
        await v.send()
        events = [event_of(one) for one in await socket.for_seconds(1)]
        seen = [one.get("key") or one["kind"] for one in events if one and one.get("key") != "full_state"]
        pair = ["MessageEvent", "last_user_message_id"]
        assert [one for one in seen if one in pair] == (pair if v.world.settings.is_newest else pair[::-1])

    visit(old_world(NEWEST), script)
    visit(old_world(), script)


def test_the_newest_release_creates_what_the_body_asks_for() -> None:
    async def script(v: Visit) -> None:
        wanted = str(uuid4())
        first = {"role": "user", "content": [{"type": "text", "text": "Begin"}]}
        answer = await v.http.post("/api/conversations", json={"conversation_id": wanted, "initial_message": first})
        assert (answer.status_code, answer.json()["id"]) == (201, wanted)
        await trio.sleep(5)
        info = (await v.http.get(f"/api/conversations/{wanted}")).json()
        assert (info["title"], info["execution_status"]) == ("Begin", "finished")
        assert (await v.http.post("/api/conversations", json={"conversation_id": "mine"})).status_code == 422

    visit(World(NEWEST, AgentWorkload(runs=(pairs(1),))), script)
