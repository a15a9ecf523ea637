"""Comparisons: sums of records, in 80 columns, Markdown and JSON."""

from __future__ import annotations

import dataclasses
import json

import pytest

from gapless.reports.many_runs.comparison import SCHEMA, lines, render_comparison_json, render_markdown, render_terminal
from gapless.reports.records.record import RestCost, RunRecord, Verdict
from tests.reports.many_runs.test_renderers import RECORD

FAST = dataclasses.replace(RECORD, return_s=0.5)
SLOW = dataclasses.replace(RECORD, return_s=1.5, lost_events=2, verdict=Verdict.UNSAFE)
STUCK = dataclasses.replace(RECORD, client="other", return_s=None, never_returned=1, verdict=Verdict.STUCK)


def test_a_line_sums_up_and_takes_the_mean_time_of_those_that_returned() -> None:
    first, second = lines((FAST, SLOW, STUCK))
    assert (first.name, first.runs, first.hold, first.lost_events, first.calls, first.back_s) == (
        "gapless",
        2,
        1,
        2,
        6,
        1.0,
    )
    assert (second.name, second.back_s, second.never_returned) == ("other", None, 1)


@pytest.mark.parametrize(("calls", "optimum", "ratio"), [(3, 3, "1.0"), (0, 0, "1.0"), (7, 2, "3.5"), (2, 0, "∞")])
def test_a_ratio_says_how_far_from_the_least(calls: int, optimum: int, ratio: str) -> None:
    record = dataclasses.replace(RECORD, rest=RestCost(calls, 0, 0, optimum, optimum))
    assert lines((record,))[0].ratio == ratio


def huge(client: str) -> RunRecord:
    return dataclasses.replace(
        RECORD, client=client, rest=RestCost(99_999, 99_949_999, 99_999_999, 10, 10), return_s=3599.99
    )


def test_a_terminal_table_keeps_to_80_columns_and_its_cells_apart() -> None:
    text = render_terminal((FAST, STUCK, huge("a-client-with-a-very-long-name")))
    assert max(map(len, text.splitlines())) <= 80
    # "999 MB" and "3600 s" are two words each.
    assert [len(row.split()) for row in text.splitlines()] == [10, 12, 11, 12]


def test_markdown_has_a_table_of_clients_and_one_of_scenarios() -> None:
    other = dataclasses.replace(FAST, scenario="clean-run")
    text = render_markdown(
        (FAST, STUCK, other), title="A title", command="gapless compare", versions={"python": "3.11"}
    )
    assert text.startswith("### A title\n\n| client | runs |")
    assert "| clean-run | gapless | 1 |" in text
    assert "with python 3.11" in text
    rows = [line for line in text.splitlines() if line.startswith("| gapless")]
    assert rows[0].split(" | ")[1:3] == ["2", "2"]


def test_json_has_lines_and_records() -> None:
    document = json.loads(render_comparison_json((FAST, SLOW), {"python": "3.11"}, complete=False))
    assert document["schema"] == SCHEMA
    assert document["complete"] is False
    assert document["clients"]["gapless"]["lost_events"] == 2
    assert document["records"][0]["rest"]["ratio"] == 1.0
