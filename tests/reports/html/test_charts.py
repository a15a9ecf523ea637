"""Charts are to scale, bars and texts keep their size, and text in them stays text."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import pytest

from gapless.reports.html.charts import Chart, calls_chart, growth_chart
from gapless.reports.records.record import RestCost, RunRecord
from tests.reports.html.pages import MARKUP
from tests.reports.samples import CLEAN

WITHIN, OVER, OPTIMUM = "var(--free)", "var(--fault)", "var(--log)"


def run(scenario: str, calls: int, *, optimum: int = 0, allowed: int = 0, client: str = "mine") -> RunRecord:
    return dataclasses.replace(CLEAN, scenario=scenario, client=client, rest=RestCost(calls, 0, 0, optimum, allowed))


def of_length(length: int, calls: int, client: str = "mine") -> RunRecord:
    return dataclasses.replace(run("clean-run", calls, client=client), history_events=length)


def drawn(chart: Chart | None) -> Element:
    assert chart is not None
    return ElementTree.fromstring(chart.svg)


def bars(chart: Element) -> list[tuple[str, float]]:
    """The color and height of every bar, or part of one, from the left."""
    found = [one for one in chart.iter("rect") if one.get("class") != "hit"]
    return [(one.get("fill", ""), float(one.get("height", "0"))) for one in found]


def counts(chart: Element) -> list[str | None]:
    return [one.text for one in chart.iter("text") if one.get("class") == "count"]


def ticks(chart: Element, anchor: str) -> list[str | None]:
    """The values beside an axis. The anchor is `end` for the vertical axis, `middle` for the horizontal one."""
    return [one.text for one in chart.iter("text") if (one.get("class"), one.get("text-anchor")) == ("value", anchor)]


def places(chart: Element) -> list[tuple[str, str]]:
    return [(one.get("cx", ""), one.get("cy", "")) for one in chart.iter("circle")]


def test_bars_are_as_high_as_their_calls_and_what_is_over_budget_has_its_own_color() -> None:
    chart = drawn(calls_chart([run("a", 10, optimum=2, allowed=5), run("b", 3, optimum=3, allowed=3)]))
    assert bars(chart) == [(WITHIN, 110.0), (OVER, 110.0), (OPTIMUM, 44.0), (WITHIN, 66.0), (OPTIMUM, 66.0)]
    assert counts(chart) == ["10", "2", "3", "3"]
    assert ticks(chart, "end") == ["0", "2", "4", "6", "8", "10"]


def test_an_optimum_that_a_client_did_not_spend_is_shown_as_it_is() -> None:
    assert bars(drawn(calls_chart([run("a", 1, optimum=5, allowed=6)]))) == [(WITHIN, 44.0), (OPTIMUM, 220.0)]


def test_variants_of_a_scenario_are_added_up() -> None:
    chart = calls_chart([run("a", 4, optimum=1, allowed=2), run("a", 1, optimum=1, allowed=2)])
    assert chart is not None
    assert chart.summary == "a: 5 calls, 2 at least"
    assert bars(drawn(chart)) == [(WITHIN, 132.0), (OVER, 88.0), (OPTIMUM, 88.0)]


@pytest.mark.parametrize("scenarios", [1, 2, 5, 16, 36])
def test_bars_are_never_thicker_than_28_pixels_and_never_too_thin_to_see(scenarios: int) -> None:
    chart = drawn(calls_chart([run(f"s{number}", 5, optimum=1) for number in range(scenarios)]))
    thick = {float(one.get("width", "0")) for one in chart.iter("rect") if one.get("class") != "hit"}
    assert len(thick) == 1
    assert all(6 <= one <= 28 for one in thick)


def test_numbers_stand_above_bars_only_where_they_have_room() -> None:
    assert counts(drawn(calls_chart([run("a", 900)]))) == ["900", "0"]
    assert counts(drawn(calls_chart([run("a", 1_200)]))) == []
    assert counts(drawn(calls_chart([run(f"s{number}", 5) for number in range(17)]))) == []


@pytest.mark.parametrize(
    ("calls", "expected"),
    [
        (1, ["0", "1"]),
        (6, ["0", "2", "4", "6"]),
        (7, ["0", "2", "4", "6", "8"]),
        (99, ["0", "20", "40", "60", "80", "100"]),
        (100, ["0", "20", "40", "60", "80", "100"]),
        (101, ["0", "50", "100", "150"]),
        (2_600, ["0", "1,000", "2,000", "3,000"]),
        (3_000_000, ["0", "1M", "2M", "3M"]),
    ],
)
def test_an_axis_of_calls_has_round_ticks_up_to_the_highest_bar(calls: int, expected: list[str]) -> None:
    assert ticks(drawn(calls_chart([run("a", calls)])), "end") == expected


def test_names_of_more_than_four_scenarios_are_turned() -> None:
    classes = [
        drawn(calls_chart([run(f"s{number}", 5) for number in range(scenarios)])).get("class") for scenarios in (4, 5)
    ]
    assert classes == ["columns", "columns turned"]


def test_equal_ratios_are_equally_far_apart_on_both_axes_of_growth() -> None:
    chart = drawn(growth_chart([of_length(length, calls) for length, calls in ((100, 1), (1_000, 10), (10_000, 100))]))
    assert places(chart) == [("0%", "280"), ("50%", "140"), ("100%", "0")]
    assert ticks(chart, "middle") == ["100", "1,000", "10,000"]
    assert ticks(chart, "end") == ["1", "10", "100"]


def test_a_point_is_the_mean_of_the_runs_of_its_length() -> None:
    chart = growth_chart([of_length(100, 1), of_length(100, 4), of_length(10, 1)])
    assert chart is not None
    assert chart.summary == "mine: 1 calls at 10 events; mine: 2.5 calls at 100 events"
    assert chart.legend == (("var(--client)", "mine: 2.5 calls at 100 events"),)


def test_a_zero_has_its_own_place_before_the_first_power_of_ten() -> None:
    chart = drawn(growth_chart([of_length(0, 0), of_length(10, 1), of_length(1_000, 100)]))
    assert places(chart) == [("0%", "280"), ("12%", "246.4"), ("100%", "0")]
    assert ticks(chart, "middle") == ["0", "10", "100", "1,000"]


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        ([(1, 1)], ["0.5", "1", "2"]),
        ([(1, 3)], ["1", "2", "5", "10"]),
        ([(1, 0)], ["0"]),
        ([(1, 1), (2, 60)], ["1", "10", "100"]),
        ([(1, 2), (2, 15)], ["2", "5", "10", "20"]),
        ([(1, 1), (2, 10**9)], ["1", "100", "10,000", "1M", "100M", "1,000M"]),
    ],
)
def test_a_logarithmic_axis_has_few_round_ticks(points: Sequence[tuple[int, int]], expected: list[str]) -> None:
    chart = drawn(growth_chart([of_length(length, calls) for length, calls in points]))
    assert ticks(chart, "end") == expected
    assert all(0 <= float(y) <= 280 for _, y in places(chart))


def test_what_a_name_says_is_text_in_a_chart() -> None:
    records = [run(MARKUP, 2), run("other", 2, client=MARKUP)]
    for chart in (calls_chart(records), growth_chart([of_length(5, 2, MARKUP)])):
        assert chart is not None
        assert {one.tag for one in drawn(chart).iter()} <= {"svg", "g", "title", "rect", "line", "circle", "text"}
        assert any(MARKUP in (one.text or "") for one in drawn(chart).iter("title"))


def test_without_calls_and_without_a_sweep_there_is_no_chart() -> None:
    assert calls_chart([run("a", 0, optimum=2)]) is None
    assert growth_chart([]) is None
