"""Results as a comment on a pull request: what failed and what it cost first, then the rest, folded.

The first line is invisible and the same in every comment. By it a CI job finds its earlier comment and replaces it.
"""

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

MARKER = "<!-- gapless -->"
CHARACTERS_MAX = 60_000  # GitHub takes 65,536
ROWS_MAX = 10
IN_FULL_MAX = 10


def render_comment(results: Results) -> str:
    """The comment. Parts are left out where it would exceed ``CHARACTERS_MAX``, folded parts first."""
    failed = failed_runs(results)
    parts = ["\n".join(_head(results))]
    for part in _folds(results):
        if len("\n".join([*parts, *part])) < CHARACTERS_MAX - len(made_by(results)):
            parts += part
    if failed and len(parts[0]) > CHARACTERS_MAX:  # names and messages come from a client and may have any length
        parts = [MARKER, f"### {headline(results)}"]
    return "\n".join([*parts, "", made_by(results)]).rstrip() + "\n"


def _head(results: Results) -> Iterator[str]:
    yield MARKER
    yield f"### {headline(results)}"
    yield from warnings(results)
    if failed_runs(results):
        yield ""
        yield from failures_table(results.records, rows_max=ROWS_MAX)
        yield from next_step(results.records)
    if results.records:
        yield ""
        yield cost_line(results.records)


def _folds(results: Results) -> Iterator[list[str]]:
    if failed_runs(results):
        rows = in_full(results.records, failures_max=IN_FULL_MAX)
        yield folded("what failed, in full, and how to see it again", rows)
    if results.sweep:
        yield folded("what a clean run costs as the history grows", list(sweep_table(results.sweep)))
    if results.records:
        yield folded("each scenario", list(scenarios_table(results.records)))
