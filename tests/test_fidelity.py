"""The fake answers as the real agent server did: both recordings, row by row, and a proof that this can fail."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from gapless.simserver import ServerGeneration, ServerSettings, recorded_rows
from tests.simserver.fidelity import differences, replay

SERVER, SESSION = "agent-server-1.57.0", "session-socket-1.57.0"
Rows = list[dict[str, Any]]


@pytest.mark.parametrize("generation", ["legacy", "tree", "session"])
def test_rest_and_the_events_socket_are_as_recorded(generation: ServerGeneration) -> None:
    done = replay(SERVER, ServerSettings(generation))
    assert done.found == []
    # Every row but the requests is compared, a response twice: its status and its body.
    assert done.compared == _expected_comparisons(recorded_rows(SERVER))


def test_the_session_socket_is_as_recorded() -> None:
    done = replay(SESSION, ServerSettings("session"))
    assert done.found == []
    assert done.compared == len(recorded_rows(SESSION)) == 25


def _expected_comparisons(rows: Rows) -> int:
    weights = {"rest-request": 0, "rest-response": 2, "ws-frame": 1, "ws-closed": 1}
    return sum(weights[row["channel"]] for row in rows)


# --- and it can fail ----------------------------------------------------------------------------------------


def _response(rows: Rows, ending: str) -> dict[str, Any]:
    return next(row for row in rows if row["channel"] == "rest-response" and row["path"].endswith(ending))


def _frame(rows: Rows, kind: str) -> dict[str, Any]:
    body: dict[str, Any] = next(
        row["body"] for row in rows if row["channel"] == "ws-frame" and row["body"]["kind"] == kind
    )
    return body


def _swap_frames(rows: Rows) -> None:
    frames = [row for row in rows if row["channel"] == "ws-frame"]
    frames[2]["body"], frames[3]["body"] = frames[3]["body"], frames[2]["body"]


ALTERATIONS: dict[str, tuple[Callable[[Rows], object], str]] = {
    "status": (lambda rows: _response(rows, "limit=0").update(status=400), "status: 400 on the real server, 422 here"),
    "cursor": (
        lambda rows: _response(rows, "search?limit=5")["body"].update(next_page_id="another"),
        "next_page_id: 'another' on the real server",
    ),
    "a missing key": (
        lambda rows: _response(rows, "events/nope")["body"].update(trace_id="x"),
        "'trace_id' is missing here",
    ),
    "an extra key": (
        lambda rows: _response(rows, "/health")["body"].pop("status"),
        "'status' is not on the real server",
    ),
    "kind": (
        lambda rows: _response(rows, "limit=3&sort_order=TIMESTAMP_DESC")["body"]["items"][0].update(kind="Other"),
        "items[0].kind: 'Other' on the real server",
    ),
    "parent": (lambda rows: _frame(rows, "ActionEvent").update(parent_id="other"), "parent_id: 'other'"),
    "length": (
        lambda rows: _response(rows, "events/count").update(body=15),
        "15 on the real server, 14 here",
    ),
    "order of frames": (_swap_frames, "kind: 'MessageEvent' on the real server"),
    "close code": (
        lambda rows: next(row for row in rows if row["channel"] == "ws-closed").update(
            error="Close(code=4001, reason='No')"
        ),
        "4001 on the real server, 4004 here",
    ),
}


@pytest.mark.parametrize("alteration", ALTERATIONS)
def test_an_altered_answer_is_reported(alteration: str) -> None:
    alter, says = ALTERATIONS[alteration]
    rows = copy.deepcopy(recorded_rows(SERVER))
    alter(rows)
    assert any(says in difference for difference in replay(SERVER, ServerSettings("tree"), rows).found)


def test_an_exclusive_server_is_not_the_recorded_one() -> None:
    found = replay(SERVER, ServerSettings("tree", cursor="exclusive")).found
    assert any("next_page_id" in difference for difference in found)


def test_a_server_that_minds_unknown_cursors_is_not_the_recorded_one() -> None:
    found = replay(SERVER, ServerSettings("tree", unknown_cursor="not-found")).found
    assert any("page_id=no-such-event): status: 200 on the real server, 404 here" in difference for difference in found)


def test_a_legacy_server_is_not_the_recorded_one_unless_the_tree_is_left_out() -> None:
    settings = ServerSettings("legacy")
    assert replay(SERVER, settings).found == []
    (row,) = [row for row in recorded_rows(SERVER) if row["channel"] == "ws-frame"][3:4]
    assert differences(row["body"], {key: row["body"][key] for key in row["body"] if key != "parent_id"}) == [
        "body: 'parent_id' is missing here"
    ]


@pytest.mark.parametrize(
    ("real", "ours", "found"),
    [
        ("<redacted agent>", {"anything": 1}, 0),
        ("<redacted list of 2>", [1, 2], 0),
        ("<redacted list of 2>", [1], 1),
        ({"key": "full_state", "id": 1}, {"key": "full_state", "id": 2}, 0),
        ({"id": 1}, {"id": 2}, 1),
        ([1, 2], [1], 1),
        (1, True, 1),
        (None, 0, 1),
    ],
)
def test_differences_forgive_only_what_they_say(real: Any, ours: Any, found: int) -> None:
    assert len(differences(real, ours)) == found
