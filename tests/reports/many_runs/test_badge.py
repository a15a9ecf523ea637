"""A badge says the result in a few words, and its colour says whether it is good."""

from __future__ import annotations

import dataclasses

import pytest

from gapless.reports.many_runs.badge import badge, render_badge_svg
from gapless.reports.records.results import Results
from tests.reports.samples import CLEAN, DEAR, EMPTY, FAILING, HOLDING, HUNG, LOST

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


def test_a_badge_is_the_same_however_many_were_drawn_before() -> None:
    assert render_badge_svg(HOLDING) == render_badge_svg(HOLDING)
