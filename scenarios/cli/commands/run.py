"""``gapless run``: run scenarios in all their variants, judge them, print a table and the failures."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import click

from gapless.reports.records.journals import Journals
from gapless.reports.records.record import RunRecord, Verdict
from gapless.reports.records.results import Results
from gapless.scenarios.capsules import capsule
from gapless.scenarios.cli.conclusion import Wanted, conclude
from gapless.scenarios.cli.options import (
    ALL,
    chosen,
    client_option,
    cursor_option,
    generation_option,
    json_option,
    judge_options,
    judged_by,
    out_option,
    plain_errors,
    seed_option,
    standard_output,
)
from gapless.scenarios.cli.screen import Screen
from gapless.scenarios.clients.registry import DEFAULT, resolve
from gapless.scenarios.definition.catalogue import catalogue, find
from gapless.scenarios.definition.loading import load_file
from gapless.scenarios.definition.scenario import CURSORS, GENERATIONS, Scenario
from gapless.scenarios.errors import UsageError
from gapless.scenarios.interrupt import stoppable
from gapless.scenarios.judging.coverage import CampaignCoverage
from gapless.scenarios.judging.own_budget import FILE, check_budget_file, read_budgets
from gapless.scenarios.running.client_comparison import sweep_units
from gapless.scenarios.running.runner import requests
from gapless.scenarios.running.suite import Unit, UnitOutcome, run_units


@click.command("run")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@client_option
@generation_option
@cursor_option
@seed_option
@click.option(
    "--check-determinism",
    is_flag=True,
    help="Run all twice, in two processes with different hash seeds.",
)
@click.option("--no-kills", is_flag=True, help="Do not check that broken clients fail.")
@judge_options
@click.option(
    "--write-budget",
    type=click.Path(dir_okay=False, path_type=Path),
    is_flag=False,
    flag_value=str(FILE),
    metavar="[FILE]",
    help=f"Write what the runs spent, as a budget for later runs.  [default: {FILE}]",
)
@json_option
@out_option
@click.option("--no-sweep", is_flag=True, help="With --out: do not measure how cost grows with the history.")
@click.option(
    "--scenario-file", "files", multiple=True, type=click.Path(path_type=Path), help="A scenario of your own (TOML)."
)
@click.option("--jobs", type=click.IntRange(min=1), default=None, help="Processes to use.  [default: one per core]")
@plain_errors
def run(
    names: tuple[str, ...],
    client: str,
    generation: str,
    cursor: str,
    seed: int,
    check_determinism: bool,
    no_kills: bool,
    judge: tuple[str, ...],
    no_judge: tuple[str, ...],
    write_budget: Path | None,
    json_file: Path | None,
    out: Path | None,
    no_sweep: bool,
    files: tuple[Path, ...],
    jobs: int | None,
) -> None:
    """Run scenarios and judge the client.

    NAME is a scenario's name, a race id such as R10, or the path of a TOML file; without any, the whole catalogue runs,
    and must have made every kind of fault act, every oracle judge, and our client take every path that is marked in its
    source.

    Runs are held to budget.toml, or to [tool.gapless.budget] in pyproject.toml, where these have the client, the
    scenario and the variant. With --write-budget, what the runs spend is written there, and not judged.

    Where GITHUB_STEP_SUMMARY names a file, a summary is appended to it.

    Exit codes: 0 all hold, 1 unsafe, 2 usage, 3 stuck, 4 over budget, 5 vacuous, 6 not deterministic, 130 when
    interrupted.
    """
    resolve(client)
    if write_budget is not None:
        check_budget_file(write_budget)
    oracles = judged_by(judge, no_judge if write_budget is None else (*no_judge, "budget"))
    wanted = Wanted(json_file, out, write_budget)
    is_whole = not names and not files and not oracles and generation == cursor == ALL
    units = tuple(
        Unit(
            request,
            with_kills=client == DEFAULT and not no_kills,
            twice=check_determinism,
            with_journal=out is not None,
        )
        for request in requests(
            _scenarios(names, files),
            client=client,
            seed=seed,
            generations=chosen(generation, GENERATIONS),
            cursors=chosen(cursor, CURSORS),
            judge=oracles,
            budgets=read_budgets(Path()) if write_budget is None else None,
        )
    )
    if not units:
        raise UsageError(f"nothing to run: no such scenario can happen in generation {generation}, cursor {cursor}")
    wanted.check()
    sweep = () if out is None or no_sweep else sweep_units(client, seed)
    sys.exit(_run(units, sweep, jobs or os.cpu_count() or 1, wanted, is_whole=is_whole))


def _run(units: Sequence[Unit], sweep: Sequence[Unit], jobs: int, wanted: Wanted, *, is_whole: bool) -> int:
    """Run the units; return the exit code.

    ``sweep``: units that are measured for the report and not judged.
    ``is_whole``: whether the units are the whole catalogue. Then the results list what never happened in any of them.
    """
    console = standard_output()
    screen = Screen(console, len(units))
    records: list[RunRecord] = []
    measured: list[RunRecord] = []
    journals: dict[str, bytes] = {}
    campaign = CampaignCoverage()
    began_s = time.monotonic()
    with stoppable() as stop, run_units((*units, *sweep), jobs) as outcomes, screen.live():
        for index, outcome in enumerate(outcomes):
            if index < len(units):
                record = _with_capsule(outcome, wanted.capsules)
                records.append(record)
                campaign.add(record)
                screen.show(record)
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
    )
    return conclude(results, wanted, screen, planned=len(units), noun="runs", took_s=time.monotonic() - began_s)


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
    )
    return capsule.kept_in(path, outcome.record)


def _scenarios_called(name: str) -> tuple[Scenario, ...]:
    return (load_file(Path(name)),) if name.endswith(".toml") else find(name)


def _scenarios(names: tuple[str, ...], files: tuple[Path, ...]) -> tuple[Scenario, ...]:
    own = tuple(load_file(path) for path in files)
    named = tuple(scenario for name in names for scenario in _scenarios_called(name))
    if not names and not files:
        named = catalogue()
    return tuple(dict.fromkeys((*named, *own)))
