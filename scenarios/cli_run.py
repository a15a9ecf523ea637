"""``gapless run``: scenarios × variants, judged; a table, the failures, an exit code."""

from __future__ import annotations

import dataclasses
import os
import sys
import time
from pathlib import Path

import click
from rich.console import Console

from reports.json import render_json
from reports.never import render_never
from reports.record import RunRecord, Verdict, gravest
from reports.table import render_totals
from scenarios import capsule
from scenarios.cli_options import (
    ALL,
    check_writable,
    chosen,
    client_option,
    cursor_option,
    generation_option,
    seed_option,
    told_plainly,
)
from scenarios.clients import DEFAULT, resolve
from scenarios.errors import UsageError
from scenarios.library import catalogue, find
from scenarios.loading import load_file
from scenarios.runner import requests
from scenarios.scenario import CURSORS, GENERATIONS, Scenario
from scenarios.screen import Screen
from scenarios.stopping import stoppable
from scenarios.suite import Outcome, Unit, run_units
from scenarios.vacuity import Campaign

FAILURES_SHOWN_MAX = 10
INTERRUPTED_EXIT_CODE = 130


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
@click.option("--json", "json_file", type=click.Path(dir_okay=False, path_type=Path), help="Write all records.")
@click.option(
    "--scenario-file", "files", multiple=True, type=click.Path(path_type=Path), help="A scenario of your own (TOML)."
)
@click.option("--jobs", type=click.IntRange(min=1), default=None, help="Processes to use.  [default: one per core]")
@told_plainly
def run(
    names: tuple[str, ...],
    client: str,
    generation: str,
    cursor: str,
    seed: int,
    check_determinism: bool,
    no_kills: bool,
    json_file: Path | None,
    files: tuple[Path, ...],
    jobs: int | None,
) -> None:
    """Run scenarios and judge the client.

    NAME is a scenario's name, a race id such as R10, or the path of a TOML file; without any, the whole catalogue runs,
    and must have made every kind of fault act, every oracle judge, and our client take every path that is marked in its
    source.

    Exit codes: 0 all hold, 1 unsafe, 2 usage, 3 stuck, 4 over budget, 5 vacuous, 6 not deterministic.
    """
    resolve(client)
    check_writable("--json", json_file)
    is_whole = not names and not files and generation == cursor == ALL
    units = tuple(
        Unit(request, with_kills=client == DEFAULT and not no_kills, twice=check_determinism)
        for request in requests(
            _scenarios(names, files),
            client=client,
            seed=seed,
            generations=chosen(generation, GENERATIONS),
            cursors=chosen(cursor, CURSORS),
        )
    )
    if not units:
        raise UsageError(f"nothing to run: no such scenario can happen in generation {generation}, cursor {cursor}")
    sys.exit(_run(units, jobs or os.cpu_count() or 1, json_file, is_whole=is_whole))


def _run(units: tuple[Unit, ...], jobs: int, json_file: Path | None, *, is_whole: bool) -> int:
    """Run them; the exit code. ``is_whole``: they are the whole catalogue, so that it tells what never happened."""
    # NO_COLOR asks for no colour; rich would still print bold, which the same readers do not want either.
    console = Console(highlight=False, color_system=None if os.environ.get("NO_COLOR") else "auto")
    screen = Screen(console, len(units))
    records: list[RunRecord] = []
    campaign = Campaign()
    began_s = time.monotonic()
    with stoppable() as stop, run_units(units, jobs) as outcomes, screen.live():
        for outcome in outcomes:
            record = _kept(outcome)
            records.append(record)
            campaign.add(record)
            screen.show(record)
            if stop.asked:
                break
    interrupted = stop.asked and len(records) < len(units)
    screen.flush()
    screen.failures(records, FAILURES_SHOWN_MAX)
    never = campaign.never() if is_whole and not interrupted else ()
    for line in render_never(never, len(records)):
        screen.tell(line)
    screen.say(render_totals(records, time.monotonic() - began_s))
    if json_file is not None:
        text = render_json(records, capsule.versions(), complete=not interrupted, never=never)
        json_file.write_text(text, encoding="utf-8")
    if interrupted:
        screen.say(f"interrupted after {len(records)} of {len(units)} runs")
        return INTERRUPTED_EXIT_CODE
    verdicts = [record.verdict for record in records]
    return gravest([*verdicts, Verdict.VACUOUS] if never else verdicts).exit_code


def _kept(outcome: Outcome) -> RunRecord:
    """The record; with a capsule and the command that replays it when the run failed."""
    if outcome.record.verdict is Verdict.HOLDS:
        return outcome.record
    path = capsule.write(
        outcome.unit.request, outcome.record, outcome.tape, ranges=outcome.ranges, prints=outcome.fingerprints
    )
    return dataclasses.replace(outcome.record, capsule=str(path), replay=f"gapless replay {path} --trace")


def _named(name: str) -> tuple[Scenario, ...]:
    return (load_file(Path(name)),) if name.endswith(".toml") else find(name)


def _scenarios(names: tuple[str, ...], files: tuple[Path, ...]) -> tuple[Scenario, ...]:
    own = tuple(load_file(path) for path in files)
    named = tuple(scenario for name in names for scenario in _named(name))
    if not names and not files:
        named = catalogue()
    return tuple(dict.fromkeys((*named, *own)))
