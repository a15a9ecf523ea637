"""Markdown for a pull request and for a job: what failed first, nothing that breaks a page, never too long."""

from __future__ import annotations

import dataclasses
import re

import pytest

from reports.comment import CHARACTERS_MAX, MARKER, render_comment
from reports.markdown import escaped, failures_table, headline, scenarios_table
from reports.record import Violation
from reports.results import Results
from reports.summary import BYTES_MAX, render_summary
from tests.reports.samples import CLEAN, DEAR, EMPTY, FAILING, HOLDING, HOSTILE, HUNG, LOST

MANY = Results(tuple(dataclasses.replace(LOST, scenario=f"scenario-{number}", title=HOSTILE) for number in range(900)))
LONG = Results(
    tuple(
        dataclasses.replace(LOST, scenario=f"{number}" * 300, violations=(Violation("honest", "word " * 4_000),) * 9)
        for number in range(90)
    )
)


TAGS = ("details", "summary", "sub")


def columns(row: str) -> int:
    return len(re.findall(r"(?<!\\)\|", row)) - 1


@pytest.mark.parametrize("results", [FAILING, HOLDING, MANY])
def test_every_row_of_a_table_has_the_columns_of_its_head(results: Results) -> None:
    for table in (failures_table(results.records, rows_max=99), scenarios_table(results.records)):
        rows = [row for row in table if row.startswith("|")]
        assert {columns(row) for row in rows} == {columns(rows[0])}


def test_nothing_of_a_client_is_markup() -> None:
    for text in (render_comment(FAILING), render_summary(FAILING)):
        assert "<script" not in text
        assert "`code`" not in text.replace(r"\`code\`", "")
        assert set(re.findall(r"<[^>]*>", text)) <= {f"<{slash}{tag}>" for tag in TAGS for slash in ("", "/")} | {
            MARKER
        }
    assert escaped("a|b\n*c*") == r"a\|b \*c\*"


def test_what_is_gravest_comes_first() -> None:
    rows = [row for row in failures_table((LOST, HUNG, DEAR, EMPTY), rows_max=9) if row.startswith("|")]
    comment = render_comment(Results((EMPTY, DEAR, HUNG, LOST)))
    places = [comment.index(f"| {verdict} |") for verdict in ("unsafe", "stuck", "over-budget", "vacuous")]
    assert places == sorted(places)
    assert len(rows) == 6


@pytest.mark.parametrize("results", [MANY, LONG], ids=["many", "long"])
def test_neither_is_longer_than_github_takes(results: Results) -> None:
    assert len(render_comment(results)) <= CHARACTERS_MAX
    assert len(render_summary(results).encode()) <= BYTES_MAX
    assert MARKER in render_comment(results)
    assert headline(results) in render_comment(results)


def test_more_failures_than_are_shown_are_counted() -> None:
    assert "… and 890 more failed runs." in render_comment(MANY)
    assert "… and 850 more failed runs." in render_summary(MANY)


@pytest.mark.parametrize(
    ("results", "text"),
    [
        (HOLDING, "✓ gapless: all 2 runs hold"),
        (Results((CLEAN,)), "✓ gapless: the run holds"),
        (Results(()), "✗ gapless: nothing ran"),
        (Results((CLEAN,), complete=False), "✗ gapless: interrupted; 1 run made, all hold"),
        (Results((CLEAN,), never=FAILING.never), "✗ gapless: vacuous, 2 things never happened"),
        (FAILING, "✗ gapless: unsafe, 4 of 5 runs fail"),
    ],
)
def test_the_headline_is_the_result(results: Results, text: str) -> None:
    assert headline(results) == text
