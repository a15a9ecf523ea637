"""Renderers are pure: a record in, text out, within their columns."""

from __future__ import annotations

import dataclasses
import json

import pytest

from gapless.reports.many_runs.table import render_header, render_row, render_table, render_totals, size
from gapless.reports.one_run.trace import COLUMNS, render_trace
from gapless.reports.records.json import SCHEMA, render_json
from gapless.reports.records.record import FaultFired, Judged, Kill, RestCost, RunRecord, Verdict, Violation, gravest

RECORD = RunRecord(
    scenario="r10-late-tail",
    origin="R10",
    client="gapless",
    generation="tree",
    cursor="inclusive",
    seed=0,
    verdict=Verdict.HOLDS,
    violations=(),
    judged=(Judged("no-holes", 12),),
    rest=RestCost(calls=3, bytes=38_400, events_read=205, optimum_calls=3, allowed_calls=3),
    faults=(FaultFired("late-tail", "event-delay", 2),),
    virtual_s=5.904,
    digest="sha256:0",
    kills=(Kill("full-rescan", "budget", True),),
)
LOST = dataclasses.replace(
    RECORD, cursor="exclusive", verdict=Verdict.UNSAFE, violations=(Violation("no-holes", "a hole", ("a1",)),)
)


def test_what_proves_nothing_is_graver_than_what_costs_too_much() -> None:
    by_gravity = [Verdict.UNSAFE, Verdict.STUCK, Verdict.VACUOUS, Verdict.OVER_BUDGET, Verdict.UNSTEADY]
    assert [verdict.exit_code for verdict in by_gravity] == [1, 3, 5, 4, 6]
    for count in range(1, len(by_gravity) + 1):
        assert gravest(reversed(by_gravity[-count:])) is by_gravity[-count]
    assert gravest([]) is Verdict.HOLDS
    assert gravest([Verdict.HOLDS]).exit_code == 0


def test_a_row_sums_up_the_variants_of_a_scenario_in_eighty_columns() -> None:
    row = render_row((RECORD, LOST))
    assert row.split() == ["r10-late-tail", "1/2", "unsafe", "6/6", "77", "kB", "12", "s", "2/2"]
    long = dataclasses.replace(RECORD, scenario="x" * 40, verdict=Verdict.UNSTEADY)
    assert len(render_row((long,))) <= 80
    assert max(len(line) for line in render_table((RECORD, long)).splitlines()) <= 80


def test_a_row_shows_the_ratio_where_it_is_not_1() -> None:
    dear = dataclasses.replace(RECORD, rest=RestCost(6, 38_400, 205, 3, 6, because=("a reason",)))
    assert render_row((dear,)).split()[3:5] == ["6/3", "2.0"]
    needless = dataclasses.replace(RECORD, rest=RestCost(1, 38_400, 205, 0, 1))
    assert render_row((needless,)).split()[3:5] == ["1/0", "∞"]
    assert len(render_row((dear,))) == len(render_row((RECORD,))) == len(render_header()) == 80
    assert [dear.rest.ratio, needless.rest.ratio, RECORD.rest.ratio] == [2.0, None, 1.0]


def test_a_table_has_one_row_a_scenario() -> None:
    other = dataclasses.replace(RECORD, scenario="clean-run")
    assert len(render_table((RECORD, other, LOST)).splitlines()) == 3


def test_a_row_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        render_row(())


def test_the_totals_count_what_holds() -> None:
    assert render_totals((RECORD,), 1.0).startswith("1 run, 1 hold, 0 fail;")
    assert render_totals((RECORD, LOST), 1.25) == ("2 runs, 1 hold, 1 fail; REST 6, optimum 6; 12 s simulated in 1.2 s")


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1 kB"),
        (999_499, "999 kB"),
        (999_500, "1.0 MB"),
        (9_949_999, "9.9 MB"),
        (27_400_000, "27 MB"),
        (123_456_789, "123 MB"),
    ],
)
def test_a_size_fits_six_columns(size_bytes: int, text: str) -> None:
    assert size(size_bytes) == text
    assert len(text) <= 6


def test_json_has_schema_versions_and_every_field_of_a_record() -> None:
    document = json.loads(render_json((RECORD, LOST), {"python": "3.11"}))
    assert document["schema"] == SCHEMA
    assert document["versions"] == {"python": "3.11"}
    assert document["complete"] is True
    first, second = document["records"]
    assert first["rest"]["optimum_calls"] == 3
    assert first["faults"] == [{"name": "late-tail", "kind": "event-delay", "fired": 2}]
    assert second["verdict"] == "unsafe"
    assert second["violations"] == [
        {"oracle": "no-holes", "message": "a hole", "event_ids": ["a1"], "breaks": "unsafe"}
    ]


def test_rendering_twice_gives_the_same_text() -> None:
    assert render_json((RECORD,), {}) == render_json((RECORD,), {})


def line(**fields: object) -> str:
    return json.dumps({"index": 0, "t_s": 1.5, **fields})


def test_a_trace_tells_one_entry_a_line() -> None:
    event_id = "f78c1730-4042-54d3-a989-71d8bb6971d8"
    text = render_trace(
        [line(place="socket", what="delivered", connection=1, frame=6, id=event_id, kind="ActionEvent")]
    )
    assert text == "    1.5000 → socket    delivered  socket 1 #6 ActionEvent …bb6971d8"


def delivered(event_id: str, t_s: float = 1.5, *, repaired: bool = False) -> str:
    return line(place="client", what="delivered", id=event_id, repaired=repaired, t_s=t_s)


def test_deliveries_at_one_instant_are_one_line() -> None:
    many = [delivered(f"e{number}") for number in range(100)]
    text = render_trace([*many, line(place="client", what="attach-returned")])
    assert text.splitlines()[0] == "    1.5000 ◆ client    delivered  100 events first=e0 last=e99"
    assert len(text.splitlines()) == 2


def test_a_few_deliveries_and_those_of_another_instant_or_origin_are_told_apart() -> None:
    three = [delivered("a"), delivered("b"), delivered("c")]
    assert len(render_trace(three).splitlines()) == 3
    assert len(render_trace([*three, delivered("d", 2.0), *(delivered("e", repaired=True),) * 4]).splitlines()) == 5
    assert "repaired" in render_trace([delivered("e", repaired=True)] * 4)


def test_a_trace_keeps_to_its_columns_and_loses_nothing() -> None:
    text = render_trace([line(place="client", what="error", message="word " * 60, step="run")])
    assert max(len(row) for row in text.splitlines()) <= COLUMNS
    assert text.count("word") == 60


def test_a_trace_shows_the_ends_of_long_lists() -> None:
    text = render_trace([line(place="client", what="closed", held=["a", "b", "c", "d"])])
    assert "held=4×[… b c d]" in text


@pytest.mark.parametrize("broken", ["no json", "[]", "{}"])
def test_a_line_that_is_none_is_refused(broken: str) -> None:
    with pytest.raises(ValueError, match="not a journal line"):
        render_trace([broken])
