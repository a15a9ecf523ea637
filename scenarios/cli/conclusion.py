"""How ``gapless run`` and ``gapless check`` end: what they print, the files they write, and their exit code."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import click

from gapless.reports.file_names import CAPSULES, INDEX, PAGE
from gapless.reports.many_runs.table import render_totals
from gapless.reports.many_runs.unjudged import render_savings, render_unjudged
from gapless.reports.records.json import render_results
from gapless.reports.records.never import render_never
from gapless.reports.records.record import Verdict, gravest
from gapless.reports.records.results import Results
from gapless.scenarios.capsules import capsule
from gapless.scenarios.cli.options import check_writable
from gapless.scenarios.cli.output.screen import Screen
from gapless.scenarios.interrupt import INTERRUPTED_EXIT_CODE
from gapless.scenarios.judging.own_budget import write_budgets

FAILURES_SHOWN_MAX = 10
SUMMARY_VARIABLE = "GITHUB_STEP_SUMMARY"


@dataclass(frozen=True, slots=True)
class Wanted:
    """The files that the user wants.

    ``json_file``: all records; ``out``: the directory of a report; ``budget``: what the runs spent, for later runs.
    """

    json_file: Path | None = None
    out: Path | None = None
    budget: Path | None = None

    def check(self) -> None:
        """Create the directory. Raises UsageError when a file cannot be written. Called before anything is run."""
        check_writable("--json", self.json_file)
        if self.out is not None:
            from gapless.scenarios.cli.report_files import check_directory  # it takes a while, and few need it

            check_directory("--out", self.out)

    @property
    def capsules(self) -> Path:
        """The directory for capsules of failed runs."""
        return capsule.DIRECTORY if self.out is None else self.out / CAPSULES

    @property
    def all_in(self) -> str:
        """Where the user finds the failed runs that are not printed."""
        if self.out is not None:
            return str(self.out / PAGE)
        return "--json FILE" if self.json_file is None else str(self.json_file)


def conclude(results: Results, wanted: Wanted, screen: Screen, *, planned: int, noun: str, took_s: float) -> int:
    """Print the results and write the files. Returns the exit code.

    ``planned``: how many runs were planned; when the user interrupts them, the results have fewer.
    ``noun``: "runs" or "checks".
    ``took_s``: how long they took, in seconds of real time.
    """
    screen.flush()
    screen.failures(results.records, FAILURES_SHOWN_MAX, all_in=wanted.all_in)
    screen.tell_silence()
    for line in render_never(results.never, len(results.records)):
        screen.tell(line)
    for line in (*render_unjudged(results.records), *render_savings(results.records)):
        screen.tell(line)
    screen.say(render_totals(results.records, took_s))
    _write(results, wanted, screen)
    if not results.complete:
        screen.say(f"interrupted after {len(results.records)} of {planned} {noun}")
        return INTERRUPTED_EXIT_CODE
    verdicts = [record.verdict for record in results.records]
    return gravest([*verdicts, Verdict.VACUOUS] if results.never else verdicts).exit_code


def _write(results: Results, wanted: Wanted, screen: Screen) -> None:
    """Write the files that the user wants, and the summary of a CI job if there is one."""
    if wanted.json_file is not None:
        text = render_results(results)
        wanted.json_file.write_text(text, encoding="utf-8")
    if wanted.budget is not None:
        written_runs = write_budgets(wanted.budget, results.records)
        left_out = len(results.records) - written_runs
        screen.say(
            f"budget  {wanted.budget}: {written_runs} runs" + (f"; {left_out} that fail left out" * bool(left_out))
        )
    if wanted.out is not None:
        from gapless.scenarios.cli.report_files import write_report

        written = write_report(wanted.out, results)
        screen.say(f"report  {wanted.out / PAGE} and {len(written) - 1} other files; {wanted.out / INDEX} lists them")
    if SUMMARY_VARIABLE in os.environ:
        from gapless.scenarios.cli.output.job_summary import append_summary

        warning = append_summary(results, os.environ[SUMMARY_VARIABLE])
        if warning is not None:
            click.echo(warning, err=True)
