"""Two journals side by side: where they part, what they share, what tells of the loss."""

from __future__ import annotations

import json

from gapless.reports.one_run.divergence import CONTEXT_ENTRIES, FIRST_ENTRIES, first_divergence, render_divergence
from gapless.reports.one_run.trace import COLUMNS

TITLES = ("this run: unsafe", "the nearest: holds")


def line(index: int, t_s: float, place: str, what: str, **fields: object) -> str:
    return json.dumps({"index": index, "t_s": t_s, "place": place, "what": what, **fields})


SHARED = [line(index, 1.0, "log", "append", id=f"shared-{index}") for index in range(10)]
LOST = line(10, 1.0, "fault", "fired", kind="event-drop", name="lost-action")
SENT = line(10, 1.0, "socket", "delivered", id="the-event")
NOISE = [line(index, 2.0, "socket", "sent", id=f"noise-{index}") for index in range(11, 31)]
RETURNED = line(31, 3.0, "client", "run-returned", status="finished")


def test_equal_journals_have_no_difference() -> None:
    assert first_divergence(SHARED, SHARED) is None
    assert render_divergence(SHARED, SHARED, titles=TITLES) == "no difference: all 10 entries are equal"


def test_a_journal_that_ends_early_parts_where_it_ends() -> None:
    assert first_divergence(SHARED[:4], SHARED) == 4


def test_it_shows_what_came_before_and_the_two_ways_that_follow() -> None:
    told = render_divergence([*SHARED, LOST], [*SHARED, SENT], titles=TITLES).splitlines()
    assert told[0] == "the two runs are the same for 10 entries"
    assert [row.split()[-1] for row in told[1 : 1 + CONTEXT_ENTRIES]] == [f"shared-{index}" for index in range(6, 10)]
    assert told[6].startswith("this run: unsafe")
    assert told[6].endswith("│ the nearest: holds")
    left, right = (next(row for row in told if name in row) for name in ("event-drop", "the-event"))
    assert left.index("event-drop") < COLUMNS // 2 < right.index("the-event")


def test_what_is_the_same_but_for_its_time_is_on_one_row() -> None:
    later = line(11, 2.5, "client", "run-returned", status="finished")
    told = render_divergence([*SHARED, LOST, later], [*SHARED, SENT, RETURNED], titles=TITLES)
    (row,) = (row for row in told.splitlines() if "run-returned" in row)
    assert row.count("run-returned") == 2
    assert "2.5000" in row
    assert "3.0000" in row


def test_of_what_comes_later_only_what_tells_of_the_loss_is_shown() -> None:
    lost = line(40, 2.0, "log", "append", id="the-event")
    told = render_divergence(
        [*SHARED, LOST, *NOISE, lost, RETURNED], [*SHARED, SENT, *NOISE], titles=TITLES, lost_ids=("the-event",)
    )
    assert f"noise-{10 + FIRST_ENTRIES}" not in told
    assert "append the-event" in told
    assert "run-returned" in told


def test_no_row_is_wider_than_the_columns() -> None:
    wide = line(10, 1.0, "client", "run-returned", notes=["word " * 60], path="x" * 300)
    told = render_divergence([*SHARED, wide], [*SHARED, wide.replace("x", "y")], titles=("t" * 200, "u" * 200))
    assert max(len(row) for row in told.splitlines()) <= COLUMNS
