"""A badge says the result in a few words, and its color says whether it is good."""

from __future__ import annotations

import dataclasses
from xml.etree import ElementTree

import pytest

from gapless.reports.many_runs.badge import LABEL, badge, render_badge_svg
from gapless.reports.records.results import Results
from tests.reports.samples import CLEAN, DEAR, EMPTY, FAILING, HOLDING, HUNG, LOST

SVG = "{http://www.w3.org/2000/svg}"
OTHER = dataclasses.replace(CLEAN, scenario="other")


@pytest.mark.parametrize(
    ("results", "message", "color"),
    [
        (HOLDING, "1 scenario × 2 generations hold, 0 calls per clean run", "brightgreen"),
        (Results((OTHER,)), "1 scenario × 1 generation hold", "brightgreen"),
        (Results(()), "nothing ran", "lightgrey"),
        (Results((OTHER,), complete=False), "1 scenario × 1 generation hold, interrupted", "lightgrey"),
        (Results((CLEAN,), never=FAILING.never), "2 things never happened", "yellow"),
        (Results((CLEAN, LOST, DEAR)), "unsafe: 2 of 3 runs fail", "red"),
        (Results((HUNG,)), "stuck: the run fails", "red"),
        (Results((DEAR,)), "over-budget: the run fails", "orange"),
        (Results((EMPTY,)), "vacuous: the run fails", "yellow"),
    ],
)
def test_a_badge_is_its_message_and_its_color(results: Results, message: str, color: str) -> None:
    assert (badge(results).message, badge(results).color) == (message, color)


@pytest.mark.parametrize("results", [HOLDING, FAILING, Results(())])
def test_a_badge_that_is_drawn_shows_its_message_on_its_color_and_has_room_for_it(results: Results) -> None:
    drawn = ElementTree.fromstring(render_badge_svg(results))
    said = badge(results)
    assert drawn.get("aria-label") == f"{LABEL}: {said.message}"
    assert [text.text for text in drawn.iter(f"{SVG}text")] == [LABEL, LABEL, said.message, said.message]
    ground = drawn.find(f"{SVG}rect")
    assert ground is not None
    assert ground.get("fill") == said.color_value
    for text in drawn.iter(f"{SVG}text"):
        half_px = float(text.get("textLength", "0")) / 2
        assert float(text.get("x", "0")) - half_px > 0
        assert float(text.get("x", "0")) + half_px < float(drawn.get("width", "0"))


def test_a_badge_asks_for_more_width_the_longer_its_message_is() -> None:
    widths = [
        int(ElementTree.fromstring(render_badge_svg(results)).get("width", "0"))
        for results in (Results(()), FAILING, HOLDING)
    ]
    assert widths == sorted(set(widths))
