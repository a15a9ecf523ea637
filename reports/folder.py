"""The files of a report's folder: the output of every renderer, each under its name, and an index of them.

Pure: results in, names and contents out. The same results give the same bytes. So the whole folder can be made again
from ``records.json`` and ``journals.zip``.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass

from gapless.reports.file_names import INDEX, JOURNALS, PAGE, RECORDS, RUNS, safe_name
from gapless.reports.html import render_html
from gapless.reports.many_runs.badge import render_badge_json, render_badge_svg
from gapless.reports.many_runs.comment import render_comment
from gapless.reports.many_runs.junit import render_junit
from gapless.reports.many_runs.markdown import failed_runs
from gapless.reports.many_runs.summary import render_summary
from gapless.reports.one_run.har import render_har
from gapless.reports.one_run.mermaid import render_mermaid
from gapless.reports.one_run.perfetto import render_perfetto
from gapless.reports.one_run.trace import render_trace
from gapless.reports.records.characters import printable
from gapless.reports.records.journals import zip_journals
from gapless.reports.records.json import render_results
from gapless.reports.records.json_lines import render_json_lines
from gapless.reports.records.reading import reread
from gapless.reports.records.record import RunRecord
from gapless.reports.records.results import Results

RUNS_DRAWN_MAX = 20
SCHEMA = "gapless/report/1"


@dataclass(frozen=True, slots=True)
class File:
    """One file of a report: its path within the folder, a few words on ``what`` it is, its content."""

    path: str
    what: str
    content: bytes


def files(results: Results) -> Iterator[File]:
    """Every file, the index last."""
    results = reread(results)  # as if read from a disk, so that a folder made from stored records is the same
    written: list[File] = []
    for file in itertools.chain(_of_all(results), _of_runs(results)):
        written.append(File(file.path, file.what, b""))
        yield file
    yield _text(INDEX, "this list", _index(written, results))


def _of_all(results: Results) -> Iterator[File]:
    records = render_results(results)
    yield _text(RECORDS, "every record, schema gapless/records/1; `gapless diff` compares two of them", records)
    yield _text("records.jsonl", "the same, one record a line", render_json_lines(results))
    yield File(JOURNALS, "the journal of each run, named after its digest", zip_journals(results.journals))
    yield _text(PAGE, "all of it to look at: open it in a browser", render_html(results))
    yield _text("junit.xml", "the verdicts as tests, for a CI system", render_junit(results))
    yield _text("comment.md", "for a comment on a pull request", render_comment(results))
    yield _text("summary.md", "for the summary of a CI job", render_summary(results))
    yield _text("badge.json", "a badge, in the endpoint schema of shields.io", render_badge_json(results))
    yield _text("badge.svg", "the same badge, drawn", render_badge_svg(results))


def _of_runs(results: Results) -> Iterator[File]:
    """Drawings of failed runs, gravest first: the first ``RUNS_DRAWN_MAX`` that have a journal."""
    version = results.versions.get("gapless", "")
    drawn = 0
    for record in failed_runs(results):
        lines = results.journal_of(record)
        if lines is None or drawn == RUNS_DRAWN_MAX:
            continue
        drawn += 1
        path = f"{RUNS}/{run_name(record)}"
        yield _text(f"{path}.trace.txt", "a failed run, event by event", render_trace(lines) + "\n")
        yield _text(f"{path}.mmd", "its sequence diagram (Mermaid), for an issue", render_mermaid(lines, record))
        har = render_har(lines, record, version=version)
        yield _text(f"{path}.har", "its REST calls and WebSockets, for a browser's developer tools", har)
        yield _text(f"{path}.perfetto.json", "its timeline, for ui.perfetto.dev", render_perfetto(lines, record))


def run_name(record: RunRecord) -> str:
    """The name of a run's files, without their endings."""
    parts = (record.scenario, record.generation, record.cursor, record.client)
    return ".".join((*map(safe_name, parts), f"seed{record.seed}"))


def _index(written: list[File], results: Results) -> str:
    document: dict[str, object] = {
        "schema": SCHEMA,
        "complete": results.complete,
        "files": [{"path": file.path, "what": file.what} for file in written],
    }
    left_out = len(failed_runs(results)) - sum(1 for file in written if file.path.endswith(".mmd"))
    if left_out:
        document["failed_runs_not_drawn"] = left_out
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def _text(path: str, what: str, text: str) -> File:
    return File(path, what, printable(text).encode())
