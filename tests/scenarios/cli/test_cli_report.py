"""``run --out``, ``report``, ``diff``, the drawings of ``replay``: what lands on disk, what is said, the exit code."""

from __future__ import annotations

import dataclasses
import json
import os
import sys
import time
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gapless.reports.records.json import render_json
from gapless.reports.records.reading import read_results
from gapless.reports.records.record import Verdict
from gapless.scenarios.cli.conclusion import SUMMARY_VARIABLE as VARIABLE
from gapless.scenarios.cli.main import main
from tests.reports.html.outline import Outline
from tests.scenarios.cli.interrupting import interrupted_run

BROKEN = ("run", "R10", "--client", "poll-then-return", "--generation", "tree", "--jobs", "1")
CAPSULE = "out/capsules/r10-late-tail.tree.inclusive.poll-then-return.seed0.json"


@pytest.fixture(autouse=True)
def _own_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def gapless(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def contents(directory: str) -> dict[str, bytes]:
    paths = sorted(path for path in Path(directory).rglob("*") if path.is_file())
    return {str(path.relative_to(directory)): path.read_bytes() for path in paths}


def test_a_report_has_everything_and_can_be_made_again_byte_for_byte() -> None:
    result = gapless(*BROKEN, "--out", "out", "--no-sweep")
    assert result.exit_code == 1, result.output
    assert "report  out/report.html and" in result.output.splitlines()[-1]
    first = contents("out")
    index = json.loads(first["index.json"])
    assert {file["path"] for file in index["files"]} | {"index.json"} == {
        path for path in first if not path.startswith("capsules/")
    }
    assert sum(1 for path in first if path.endswith(".perfetto.json")) == 2
    for path in Path("out").rglob("*"):
        if path.is_file() and path.name not in ("records.json", "journals.zip") and path.parent.name != "capsules":
            path.unlink()
    again = gapless("report", "out")
    assert again.exit_code == 0, again.output
    assert contents("out") == first
    assert gapless("report", "out", "--out", "elsewhere").exit_code == 0
    assert contents("elsewhere") == {path: data for path, data in first.items() if not path.startswith("capsules/")}


@pytest.mark.slow
def test_a_report_measures_what_length_costs_and_that_changes_neither_the_runs_nor_the_verdict() -> None:
    broken = ("run", "r30-lost-frame", "--client", "socket-only", "--generation", "tree", "--jobs", "1")
    plain, reported = gapless(*broken, "--json", "plain.json"), gapless(*broken, "--out", "out")
    assert plain.exit_code == reported.exit_code == 1
    assert plain.output.splitlines()[-1].split(" simulated")[0] in reported.output
    one, other = (read_results(Path(path).read_text(encoding="utf-8")) for path in ("plain.json", "out/records.json"))
    assert [record.digest for record in one.records] == [record.digest for record in other.records]
    assert [(one.client, one.history_events) for one in other.sweep] == [
        (client, events) for client in ("socket-only", "full-rescan") for events in (100, 1_000, 10_000)
    ]
    first = contents("out")
    assert gapless("report", "out").exit_code == 0
    assert contents("out") == first


def test_what_a_later_report_does_not_draw_is_removed_and_nothing_else() -> None:
    gapless(*BROKEN, "--out", "out", "--no-sweep")
    Path("out/runs/mine.txt").write_text("mine", encoding="utf-8")
    Path("out/mine.txt").write_text("mine", encoding="utf-8")
    gapless("run", "clean-run", "--out", "out", "--no-sweep")
    assert [path.name for path in Path("out/runs").iterdir()] == ["mine.txt"]
    assert Path("out/mine.txt").exists()


def test_the_capsule_of_a_report_replays() -> None:
    gapless(*BROKEN, "--out", "out", "--no-sweep")
    result = gapless("replay", CAPSULE)
    assert result.exit_code == 1
    assert "the same run as in the capsule, event for event" in result.output
    assert not Path(".gapless").exists()


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_an_interrupt_leaves_a_report_of_what_was_found(jobs: str) -> None:
    output = interrupted_run("--out", "out", "--jobs", jobs, timeout_s=60)
    assert "report  out/report.html" in output
    found = read_results(Path("out/records.json").read_text(encoding="utf-8"))
    assert found.records
    assert not found.complete
    assert "interrupted" in Path("out/comment.md").read_text(encoding="utf-8")


# The summary of a job


def test_a_job_gets_its_summary_after_what_is_there_already(monkeypatch: pytest.MonkeyPatch) -> None:
    summary = Path("summary.md")
    summary.write_text("before\n", encoding="utf-8")
    monkeypatch.setenv(VARIABLE, str(summary))
    assert gapless("run", "clean-run", "--generation", "tree").exit_code == 0
    lines = summary.read_text(encoding="utf-8").splitlines()
    assert lines[:2] == ["before", "## ✓ gapless: all 2 runs hold"]
    assert gapless(*BROKEN).exit_code == 1
    assert "## ✗ gapless: unsafe, 2 of 2 runs fail" in summary.read_text(encoding="utf-8")


def test_a_summary_that_cannot_be_written_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "nowhere/at/all.md")
    result = gapless("run", "clean-run", "--generation", "tree", "--cursor", "inclusive")
    assert result.exit_code == 0
    assert f"{VARIABLE} nowhere/at/all.md: cannot be written (No such file or directory)" in result.output
    assert "Traceback" not in result.output


