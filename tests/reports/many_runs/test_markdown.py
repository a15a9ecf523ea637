"""Markdown for a pull request and for a job: what failed first, nothing that breaks a page, never too long."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable

import pytest

from gapless.reports.many_runs.comment import CHARACTERS_MAX, MARKER, render_comment
from gapless.reports.many_runs.markdown import cost_line, escaped, failures_table, headline, scenarios_table
from gapless.reports.many_runs.summary import BYTES_MAX, render_summary
from gapless.reports.records.record import Violation
from gapless.reports.records.results import Results
from tests.reports.samples import ACTION, CLEAN, DEAR, EMPTY, FAILING, HOLDING, HOSTILE, HUNG, LOST

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
    places = [comment.index(f"| {verdict} |") for verdict in ("unsafe", "stuck", "vacuous", "over-budget")]
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
        (Results((LOST,)), "✗ gapless: unsafe, the run fails"),
        (Results((LOST, CLEAN)), "✗ gapless: unsafe, 1 of 2 runs fails"),
    ],
)
def test_the_headline_is_the_result(results: Results, text: str) -> None:
    assert headline(results) == text


def test_runs_that_failed_alike_are_one_row_and_told_in_full_once() -> None:
    alike = [dataclasses.replace(LOST, generation=one) for one in ("legacy", "tree", "session")]
    (told,) = [row for row in failures_table(alike, rows_max=9) if "no-tail-loss" in row]
    assert told.startswith("| r30-lost-frame | 3 variants | unsafe | 3 | 15/6 | no-tail-loss: run() returned without")
    comment = render_comment(Results(tuple(alike)))
    assert comment.count("**unsafe**") == 1
    assert "Alike: tree/inclusive, session/inclusive." in comment
    hung = dataclasses.replace(HUNG, scenario=LOST.scenario, client=LOST.client)
    assert len([*failures_table([*alike, hung], rows_max=9)]) == 4


def test_a_table_shows_ids_as_traces_do_and_the_full_text_whole() -> None:
    (told,) = [row for row in failures_table([LOST], rows_max=9) if "no-tail-loss" in row]
    assert f"…{ACTION[-8:]}" in told
    assert ACTION not in told
    assert ACTION in render_comment(Results((LOST,)))


@pytest.mark.parametrize("render", [render_comment, render_summary])
def test_what_to_do_next_is_not_folded(render: Callable[[Results], str]) -> None:
    shown, fold, _ = render(Results((EMPTY, LOST))).partition("<details>")
    assert fold
    assert f"To see the first one, event by event:\n\n```text\n{LOST.replay}\n```" in shown
    assert "To see" not in render(Results((dataclasses.replace(LOST, replay=None),)))


@pytest.mark.parametrize(
    ("calls", "optimum", "text"),
    [
        (2, 2, "2 REST calls, which is the least possible;"),
        (0, 0, "0 REST calls, which is the least possible;"),
        (7, 0, "7 REST calls, where none was needed;"),
        (6, 4, "6 REST calls, 1.5 times the optimum of 4;"),
    ],
)
def test_what_it_cost_is_said_beside_the_least_possible(calls: int, optimum: int, text: str) -> None:
    rest = dataclasses.replace(CLEAN.rest, calls=calls, optimum_calls=optimum)
    assert text in cost_line([dataclasses.replace(CLEAN, rest=rest)])
