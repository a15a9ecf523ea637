"""Results as the summary of a CI job: every scenario, what failed in full, what it cost."""

from __future__ import annotations

from collections.abc import Iterator

from gapless.reports.many_runs.markdown import (
    cost_line,
    failed_runs,
    failures_table,
    folded,
    headline,
    in_full,
    made_by,
    next_step,
    scenarios_table,
    sweep_table,
    warnings,
)
from gapless.reports.records.results import Results

BYTES_MAX = 900_000  # GitHub takes 1 MiB a step
ROWS_MAX = 50
IN_FULL_MAX = 50


def render_summary(results: Results) -> str:
    """The summary. The failures in full are left out if it would exceed ``BYTES_MAX``."""
    for in_full_max in (IN_FULL_MAX, 0):
        text = "\n".join(_rows(results, in_full_max)).rstrip() + "\n"
        if len(text.encode()) <= BYTES_MAX:
            return text
    return f"## {headline(results)}\n\n{cost_line(results.records)}\n"


def _rows(results: Results, in_full_max: int) -> Iterator[str]:
    failed = failed_runs(results)
    yield f"## {headline(results)}"
    yield from warnings(results)
    if results.records:
        yield ""
        yield cost_line(results.records)
    if failed:
        yield ""
        yield "### What failed"
        yield ""
        yield from failures_table(results.records, rows_max=ROWS_MAX)
        yield from next_step(results.records)
    if failed and in_full_max:
        rows = in_full(results.records, failures_max=in_full_max)
        yield from folded("in full, and how to see it again", rows)
    if results.sweep:
        yield ""
        yield "### A clean run as the history grows"
        yield ""
        yield from sweep_table(results.sweep)
    if results.records:
        yield ""
        yield "### Each scenario"
        yield ""
        yield from scenarios_table(results.records)
    yield ""
    yield made_by(results)
