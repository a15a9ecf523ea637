"""The summary of a CI job: where the environment names a file for it, results are appended there, unasked."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from gapless.reports.many_runs.summary import render_summary
from gapless.reports.records.results import Results

VARIABLE = "GITHUB_STEP_SUMMARY"


def append_summary(results: Results, environment: Mapping[str, str]) -> str | None:
    """Append, where there is a file for it. A warning in one sentence when it cannot be written: the verdict of a job
    must not hang on its summary.
    """
    name = environment.get(VARIABLE, "").strip()
    if not name:
        return None
    try:
        with Path(name).open("a", encoding="utf-8") as file:
            file.write(render_summary(results))
    except OSError as error:
        return f"{VARIABLE} {name}: cannot be written ({error.strerror}), so the job has no summary of this run"
    return None
