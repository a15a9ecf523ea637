"""What a change did, run by run: the gravest decides, what cannot be compared is said, a hundred columns are enough."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from gapless.reports.many_runs.diff import (
    COLUMNS,
    ROWS_MAX,
    Became,
    Tolerance,
    diff,
    remarks,
    render_diff,
    render_diff_json,
)
from gapless.reports.records.record import RunRecord, Verdict
from gapless.reports.records.results import Results
from tests.reports.samples import BEFORE, CLEAN, FAILING


def with_(verdict: Verdict = Verdict.HOLDS, *, calls: int = 4, bytes_: int = 1_000, **more: Any) -> RunRecord:
    rest = dataclasses.replace(CLEAN.rest, calls=calls, bytes=bytes_)
    return dataclasses.replace(CLEAN, verdict=verdict, rest=rest, **more)


@pytest.mark.parametrize(
    ("before", "after", "became", "code"),
    [
        (with_(), with_(), Became.SAME, 0),
        (with_(), with_(lost_events=1), Became.LOSES, 1),
        (with_(), with_(Verdict.UNSAFE), Became.UNSAFE, 1),
        (with_(Verdict.STUCK), with_(Verdict.UNSAFE), Became.UNSAFE, 1),
        (with_(), with_(Verdict.STUCK), Became.STUCK, 3),
        (with_(), with_(never_returned=1), Became.STUCK, 3),
        (with_(), with_(Verdict.OVER_BUDGET, calls=9), Became.OVER_BUDGET, 4),
        (with_(), with_(calls=5), Became.DEARER, 4),
        (with_(), with_(bytes_=1_060), Became.LARGER, 4),
        (with_(), with_(bytes_=1_040), Became.OTHER, 0),
        (with_(), with_(Verdict.VACUOUS), Became.VACUOUS, 5),
        (with_(), with_(Verdict.UNSTEADY), Became.UNSTEADY, 6),
        (with_(), with_(calls=3), Became.BETTER, 0),
        (with_(Verdict.UNSAFE), with_(Verdict.UNSAFE), Became.SAME, 0),
        (with_(Verdict.UNSAFE, lost_events=2), with_(calls=9), Became.BETTER, 0),
        (with_(Verdict.UNSAFE, lost_events=2), with_(Verdict.UNSAFE, lost_events=1, calls=9), Became.BETTER, 0),
        (with_(Verdict.UNSAFE), with_(Verdict.OVER_BUDGET), Became.BETTER, 0),
    ],
)
def test_what_became_of_a_run(before: RunRecord, after: RunRecord, became: Became, code: int) -> None:
    found = diff(Results((before,)), Results((after,)), Tolerance(bytes_percent=5))
    assert (found.changes[0].became, found.exit_code) == (became, code)


def test_what_is_tolerated_is_not_worse() -> None:
    before, after = Results((with_(calls=10, bytes_=100),)), Results((with_(calls=11, bytes_=110),))
    assert diff(before, after).exit_code == 4
    assert diff(before, after, Tolerance(10, 10)).exit_code == 0
    assert diff(before, after, Tolerance(9, 10)).exit_code == 4


def test_the_gravest_decides_and_stands_first() -> None:
    found = diff(BEFORE, FAILING)
    assert found.exit_code == 1
    assert [one.became for one in found.worse] == [Became.LOSES, Became.VACUOUS, Became.OVER_BUDGET]


def test_what_cannot_be_compared_is_said() -> None:
    told = list(remarks(diff(BEFORE, FAILING)))
    assert told[0].startswith("NEW is incomplete")
    assert "only in OLD: 1 run of gone" in told
    assert told[-1].startswith("the scenario itself is another (its history or its faults)")


def test_a_new_run_that_holds_is_not_worse_and_one_that_does_not_is() -> None:
    assert diff(Results(()), Results((CLEAN,))).exit_code == 0
    assert diff(Results(()), Results((with_(Verdict.STUCK),))).exit_code == 3


def test_a_table_keeps_to_its_columns_and_is_bounded() -> None:
    many = [
        dataclasses.replace(CLEAN, scenario=f"{number:04}" + "scenario" * 9, client="c" * 50) for number in range(300)
    ]
    dear = [dataclasses.replace(one, rest=dataclasses.replace(one.rest, calls=10**9, bytes=10**12)) for one in many]
    text = render_diff(diff(Results(tuple(many)), Results(tuple(dear))))
    assert max(map(len, text.splitlines())) <= COLUMNS
    assert len(text.splitlines()) <= ROWS_MAX + 8
    assert "… and 240 more runs that differ; --json has them all" in text


def test_two_equal_documents_are_the_same() -> None:
    assert render_diff(diff(FAILING, FAILING)).splitlines()[-1] == "nothing worse: 5 same"


def test_the_json_has_every_change_and_no_run_that_is_the_same() -> None:
    document = json.loads(render_diff_json(diff(BEFORE, FAILING)))
    assert document["exit_code"] == 1
    assert document["same"] == 1
    assert {one["became"] for one in document["changes"]} == {
        "loses more", "now over budget", "now vacuous", "better", "gone",
    }  # fmt: skip
    gone = next(one for one in document["changes"] if one["became"] == "gone")
    assert gone["after"] is None
