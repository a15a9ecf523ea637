"""`gapless check --out`: the report that `gapless run` writes, of runs in real time, and true about them."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gapless.reports.records.reading import read_results
from gapless.reports.records.record import RunRecord, Verdict
from gapless.reports.records.results import Results
from gapless.scenarios.cli.conclusion import SUMMARY_VARIABLE as VARIABLE
from gapless.scenarios.cli.main import main
from tests.forked import command as gapless_command
from tests.reports.html.outline import Outline

CLIENT = [sys.executable, "-S", "-E", str(Path(__file__).parent / "plain_client.py")]
FORMATS = {
    "records.json", "records.jsonl", "journals.zip", "report.html", "junit.xml", "comment.md", "summary.md",
    "badge.json", "badge.svg", "index.json",
}  # fmt: skip
CAPSULE = "capsules/quick.tree.inclusive.plain_client.py.seed0.realtime.json"
# Good when it is started first, and hanging and loud from then on.
FICKLE = """
import os, pathlib, sys
is_first = not pathlib.Path("begun").exists()
pathlib.Path("begun").touch()
os.execv(sys.executable, [*sys.argv[1:], *([] if is_first else ["noisy", "hang"])])
"""


@pytest.fixture(autouse=True)
def _own_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def gapless(*words: str | Path) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


def contents(directory: str) -> dict[str, bytes]:
    paths = sorted(path for path in Path(directory).rglob("*") if path.is_file())
    return {str(path.relative_to(directory)): path.read_bytes() for path in paths}


def found(directory: str) -> Results:
    return read_results(Path(directory, "records.json").read_text(encoding="utf-8"))


def words_of(page: str) -> str:
    return " ".join(Outline(Path(page).read_text(encoding="utf-8")).words)


def test_a_failing_check_leaves_a_whole_report_with_its_capsule_in_it(quick_file: Path) -> None:
    result = gapless("check", "--clock", "real", quick_file, "--out", "out", "--", *CLIENT, "lossy")
    assert result.exit_code == 1, result.output
    report = contents("out")
    assert report.keys() >= FORMATS
    name = "runs/quick.tree.inclusive.plain_client.py.seed0"
    drawn = {f"{name}.{suffix}" for suffix in ("trace.txt", "mmd", "har", "perfetto.json")}
    assert {path for path in report if "/" in path} == {*drawn, CAPSULE}
    assert result.output.splitlines()[-1] == "report  out/report.html and 13 other files; out/index.json lists them"
    assert not Path(".gapless").exists()
    _is_true_about_time(result.output, report)
    _can_be_rendered_again(report)
    _capsule_is_told_again(found("out").records[0])


def _is_true_about_time(output: str, report: dict[str, bytes]) -> None:
    patience, header = output.splitlines()[:2]
    assert patience.startswith("in real time: a step that does not end counts as stuck after")
    assert header.split()[-2] == "real"
    assert "simulated" not in output
    page = words_of("out/report.html")
    assert "of real time" in page
    assert "virtual" not in page.lower()
    assert " s in real time." in report["comment.md"].decode()
    record = found("out").records[0]
    assert (record.clock, record.verdict, record.client) == ("real", Verdict.UNSAFE, "plain_client.py")


def _can_be_rendered_again(report: dict[str, bytes]) -> None:
    assert gapless("report", "out", "--out", "again").exit_code == 0
    assert contents("again") == {path: data for path, data in report.items() if path != CAPSULE}


def _capsule_is_told_again(record: RunRecord) -> None:
    assert record.capsule == f"out/{CAPSULE}"
    assert record.replay == f"gapless replay out/{CAPSULE} --trace"
    told = gapless(*record.replay.split()[1:], "--diff", "--html", "one.html", "--perfetto", "one.json")
    assert told.exit_code == 1
    assert "it cannot happen again as it did" in told.output
    assert "gapless check the-file-of-quick.toml --clock real --generation tree --cursor inclusive -- " in told.output
    assert "--diff: it cannot be run with other choices either" in told.output
    assert "of real time" in words_of("one.html")
    assert json.loads(Path("one.json").read_text(encoding="utf-8"))["otherData"]["clock"] == "real"


def test_checks_side_by_side_are_reported_in_order_and_summed_up_for_a_job(
    quick_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, "job.md")
    command = (
        "check",
        "--clock",
        "real",
        quick_file,
        "--generation",
        "all",
        "--cursor",
        "all",
        "--jobs",
        "4",
        "--label",
        "mine",
    )
    result = gapless(*command, "--out", "out", "--", *CLIENT)
    assert result.exit_code == 0, result.output
    records = found("out").records
    assert [one.variant for one in records] == [
        "legacy/inclusive",
        "legacy/exclusive",
        "tree/inclusive",
        "tree/exclusive",
    ]
    assert {one.client for one in records} == {"mine"}
    assert contents("out").keys() == FORMATS
    summary = Path("job.md").read_text(encoding="utf-8")
    assert summary.startswith("## ✓ gapless: all 4 runs hold\n")
    assert summary == Path("out/summary.md").read_text(encoding="utf-8")


def test_a_report_that_cannot_be_written_is_told_before_anything_is_checked(quick_file: Path) -> None:
    Path("file").touch()
    result = gapless("check", "--clock", "real", quick_file, "--out", "file/out", "--", *CLIENT)
    assert result.exit_code == 2
    assert "--out file/out: cannot be written" in result.output
    assert "scenario  " not in result.output


def test_an_interrupt_leaves_a_report_of_what_was_checked(quick_file: Path) -> None:
    command = ("check", "--clock", "real", str(quick_file), "--generation", "all", "--out", "out")
    process = subprocess.Popen(
        [*gapless_command(), *command, "--", sys.executable, "-c", FICKLE, *CLIENT],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    assert any("more, not shown" in line for line in process.stderr)  # the second is under way
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=10)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert "report  out/report.html" in out
    assert out.splitlines()[-1] == "interrupted after 1 of 2 checks"
    results = found("out")
    assert [one.variant for one in results.records] == ["legacy/inclusive"]
    assert not results.complete
    assert "Interrupted." in words_of("out/report.html")
