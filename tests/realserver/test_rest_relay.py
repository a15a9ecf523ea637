"""What the faults of the link change in a call to a real server, and what the journal says of its answer."""

from __future__ import annotations

import json
from urllib.parse import urlsplit

import pytest

from gapless.scenarios.realserver import rest_relay
from gapless.scenarios.realserver.http1 import HttpAnswer, RelayedRequest, plain
from gapless.simserver.faults.verdicts import (
    AnswerAsProxy,
    AnswerWith,
    CapPage,
    EmptyPage,
    ForgetCursor,
    LoopCursor,
    Malform,
    SpoilItem,
)
from gapless.simserver.protocol.call_names import call_name

ONE = "/api/conversations/c1"
PAGE = plain(200, json.dumps({"items": [{"id": "a"}, {"id": "b"}], "next_page_id": "c"}))


def _get(target: str) -> RelayedRequest:
    return RelayedRequest("GET", target, [(b"Host", b"agent.test")])


def _post(target: str, body: object) -> RelayedRequest:
    return RelayedRequest("POST", target, [], json.dumps(body).encode())


@pytest.mark.parametrize(
    ("method", "target", "name"),
    [
        ("GET", f"{ONE}/events/search?limit=3", "search"),
        ("GET", f"{ONE}/events/count", "count"),
        ("GET", f"{ONE}/events/e1", "event"),
        ("GET", ONE, "conversation"),
        ("DELETE", ONE, "delete"),
        ("POST", "/api/conversations", "create"),
        ("POST", f"{ONE}/run", "run"),
        ("GET", "/server_info", "other"),
    ],
)
def test_a_call_has_the_name_that_faults_know(method: str, target: str, name: str) -> None:
    assert call_name(method, urlsplit(target).path) == name


def test_a_run_is_asked_for_in_two_ways() -> None:
    assert rest_relay.asks_for_run("run", _post(f"{ONE}/run", None))
    assert rest_relay.asks_for_run("message", _post(f"{ONE}/events", {"run": True}))
    assert not rest_relay.asks_for_run("message", _post(f"{ONE}/events", {"run": False}))
    assert not rest_relay.asks_for_run("message", RelayedRequest("POST", f"{ONE}/events", [], b"no JSON"))


def test_faults_of_a_page_change_what_the_server_is_asked() -> None:
    asked = _get(f"{ONE}/events/search?limit=50&page_id=e7")
    assert rest_relay.query_of(rest_relay.changed_request(asked, [CapPage(3)]).target)["limit"] == "3"
    forgotten = rest_relay.changed_request(asked, [ForgetCursor()])
    assert rest_relay.query_of(forgotten.target)["page_id"] == rest_relay.FORGOTTEN
    assert rest_relay.changed_request(asked, [CapPage(80)]) is asked
    assert rest_relay.changed_request(_get(f"{ONE}/events/search"), [ForgetCursor()]).target.endswith("search")


def test_a_status_of_a_fault_is_answered_in_place_of_the_server() -> None:
    answer = rest_relay.answer_instead(_get(f"{ONE}/events/search"), [AnswerWith(429, 2.5)])
    assert answer is not None
    assert (answer.status, (b"retry-after", b"2.5") in answer.headers) == (429, True)
    assert rest_relay.answer_instead(_get(f"{ONE}/events/search"), [CapPage(3)]) is None


def test_a_proxy_answers_in_place_of_the_server() -> None:
    redirect = rest_relay.answer_instead(_get(f"{ONE}/events/search?limit=3"), [AnswerAsProxy("redirect")])
    assert redirect is not None
    assert (redirect.status, dict(redirect.headers)[b"location"]) == (307, f"{ONE}/events/search?limit=3".encode())
    page = rest_relay.answer_instead(_get(ONE), [AnswerAsProxy("html")])
    assert page is not None
    assert (page.status, dict(page.headers)[b"content-type"], page.body[:9]) == (200, b"text/html", b"<!doctype")


def test_a_page_is_cut_after_so_many_bytes_and_goes_on_with_the_next_event() -> None:
    asked = _get(f"{ONE}/events/search")
    cut = rest_relay.changed_answer(asked, PAGE, [CapPage(None, 10)])
    assert json.loads(cut.body) == {"items": [{"id": "a"}], "next_page_id": "b"}
    assert rest_relay.changed_answer(asked, PAGE, [CapPage(None, 1000)]).body == PAGE.body


def test_a_blank_page_names_no_next_one() -> None:
    blank = rest_relay.changed_answer(_get(f"{ONE}/events/search"), PAGE, [EmptyPage(blank=True)])
    assert json.loads(blank.body) == {"items": [], "next_page_id": None}


def test_one_item_of_a_page_is_spoiled() -> None:
    spoiled = rest_relay.spoiled(PAGE, [SpoilItem(7, "null")])
    assert json.loads(spoiled.body) == {"items": [{"id": "a"}, None], "next_page_id": "c"}


def test_faults_of_an_answer_change_what_the_client_sees() -> None:
    asked = _get(f"{ONE}/events/search?page_id=a")
    empty = rest_relay.changed_answer(asked, PAGE, [EmptyPage()])
    assert json.loads(empty.body) == {"items": [], "next_page_id": "a"}
    looped = rest_relay.changed_answer(_get(f"{ONE}/events/search"), PAGE, [LoopCursor()])
    assert json.loads(looped.body)["next_page_id"] == "a"
    between_two = rest_relay.changed_answer(asked, PAGE, [LoopCursor(2)], "x")
    assert json.loads(between_two.body)["next_page_id"] == "x"
    half = rest_relay.changed_answer(asked, PAGE, [Malform("truncated")])
    assert half.body == PAGE.body[: len(PAGE.body) // 2]
    for answer in (empty, looped, half):
        lengths = [value for name, value in answer.headers if name == b"content-length"]
        assert lengths == [str(len(answer.body)).encode()]
    failed = HttpAnswer(404, [], b"{}")
    assert rest_relay.changed_answer(asked, failed, [EmptyPage()]) is failed


def test_clients_of_an_older_generation_are_told_an_older_version() -> None:
    answer = plain(200, json.dumps({"version": "1.58.2", "uptime": 5}))
    told = rest_relay.with_version(_get("/server_info"), answer, "1.43.1")
    assert json.loads(told.body) == {"version": "1.43.1", "uptime": 5}
    assert rest_relay.with_version(_get("/server_info"), answer, "") is answer
    assert rest_relay.with_version(_get(ONE), answer, "1.43.1") is answer
    failed = plain(503, "")
    assert rest_relay.with_version(_get("/server_info"), failed, "1.43.1") is failed


def test_what_the_server_read_follows_from_what_was_measured() -> None:
    assert rest_relay.read_fields("search", _get(f"{ONE}/events/search"), PAGE, 300) == {
        "events_read": 3,
        "items": 2,
        "first": "a",
        "last": "b",
        "next": "c",
    }
    assert rest_relay.read_fields("search", _get(f"{ONE}/events/search?kind=X"), PAGE, 300)["events_read"] == 300
    assert rest_relay.read_fields("count", _get(f"{ONE}/events/count"), plain(200, "7"), 300)["events_read"] == 0
    assert rest_relay.read_fields("count", _get(f"{ONE}/events/count?kind=X"), plain(200, "7"), 9)["events_read"] == 9
    assert rest_relay.read_fields("event", _get(f"{ONE}/events/a"), plain(404, "{}"), 9) == {"events_read": 0}
    assert rest_relay.read_fields("search", _get(f"{ONE}/events/search"), plain(200, "<html>"), 9) == {"events_read": 0}