# Drawings of one run


def test_replay_draws_a_run_in_every_way() -> None:
    options = ("--html", "run.html", "--mermaid", "run.mmd", "--har", "run.har", "--perfetto", "run.json")
    result = gapless("replay", "--scenario", "R10", "--client", "poll-then-return", "--generation", "tree", *options)
    assert result.exit_code == 1, result.output
    assert Path("run.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    assert "sequenceDiagram" in Path("run.mmd").read_text(encoding="utf-8")
    assert json.loads(Path("run.har").read_text(encoding="utf-8"))["log"]["creator"]["name"] == "gapless"
    assert json.loads(Path("run.json").read_text(encoding="utf-8"))["traceEvents"]


def test_a_diagram_on_standard_output_stands_there_alone() -> None:
    gapless(*BROKEN, "--out", "out", "--no-sweep")
    result = gapless("replay", CAPSULE, "--mermaid")
    assert result.stdout.startswith("---\n")
    assert "no-tail-loss" not in result.stdout.split("Note over C,A")[0]
    assert result.stdout == Path("out/runs/r10-late-tail.tree.inclusive.poll-then-return.seed0.mmd").read_text(
        encoding="utf-8"
    )
    assert "the same run as in the capsule" in result.stderr


def test_a_run_in_real_time_is_drawn_as_it_was() -> None:
    gapless(
        "check",
        "--clock",
        "real",
        "clean-run",
        "--deadline",
        "0.5",
        "--",
        sys.executable,
        "-c",
        "import time; time.sleep(600)",
    )
    (path,) = Path(".gapless/capsules").glob("*.realtime.json")
    result = gapless("replay", str(path), "--mermaid", "run.mmd", "--har", "run.har", "--html", "run.html")
    assert result.exit_code == 3, result.output
    assert "sequenceDiagram" in Path("run.mmd").read_text(encoding="utf-8")
    assert Path("run.har").exists()
    assert "in real time, is written as" in Path("run.har").read_text(encoding="utf-8")
    assert "of real time" in " ".join(Outline(Path("run.html").read_text(encoding="utf-8")).words)


# What changed


def write_records(name: str, *, calls: int = 0, lost: int = 0, verdict: Verdict | None = None, seed: int = 0) -> None:
    """The records of a real run, with so much more than there was."""
    if not Path("real.json").exists():
        gapless("run", "clean-run", "--generation", "tree", "--json", "real.json", "--jobs", "1")
    results = read_results(Path("real.json").read_text(encoding="utf-8"))
    first, *others = results.records
    rest = dataclasses.replace(first.rest, calls=first.rest.calls + calls)
    first = dataclasses.replace(
        first, rest=rest, lost_events=lost, verdict=verdict or first.verdict, seed=first.seed + seed
    )
    Path(name).write_text(render_json((first, *others[: 1 - seed]), results.versions), encoding="utf-8")


@pytest.mark.parametrize(
    ("changes", "options", "code", "said"),
    [
        ({}, (), 0, "nothing worse: 2 same"),
        ({"calls": 1}, (), 4, "worse: 1 more calls, 1 same"),
        ({"calls": 1}, ("--calls-tolerance", "100"), 0, "nothing worse"),
        ({"lost": 2}, (), 1, "worse: 1 loses more"),
        ({"verdict": Verdict.UNSAFE}, (), 1, "worse: 1 now unsafe"),
        ({"verdict": Verdict.STUCK, "calls": 3}, (), 3, "worse: 1 now stuck"),
        ({"verdict": Verdict.VACUOUS}, (), 5, "worse: 1 now vacuous"),
        ({"seed": 1}, (), 2, "have no run in common"),
    ],
)
def test_diff_says_what_changed_and_exits_by_it(
    changes: dict[str, int | Verdict], options: tuple[str, ...], code: int, said: str
) -> None:
    write_records("old.json")
    write_records("new.json", **changes)  # type: ignore[arg-type]
    result = gapless("diff", "old.json", "new.json", *options)
    assert result.exit_code == code, result.output
    assert said in result.output
    assert max(map(len, result.output.splitlines())) <= (100 if code != 2 else 300)


def test_diff_writes_json_and_markdown_and_reads_directories() -> None:
    gapless(*BROKEN, "--out", "out", "--no-sweep")
    result = gapless("diff", "out", "out/records.json", "--json", "diff.json", "--markdown", "-")
    assert result.exit_code == 0, result.output
    assert json.loads(Path("diff.json").read_text(encoding="utf-8"))["same"] == 2
    assert result.stdout.startswith("### ✓ nothing worse: 2 same")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("run", "R10", "--out", "file"), "--out"),
        (("run", "R10", "--out", "/proc/nowhere"), "--out /proc/nowhere: cannot be written"),
        (("report", "nowhere"), "nowhere: cannot be read (No such file or directory); give the directory that"),
        (("report", "file"), "file: is a file; give the directory that `gapless run` or `check` wrote with --out"),
        (("report", "plain", "--out", "taken"), "taken/report.html: cannot be written (Is a directory)"),
        (("diff", "nowhere", "zipless"), "nowhere: cannot be read (No such file or directory); give a file that"),
        (("report", "empty"), "empty/records.json: cannot be read"),
        (("report", "broken"), "broken/records.json: records: is {}, and should be a list; write it anew"),
        (("report", "zipless"), "zipless/journals.zip: is no zip file of journals"),
        (("diff", "file", "zipless"), "file: is not JSON"),
        (("diff", "binary", "zipless"), "binary: is no text in UTF-8"),
        (("diff", "zipless"), "Missing argument 'NEW'"),
        (("diff", "zipless", "zipless", "--json", "no/where.json"), "there is no directory no"),
        (("diff", "zipless", "zipless", "--bytes-tolerance", "-1"), "--bytes-tolerance"),
        (("replay", "--scenario", "R10", "--har", "no/where.har"), "--har no/where.har: there is no directory"),
        (("replay", "--mermaid", "file"), "--mermaid took file for its own file: name the capsule before it"),
    ],
)
def test_a_mistake_is_one_sentence_and_exits_with_2(arguments: tuple[str, ...], words: str) -> None:
    Path("file").write_text("file", encoding="utf-8")
    Path("binary").write_bytes(b"\xff\xfe")
    for name, text in (("broken", '{"schema": "gapless/records/1", "records": {}}'), ("zipless", render_json((), {}))):
        Path(name).mkdir()
        Path(name, "records.json").write_text(text, encoding="utf-8")
    Path("empty").mkdir()
    Path("plain").mkdir()
    Path("plain/records.json").write_text(render_json((), {}), encoding="utf-8")
    Path("taken/report.html").mkdir(parents=True)
    Path("zipless/journals.zip").write_bytes(b"no zip")
    result = gapless(*arguments)
    assert result.exit_code == 2, result.output
    assert words in result.output
    assert "Traceback" not in result.output


def test_a_report_says_how_many_runs_it_cannot_draw() -> None:
    gapless(*BROKEN, "--out", "out", "--no-sweep")
    assert "not drawn" not in gapless("report", "out").stderr
    journals = zipfile.ZipFile("out/journals.zip")
    with zipfile.ZipFile("fewer.zip", "w") as fewer:
        fewer.writestr(journals.namelist()[0], journals.read(journals.namelist()[0]))
    Path("fewer.zip").replace("out/journals.zip")
    assert "out: journals.zip lacks the journals of 1 of 2 runs" in gapless("report", "out").stderr
    Path("out/journals.zip").unlink()
    for _ in ("missing", "made empty by that"):
        assert "out: journals.zip is missing or empty, so no run is drawn" in gapless("report", "out").stderr
    assert Path("out/journals.zip").exists()


def test_a_place_that_cannot_be_written_is_said_before_anything_is_run() -> None:
    began_s = time.monotonic()
    result = gapless("run", "--out", f"/proc/{os.getpid()}/nowhere")
    assert result.exit_code == 2
    assert time.monotonic() - began_s < 5
    assert "scenario   " not in result.output
