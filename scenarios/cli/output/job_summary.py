"""The summary of a CI job. It is written whenever the environment has a file for it; no option is needed."""

from __future__ import annotations

from pathlib import Path

from gapless.reports.many_runs.summary import render_summary
from gapless.reports.records.results import Results


def append_summary(results: Results, name: str) -> str | None:
    """Append the summary to the file that ``GITHUB_STEP_SUMMARY`` names, if any.

    Returns a warning in one sentence when the file cannot be written. It is no error, because the exit code must not
    depend on the summary.
    """
    name = name.strip()
    if not name:
        return None
    try:
        with Path(name).open("a", encoding="utf-8") as file:
            file.write(render_summary(results))
    except OSError as error:
        return (
            f"GITHUB_STEP_SUMMARY {name}: cannot be written ({error.strerror}), so the job has no summary of this run"
        )
    return None
