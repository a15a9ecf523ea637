"""Messages as they were on the wire: all of them, beside the journal, without what gives access, and bounded."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Sequence
from typing import Any

import pytest

from gapless.reports.html.packed_journals import pack
from gapless.reports.one_run.har import render_har
from gapless.reports.one_run.trace import render_trace
from gapless.reports.records.journals import Journals, deflated, is_message, unzip_journals, zip_journals
from gapless.reports.records.record import Verdict
from gapless.reports.records.results import Results
from gapless.scenarios.definition.catalogue import find_one
from gapless.scenarios.running.runner import RunRequest, RunResult, perform
from gapless.simserver import messages
from gapless.simserver.messages import HIDDEN, KeptMessages

REQUEST = RunRequest(find_one("r10-late-tail"), "session", "inclusive", "poll-then-return")


@pytest.fixture(scope="module")
def seen() -> RunResult:
    return perform(REQUEST, with_messages=True)


def by_name(lines: Sequence[str]) -> dict[str, dict[str, Any]]:
    return {row["message"]: row for row in map(json.loads, lines)}


def test_every_call_every_handshake_and_every_frame_has_its_message(seen: RunResult) -> None:
    kept = by_name(seen.messages)
    for entry in map(json.loads, seen.lines):
        match entry["place"], entry["what"]:
            case "rest", what:
                message = kept[f"rest {entry['call']} {what}"]
                assert message["headers"]
                if what == "response":
                    assert len(message["body"].encode()) == entry["bytes"]
            case "socket", "opened":
                assert ["upgrade", "websocket"] in kept[f"socket {entry['connection']} handshake"]["headers"]
            case "socket", "sent" | "delivered":
                read = json.loads(kept[f"socket {entry['connection']} {entry['frame']}"]["body"])
                if entry["id"] is not None:
                    assert entry["id"] in (read.get("id"), read.get("event", {}).get("id"))


def test_they_are_no_part_of_the_run_or_of_its_digest(seen: RunResult) -> None:
    bare = perform(REQUEST)
    assert not bare.messages
    assert (bare.lines, bare.record) == (seen.lines, seen.record)
    kept = unzip_journals(zip_journals(Journals({seen.record.digest: deflated(seen.told)})))
    assert tuple(kept[seen.record.digest]) == seen.told
    assert render_trace(seen.told) == render_trace(bare.lines)


def test_an_archive_has_the_bodies_and_the_headers(seen: RunResult) -> None:
    entries = json.loads(render_har(seen.told, seen.record))["log"]["entries"]
    calls = [one for one in entries if one["_resourceType"] == "fetch" and "_error" not in one]
    assert calls
    for one in calls:
        assert len(one["response"]["content"]["text"].encode()) == one["response"]["content"]["size"]
        assert {"name": "content-type", "value": "application/json"} in one["response"]["headers"]
        assert {"name": "host", "value": "agent.test"} in one["request"]["headers"]
    frames = [message for one in entries for message in one.get("_webSocketMessages", ())]
    assert frames
    assert all("timestamp" in json.loads(one["data"]) for one in frames)


def test_what_gives_access_is_hidden() -> None:
    kept = KeptMessages()
    body = '{"agent": {"llm": {"api_key": "se\\"cret", "tokens": 3}}, "GITHUB_TOKEN":"secret", "text": "open"}'
    headers = [(b"X-Session-API-Key", b"secret"), (b"authorization", b"secret"), (b"cookie", b"secret"), (b"a", b"b")]
    kept.keep("rest 1 request", headers, body, from_client=True)
    (line,) = kept.lines()
    assert "cret" not in line
    row = json.loads(line)
    assert [value for _, value in row["headers"]] == [HIDDEN, HIDDEN, HIDDEN, "b"]
    assert json.loads(row["body"])["agent"]["llm"] == {"api_key": HIDDEN, "tokens": 3}
    assert json.loads(row["body"])["text"] == "open"


def test_the_room_is_bounded_and_what_is_cut_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(messages, "BODY_CHARACTERS_MAX", 10)
    monkeypatch.setattr(messages, "RUN_CHARACTERS_MAX", 25)
    kept = KeptMessages()
    for number in range(4):
        kept.keep(f"rest {number} response", [], "x" * 12)
    assert [(len(row["body"]), row["cut"]) for row in by_name(list(kept.lines())).values()] == [
        (10, 2),
        (10, 2),
        (5, 7),
    ]


def test_a_page_without_room_leaves_out_messages_before_journals(seen: RunResult) -> None:
    assert seen.record.verdict is not Verdict.HOLDS
    results = Results((seen.record,), journals={seen.record.digest: seen.told})
    (whole,) = pack(results, 10**9).values()
    (bare,) = pack(results, len(whole) // 2).values()
    lines = zlib.decompress(base64.b64decode(bare)).decode().split("\n")
    assert tuple(lines) == seen.lines
    assert not any(map(is_message, lines))
    assert pack(results, 10) == {}
