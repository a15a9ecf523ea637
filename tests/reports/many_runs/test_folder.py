"""The files of a report: the same results, the same bytes; the index names each; journals come back as they went."""

from __future__ import annotations

import dataclasses
import io
import json
import zipfile

import pytest

from gapless.reports.errors import UnreadableRecords
from gapless.reports.file_names import INDEX, JOURNALS, RECORDS
from gapless.reports.folder import RUNS_DRAWN_MAX, File, files
from gapless.reports.records.journals import Journals, deflated, unzip_journals, zip_journals
from gapless.reports.records.reading import read_results
from gapless.reports.records.results import Results
from tests.reports.samples import DIGEST, FAILING, HOLDING, LINES, LOST


def written(results: Results) -> dict[str, File]:
    return {file.path: file for file in files(results)}


def test_a_report_has_every_format_and_an_index_of_them() -> None:
    report = written(FAILING)
    assert {
        "records.json", "records.jsonl", "journals.zip", "report.html", "junit.xml", "comment.md", "summary.md",
        "badge.json", "badge.svg", "index.json",
    } <= report.keys()  # fmt: skip
    name = "runs/r30-lost-frame.tree.inclusive.mine.seed0"
    drawn = {path for path in report if path.startswith("runs/")}
    assert drawn == {f"{name}.{suffix}" for suffix in ("trace.txt", "mmd", "har", "perfetto.json")}
    index = json.loads(report[INDEX].content)
    assert [file["path"] for file in index["files"]] == [path for path in report if path != INDEX]
    assert all(file["what"] for file in index["files"])
    assert index["failed_runs_not_drawn"] == 3  # their journals were not stored


def test_the_same_bytes_come_of_the_records_and_journals_that_were_written() -> None:
    first = written(FAILING)
    read = read_results(first[RECORDS].content.decode())
    again = written(dataclasses.replace(read, journals=unzip_journals(first[JOURNALS].content)))
    assert {path: file.content for path, file in first.items()} == {path: file.content for path, file in again.items()}


def test_runs_that_are_drawn_are_bounded_and_the_rest_is_counted() -> None:
    many = tuple(dataclasses.replace(LOST, scenario=f"one-{number}") for number in range(RUNS_DRAWN_MAX + 5))
    report = written(Results(many, journals={DIGEST: LINES}))
    assert sum(1 for path in report if path.endswith(".har")) == RUNS_DRAWN_MAX
    assert json.loads(report[INDEX].content)["failed_runs_not_drawn"] == 5


def test_a_run_is_drawn_under_a_name_that_every_system_takes() -> None:
    client = dataclasses.replace(LOST, client="my.package:make/../../x")
    report = written(Results((client,), journals={DIGEST: LINES}))
    assert "runs/r30-lost-frame.tree.inclusive.my.package-make-..-..-x-1b4701f5.seed0.mmd" in report


def test_a_report_of_what_holds_draws_no_run() -> None:
    assert not [path for path in written(HOLDING) if path.startswith("runs/")]


def test_journals_come_back_as_they_went() -> None:
    kept = Journals({DIGEST: deflated(LINES)})
    assert list(kept[DIGEST]) == list(LINES)
    back = unzip_journals(zip_journals(kept))
    assert {digest: list(lines) for digest, lines in back.items()} == {DIGEST: list(LINES)}
    assert zip_journals(back) == zip_journals({DIGEST: LINES})
    assert (len(back), "Journals(1 kept)") == (1, repr(back))


def changed_journal() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(DIGEST.replace(":", "-") + ".jsonl", "another\n")
    return buffer.getvalue()


@pytest.mark.parametrize("data", [b"", b"no zip", zip_journals({DIGEST: LINES})[:200], changed_journal()])
def test_what_is_no_file_of_journals_is_told(data: bytes) -> None:
    with pytest.raises(UnreadableRecords, match=r"is no zip file of journals|is not the journal that was written"):
        unzip_journals(data)


def test_no_journals_are_a_file_too() -> None:
    assert len(unzip_journals(zip_journals({}))) == 0
