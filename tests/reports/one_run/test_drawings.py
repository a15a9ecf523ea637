"""One run as a sequence diagram, an HTTP archive and a trace: each valid as what it is, and true to its journal."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from typing import Any

import pytest

from gapless.reports.one_run.har import render_har
from gapless.reports.one_run.mermaid import ROWS_MAX, render_mermaid
from gapless.reports.one_run.perfetto import render_perfetto
from gapless.reports.one_run.timeline import read_timeline
from gapless.reports.records.record import RunRecord
from gapless.scenarios.definition.catalogue import find_one
from gapless.scenarios.running.runner import RunRequest, perform
from tests.reports.samples import ACTION, CLEAN, CONVERSATION, LINES, LOST

Run = tuple[RunRecord, tuple[str, ...]]

MERMAID_ROW = re.compile(
    r"    (participant [CRSA] as [a-zA-Z ]+"
    r"|Note over [CRSA](,[CRSA])?: [^;#\n]*((#(\d+|[a-z]+);)[^;#\n]*)*"
    r"|[CRSA](->>|-->>|-x)[CRSA]: [^;#\n]*((#(\d+|[a-z]+);)[^;#\n]*)*)"
)


@pytest.fixture(
    params=[
        ("r34-disconnect-in-mid-run", "gapless"),
        ("r10-late-tail", "poll-then-return"),
        ("r56-time-out", "gapless"),
        ("r33-torn-frame", "gapless"),
        ("r37-dropped-frames", "socket-only"),
        ("r04-long-history", "full-rescan"),
        ("r33-restart-in-mid-run", "gapless"),
    ],
    scope="module",
    ids=lambda one: one[0],
)
def real(request: pytest.FixtureRequest) -> Run:
    """A real run that has something in it."""
    name, client = request.param
    scenario = find_one(name)
    result = perform(RunRequest(scenario, *scenario.variants()[0], client))
    return result.record, result.lines


def sample() -> Run:
    return LOST, LINES


# Mermaid


def test_a_diagram_is_within_the_grammar_of_mermaid(real: Run) -> None:
    for record, lines in (real, sample()):
        rows = render_mermaid(lines, record).splitlines()
        assert rows[:1] + rows[2:4] == ["---", "---", "sequenceDiagram"]
        assert rows[1].startswith('title: "')
        for row in rows[4:]:
            assert MERMAID_ROW.fullmatch(row), row


def test_a_diagram_is_bounded_and_says_what_it_leaves_out() -> None:
    call = [line for line in LINES if '"call": 1' in line]
    text = render_mermaid([*LINES, *call * 500], LOST)
    assert len(text.splitlines()) <= ROWS_MAX + 12
    assert len(text) < 50_000  # what Mermaid takes unless it is told otherwise
    assert "more steps are not drawn here" in text


def test_a_diagram_tells_the_fault_the_loss_and_the_repair() -> None:
    text = render_mermaid(LINES, LOST)
    assert "S-xC: 5.250 s ObservationEvent …01e87352 is sent and does not arrive" in text
    assert "C-xS: 5.300 s socket 2 is refused (503)" in text
    assert "(no answer reaches the client)" in text
    assert "2 events repaired: …882ef407 to …01e87352" in text
    assert "A->>A: 5.150 s ActionEvent …882ef407 into the log" in text


def test_frames_that_arrive_one_after_another_are_one_arrow() -> None:
    delivered = [
        json.dumps(
            {"index": 0, "t_s": number, "place": "socket", "what": "delivered", "kind": "ActionEvent", "id": "a"}
        )
        for number in range(9)
    ]
    rows = render_mermaid(delivered, CLEAN).splitlines()
    arrows = [row.strip() for row in rows if "->>" in row]
    assert arrows == ["S->>C: 0.000 s 9 frames, until 8.000 s, the last ActionEvent …a"]


# HAR

REQUEST = {"method", "url", "httpVersion", "cookies", "headers", "queryString", "headersSize", "bodySize"}
RESPONSE = {"status", "statusText", "content", "redirectURL"} | (REQUEST - {"method", "url", "queryString"})


def archive(run: Run) -> dict[str, Any]:
    record, lines = run
    log: dict[str, Any] = json.loads(render_har(lines, record, version="0.1.0"))["log"]
    return log


def test_an_archive_has_all_that_har_asks_for(real: Run) -> None:
    log = archive(real)
    assert {"version", "creator", "entries"} <= log.keys()
    assert set(log["creator"]) == {"name", "version"}
    for entry in log["entries"]:
        assert set(entry["request"]) == REQUEST
        assert set(entry["response"]) == RESPONSE
        assert re.fullmatch(r"2000-01-01T\d\d:\d\d:\d\d\.\d{6}Z", entry["startedDateTime"])
        timings = entry["timings"]
        assert entry["time"] == sum(value for value in timings.values() if value >= 0)
        assert entry["pageref"] in {page["id"] for page in log["pages"]}
    begun = [entry["startedDateTime"] for entry in log["entries"]]
    assert begun == sorted(begun)


def test_an_archive_has_every_call_and_every_message_that_arrived(real: Run) -> None:
    for run in (real, sample()):
        entries, timeline = archive(run)["entries"], read_timeline(run[1])
        assert sum(1 for entry in entries if entry["_resourceType"] == "fetch") == len(timeline.calls)
        messages = [message for entry in entries for message in entry.get("_webSocketMessages", ())]
        delivered = [entry for entry in timeline.entries if (entry["place"], entry["what"]) == ("socket", "delivered")]
        assert len(messages) == len(delivered)
        for message in messages:
            assert (message["type"], message["opcode"]) == ("receive", 1)
            json.loads(message["data"])


def test_an_archive_maps_virtual_time_onto_a_fixed_date() -> None:
    first, *_ = (entry for entry in archive(sample())["entries"] if entry["request"]["method"] == "POST")
    assert first["startedDateTime"] == "2000-01-01T00:00:05.000000Z"
    assert first["request"]["url"] == f"http://agent.test/api/conversations/{CONVERSATION}/events"


def test_a_call_without_an_answer_and_a_refused_socket_are_told() -> None:
    entries = archive(sample())["entries"]
    (unanswered,) = (entry for entry in entries if "_error" in entry)
    assert unanswered["response"]["status"] == 0
    sockets = [entry for entry in entries if entry["_resourceType"] == "websocket"]
    assert [entry["response"]["status"] for entry in sockets] == [101, 503, 101]
    assert "closed by link; 1 messages were sent and did not arrive" in sockets[0]["comment"]


# Trace events


def trace(run: Run) -> list[dict[str, Any]]:
    record, lines = run
    events: list[dict[str, Any]] = json.loads(render_perfetto(lines, record))["traceEvents"]
    return events


def slices(events: list[dict[str, Any]]) -> dict[int, list[tuple[int, int]]]:
    found: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for event in events:
        if event["ph"] == "X":
            found[event["tid"]].append((event["ts"], event["ts"] + event["dur"]))
    return found


def test_every_event_of_a_trace_has_what_its_phase_needs(real: Run) -> None:
    needed = {"M": {"args"}, "X": {"dur", "cat"}, "i": {"s"}, "s": {"id"}, "t": {"id"}, "f": {"id", "bp"}}
    events = trace(real)
    for event in events:
        assert {"ph", "pid", "tid", "ts", "name", *needed[event["ph"]]} <= event.keys()
        assert isinstance(event["ts"], int)
        assert event.get("dur", 0) >= 0
    named = {event["tid"] for event in events if event["name"] == "thread_name"}
    assert {event["tid"] for event in events if event["ph"] != "M"} <= named


def test_spans_of_one_track_lie_in_one_another_or_apart(real: Run) -> None:
    for run in (real, sample()):
        for track in slices(trace(run)).values():
            open_until: list[int] = []
            for begin, end in sorted(track, key=lambda one: (one[0], -one[1])):
                while open_until and open_until[-1] <= begin:
                    open_until.pop()
                assert not open_until or end <= open_until[-1]
                open_until.append(end)


def test_arrows_begin_and_end_in_a_slice_and_never_go_back(real: Run) -> None:
    for run in (real, sample()):
        events = trace(run)
        spans = slices(events)
        ways: dict[int, list[dict[str, Any]]] = defaultdict(list)
        for event in events:
            if event["ph"] in "stf":
                ways[event["id"]].append(event)
                assert any(begin <= event["ts"] < end for begin, end in spans[event["tid"]])
        assert ways
        for stops in ways.values():
            assert "".join(stop["ph"] for stop in stops) == "s" + "t" * (len(stops) - 2) + "f"
            assert [stop["ts"] for stop in stops] == sorted(stop["ts"] for stop in stops)


def test_times_of_a_trace_are_those_of_the_journal_but_for_what_came_at_once(real: Run) -> None:
    entries = read_timeline(real[1]).entries
    last_us = max(event["ts"] for event in trace(real))
    assert 0 <= last_us - float(str(entries[-1]["t_s"])) * 1_000_000 <= 2 * len(entries) + 1


def test_one_event_is_followed_from_the_log_to_the_client() -> None:
    events = trace(sample())
    names = {event["tid"]: event["args"]["name"] for event in events if event["name"] == "thread_name"}
    steps = [names[one["tid"]] for one in events if one["ph"] == "X" and one["args"].get("id") == ACTION]
    assert steps == ["log", "publisher", "client"]


@pytest.mark.parametrize("render", [render_mermaid, render_har, render_perfetto])
def test_a_line_that_is_none_is_refused_and_no_line_at_all_is_drawn(render: Any) -> None:
    with pytest.raises(ValueError, match="not a journal line"):
        render(["no line"], CLEAN)
    assert render([], CLEAN)


def test_drawings_count_runs_as_the_page_does_and_show_ids_as_it_does() -> None:
    drawn = render_mermaid(LINES, LOST)
    assert "run 1 begins, by client" in drawn
    assert "run 1 ends: finished" in drawn
    assert f"unsafe: no-tail-loss: run() returned without 1 event (ActionEvent …{ACTION[-8:]})" in drawn
    assert '"name": "run 1"' in render_perfetto(LINES, LOST)
