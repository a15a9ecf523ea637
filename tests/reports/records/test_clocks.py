"""Whatever speaks of time says which: no renderer calls real seconds simulated, and both can stand in one report."""

from __future__ import annotations

import dataclasses
import json

import junitparser
import pytest

from gapless.reports.folder import File, files
from gapless.reports.html import render_html
from gapless.reports.many_runs.comparison import render_markdown
from gapless.reports.many_runs.diff import diff, remarks
from gapless.reports.many_runs.junit import render_junit
from gapless.reports.many_runs.summary import render_summary
from gapless.reports.many_runs.table import render_header, render_table, render_totals
from gapless.reports.one_run.har import render_har
from gapless.reports.one_run.perfetto import render_perfetto
from gapless.reports.records.clocks import lasted, only_clock
from gapless.reports.records.reading import read_results
from gapless.reports.records.record import RunRecord
from gapless.reports.records.results import Results
from tests.reports.golden import stored
from tests.reports.html.outline import Outline
from tests.reports.samples import CLEAN, DIGEST, LINES, LOST

REAL, REAL_CLEAN = (dataclasses.replace(one, clock="real") for one in (LOST, CLEAN))
OVER_TCP = Results((REAL, REAL_CLEAN), journals={DIGEST: LINES})
MIXED = Results((LOST, REAL), journals={DIGEST: LINES})


@pytest.mark.parametrize(
    ("records", "text", "clock"),
    [
        ((), "0 s", "virtual"),
        ((CLEAN, CLEAN), "11 s simulated", "virtual"),
        ((REAL,), "6 s in real time", "real"),
        ((REAL, CLEAN), "6 s simulated, 6 s in real time", None),
    ],
)
def test_simulated_and_real_seconds_are_never_added(
    records: tuple[RunRecord, ...], text: str, clock: str | None
) -> None:
    assert lasted(records) == text
    assert only_clock(records) == clock


def test_the_table_says_in_which_time_the_runs_were() -> None:
    for records, word in (((LOST,), "virtual"), ((REAL,), "real"), ((LOST, REAL), "time")):
        first = render_table(records).splitlines()[0]
        assert first.split()[-2] == word
        assert len(first) == len(render_header()) == 80


@pytest.mark.parametrize(
    ("records", "took"),
    [
        ((CLEAN,), "6 s simulated in 9.0 s"),
        ((REAL,), "9.0 s"),
        ((CLEAN, REAL), "6 s simulated, 6 s in real time in 9.0 s"),
        ((), "9.0 s"),
    ],
)
def test_the_totals_of_runs_in_real_time_name_no_other(records: tuple[RunRecord, ...], took: str) -> None:
    assert render_totals(records, 9.0).endswith(f"; {took}")


def told(file: File) -> str:
    """What a file says to a reader; a page's scripts know words for either clock."""
    text = file.content.decode()
    if file.path.endswith(".html"):
        text = " ".join(Outline(text).words)
    return text.replace("virtual_s", "").lower()


def test_no_file_of_a_report_in_real_time_speaks_of_any_other() -> None:
    found = [file for file in files(OVER_TCP) if file.path != "journals.zip"]
    assert len(found) == 13
    for file in found:
        assert "virtual" not in told(file), file.path
        assert "simulated" not in told(file), file.path
    page = next(told(file) for file in found if file.path == "report.html")
    assert "12 s of real time" in page


def test_what_tells_a_run_in_real_time_again_is_not_said_to_replay_it() -> None:
    summary = render_summary(OVER_TCP)
    assert "It was in real time, and cannot be run again; this tells and judges it again:" in summary
    assert "cannot be run again" not in render_summary(Results((LOST,)))
    assert f"told and judged again by: {REAL.replay}" in render_junit(OVER_TCP)
    assert f"\nreplay: {LOST.replay}" in render_junit(Results((LOST,)))


def test_the_journals_that_a_page_of_real_time_leaves_out_cannot_be_made_anew() -> None:
    left_out = "a run in real time cannot be made anew, and its journal is in journals.zip beside this file."
    replayed = "the command that replays one makes it anew"
    of_real, of_virtual, of_both = (
        " ".join(Outline(render_html(results, size_bytes_max=0)).words)
        for results in (OVER_TCP, Results((LOST,), journals={DIGEST: LINES}), MIXED)
    )
    assert f"no diagram here; {left_out}" in of_real
    assert f"no diagram here; {replayed}." in of_virtual
    assert f"no diagram here; {replayed}; {left_out}" in of_both


def test_both_clocks_can_stand_in_one_report() -> None:
    assert "; 6 s simulated, 6 s in real time." in render_summary(MIXED)
    page = Outline(render_html(MIXED))
    words = " ".join(page.words)
    assert "6 s of virtual time 6 s of real time" in words
    assert "Time any virtual (1) real (1)" in words
    alone = Outline(render_html(Results((LOST,))))
    filters = [[one for _, one in outline.elements if one.get("name") == "clock"] for outline in (page, alone)]
    assert [len(one) for one in filters] == [1, 0]


@pytest.mark.parametrize("record", [LOST, REAL])
def test_drawings_and_cases_name_the_clock_of_their_run(record: RunRecord) -> None:
    assert json.loads(render_perfetto(LINES, record))["otherData"]["clock"] == record.clock
    comment = json.loads(render_har(LINES, record))["log"]["comment"]
    assert comment.startswith(f"Second 0 of the run, in {record.clock} time, is written as 2000-01-01")
    (suite,) = junitparser.JUnitXml.fromstring(render_junit(Results((record,))).encode())
    (case,) = suite
    (properties,) = case.iterchildren(junitparser.Properties)
    assert ("clock", record.clock) in [(one.name, one.value) for one in properties]


def test_a_comparison_says_which_time_to_return_it_means() -> None:
    for records, words in (
        ((LOST,), "mean virtual time from"),
        ((REAL,), "mean real time from"),
        ((LOST, REAL), "mean time, virtual or real, from"),
    ):
        assert words in render_markdown(records, title="", command="", versions={})


def test_a_diff_says_what_real_time_does_to_it() -> None:
    virtual, real = Results((LOST, CLEAN)), OVER_TCP
    assert list(remarks(diff(virtual, virtual))) == []
    (turned,) = remarks(diff(virtual, real))
    assert turned.startswith("one was in virtual time, and the other in real time")
    assert turned.endswith("clean-run")
    (chancy,) = remarks(diff(real, real))
    assert chancy.startswith("2 runs in real time: no two are the same")


def test_records_of_before_there_was_a_clock_were_in_virtual_time() -> None:
    document = json.loads(stored("holding.records.json"))
    for record in document["records"]:
        del record["clock"]
    assert {record.clock for record in read_results(json.dumps(document)).records} == {"virtual"}
