"""The stored output of each renderer for the samples. ``python -m tests.reports.golden`` writes it again.

Look at the difference before you commit it: that is the review of a change to a renderer.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from gapless.reports.html import render_html
from gapless.reports.many_runs.badge import render_badge_json, render_badge_svg
from gapless.reports.many_runs.comment import render_comment
from gapless.reports.many_runs.diff import diff, render_diff, render_diff_json, render_diff_markdown
from gapless.reports.many_runs.junit import render_junit
from gapless.reports.many_runs.summary import render_summary
from gapless.reports.one_run.har import render_har
from gapless.reports.one_run.mermaid import render_mermaid
from gapless.reports.one_run.perfetto import render_perfetto
from gapless.reports.records.json import render_json
from gapless.reports.records.json_lines import render_json_lines
from tests.reports.html.outline import outline
from tests.reports.samples import BEFORE, FAILING, HOLDING, LINES, LOST

DIRECTORY = Path(__file__).parent / "golden"


def stored(name: str) -> str:
    """The stored output. `test_golden.py` holds that it is what the renderers give."""
    return (DIRECTORY / name).read_text(encoding="utf-8")


def golden() -> Iterator[tuple[str, str]]:
    """Each file's name and text."""
    for name, results in (("failing", FAILING), ("holding", HOLDING)):
        yield (
            f"{name}.records.json",
            render_json(
                results.records, results.versions, complete=results.complete, never=results.never, sweep=results.sweep
            ),
        )
        yield f"{name}.records.jsonl", render_json_lines(results)
        yield f"{name}.junit.xml", render_junit(results)
        yield f"{name}.comment.md", render_comment(results)
        yield f"{name}.summary.md", render_summary(results)
        yield f"{name}.badge.json", render_badge_json(results)
        yield f"{name}.badge.svg", render_badge_svg(results)
        yield f"{name}.html.outline", outline(render_html(results))
    yield "run.mmd", render_mermaid(LINES, LOST)
    yield "run.har", render_har(LINES, LOST, version="0.1.0")
    yield "run.perfetto.json", render_perfetto(LINES, LOST)
    found = diff(BEFORE, FAILING)
    yield "diff.txt", render_diff(found)
    yield "diff.md", render_diff_markdown(found)
    yield "diff.json", render_diff_json(found)


if __name__ == "__main__":
    DIRECTORY.mkdir(exist_ok=True)
    for name, text in golden():
        (DIRECTORY / name).write_text(text, encoding="utf-8", newline="\n")
