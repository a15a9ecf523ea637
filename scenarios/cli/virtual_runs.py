"""Runs in virtual time, for ``run`` and ``check``: performs units, shows them, and keeps what failed."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from gapless.reports.records.journals import Journals
from gapless.reports.records.record import RunRecord, Verdict
from gapless.reports.records.results import Results
from gapless.scenarios.capsules import capsule
from gapless.scenarios.cli.conclusion import Wanted, conclude
from gapless.scenarios.cli.options import standard_output
from gapless.scenarios.cli.origin import origin
from gapless.scenarios.cli.output.screen import Screen
from gapless.scenarios.interrupt import stoppable
from gapless.scenarios.judging.coverage import CampaignCoverage
from gapless.scenarios.running.suite import Unit, UnitOutcome, run_units


def run_all(
    units: Sequence[Unit],
    sweep: Sequence[Unit],
    jobs: int,
    wanted: Wanted,
    *,
    is_whole: bool = False,
    noun: str = "runs",
    where: str = "",
) -> int:
    """Run the units; return the exit code.

    ``sweep``: units that are measured for the report and not judged.
    ``where``: the address of a cluster that performs them; empty: processes here.
    ``is_whole``: whether the units are the whole catalogue. Then the results list what never happened in any of them.
    """
    console = standard_output()
    screen = Screen(console, len(units))
    records: list[RunRecord] = []
    measured: list[RunRecord] = []
    journals: dict[str, bytes] = {}
    campaign = CampaignCoverage()
    began_s = time.monotonic()
    with stoppable() as stop, run_units((*units, *sweep), jobs, where) as outcomes, screen.live():
        for index, outcome in enumerate(outcomes):
            if index < len(units):
                record = _with_capsule(outcome, wanted.capsules)
                records.append(record)
                campaign.add(record)
                screen.show(record, outcome.printed, says_deliveries=outcome.says_deliveries)
            else:
                measured.append(outcome.record)
            if outcome.journal is not None:
                journals[outcome.record.digest] = outcome.journal
            if stop.asked:
                break
    complete = len(records) == len(units)
    results = Results(
        tuple(records),
        capsule.versions(),
        complete,
        campaign.never() if is_whole and complete else (),
        sweep=tuple(measured),
        journals=Journals(journals),
        made=origin() if wanted.out is not None else {},
    )
    return conclude(results, wanted, screen, planned=len(units), noun=noun, took_s=time.monotonic() - began_s)


def _with_capsule(outcome: UnitOutcome, directory: Path) -> RunRecord:
    """The record. When the run failed, a capsule is written, and the record has its path and the replay command."""
    if outcome.record.verdict is Verdict.HOLDS:
        return outcome.record
    path = capsule.write(
        outcome.unit.request,
        outcome.record,
        outcome.tape,
        directory,
        ranges=outcome.ranges,
        prints=outcome.fingerprints,
        ran_on=outcome.ran_on,
    )
    return capsule.kept_in(path, outcome.record, outcome.unit.request)
