"""The screen: rows on any output, a live line on a terminal, colour only where it is wanted."""

from __future__ import annotations

import dataclasses
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from gapless.reports.records.record import Verdict, Violation
from gapless.scenarios.cli.conclusion import Wanted
from gapless.scenarios.cli.output.screen import Screen, tell
from tests.reports.many_runs.test_renderers import LOST, RECORD

OTHER = dataclasses.replace(RECORD, scenario="clean-run")


def shown(console: Console) -> str:
    screen = Screen(console, 3)
    with screen.live():
        for record in (RECORD, LOST, OTHER):
            screen.show(record)
    screen.flush()
    screen.failures([RECORD, LOST, OTHER], 10)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def test_away_from_a_terminal_there_are_plain_rows_in_order() -> None:
    lines = shown(Console(file=StringIO(), highlight=False)).splitlines()
    assert [line.split()[0] for line in lines[:3]] == ["scenario", "r10-late-tail", "clean-run"]
    assert "\x1b" not in "".join(lines)


def test_on_a_terminal_verdicts_have_colour_and_progress_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("NO_COLOR", "TERM"):
        monkeypatch.delenv(variable, raising=False)  # whoever runs the tests may not want colour, or have a terminal
    monkeypatch.setenv("COLORTERM", "truecolor")
    text = shown(Console(file=StringIO(), highlight=False, force_terminal=True, width=80))
    assert "\x1b[31m" in text
    assert "3/3" in text


def test_without_colour_a_terminal_gets_plain_rows() -> None:
    text = shown(Console(file=StringIO(), highlight=False, force_terminal=True, width=80, color_system=None))
    assert "\x1b[31m" not in text
    assert "r10-late-tail" in text


@pytest.mark.parametrize(("width", "shown_id"), [(80, "…882ef407"), (200, "f78c1730-4042-54d3-a989-dfe3882ef407")])
def test_a_narrow_terminal_shows_the_ends_of_ids(width: int, shown_id: str) -> None:
    long = dataclasses.replace(LOST.violations[0], message="1 event (f78c1730-4042-54d3-a989-dfe3882ef407) is lost")
    console = Console(file=StringIO(), highlight=False, force_terminal=True, width=width, color_system=None)
    Screen(console, 1).failures([dataclasses.replace(LOST, violations=(long,))], 1)
    assert isinstance(console.file, StringIO)
    assert f"({shown_id})" in console.file.getvalue()


def test_a_failure_tells_where_what_and_how_to_see_it_again() -> None:
    record = dataclasses.replace(
        LOST,
        violations=(*LOST.violations, Violation("budget", "too much", breaks=Verdict.OVER_BUDGET)),
        capsule="a.json",
        replay="gapless replay a.json --trace",
    )
    assert list(tell(record)) == [
        "unsafe: r10-late-tail, generation tree, cursor exclusive, client gapless, seed 0",
        "  no-holes: a hole",
        "  … and 1 more: budget",
        "  capsule  a.json",
        "  replay   gapless replay a.json --trace",
    ]


@pytest.mark.parametrize(
    ("shown_max", "wanted", "told"),
    [
        (0, Wanted(), "… and 2 more failed runs; --json FILE has all of them"),
        (1, Wanted(Path("all.json")), "… and 1 more failed run; all.json has all of them"),
        (1, Wanted(Path("all.json"), Path("out")), "… and 1 more failed run; out/report.html has all of them"),
    ],
)
def test_only_so_many_failures_are_told_and_where_the_others_are(shown_max: int, wanted: Wanted, told: str) -> None:
    console = Console(file=StringIO(), highlight=False)
    Screen(console, 2).failures([LOST, LOST], shown_max, all_in=wanted.all_in)
    assert isinstance(console.file, StringIO)
    assert told in console.file.getvalue()
