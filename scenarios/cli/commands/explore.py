"""``gapless explore``: a campaign of drawn worlds. Failures are grouped by cause, shrunk and kept in files."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import get_args

import click

from gapless.reports.records.record import Verdict, gravest
from gapless.scenarios.cli.explore_screen import ExploreScreen
from gapless.scenarios.cli.options import Finite, client_option, judge_options, judged_by, plain_errors, standard_output
from gapless.scenarios.clients.registry import resolve
from gapless.scenarios.explore.database import DIRECTORY, Database
from gapless.scenarios.explore.explorer import SHRINKS_MAX, Explorer, Limits
from gapless.scenarios.interrupt import INTERRUPTED_EXIT_CODE, stoppable
from gapless.scenarios.machines.registry import resolve as machine
from gapless.scenarios.running.executors import processes
from gapless.scenarios.running.runner import Level


@click.command("explore")
@client_option
@click.option("--runs", type=click.IntRange(min=1), default=None, help="Stop after so many worlds.")
@click.option("--time", "time_s", type=Finite(min=0, min_open=True), default=None, help="Stop after so many seconds.")
@click.option("--jobs", type=click.IntRange(min=1), default=None, help="Processes to use.  [default: one per core]")
@click.option(
    "--level",
    type=click.Choice(get_args(Level)),
    default="wire",
    show_default=True,
    help="What carries the messages: bytes, on trio; or the model's loop, for our client and the baselines alone.",
)
@click.option(
    "--shrinks", type=click.IntRange(min=0), default=SHRINKS_MAX, show_default=True, help="Failures to shrink at most."
)
@click.option(
    "--database",
    type=click.Path(file_okay=False, path_type=Path),
    default=DIRECTORY,
    show_default=True,
    help="Where the campaign is kept, and resumed from.",
)
@judge_options
@plain_errors
def explore(
    client: str,
    runs: int | None,
    time_s: float | None,
    jobs: int | None,
    level: Level,
    shrinks: int,
    database: Path,
    judge: tuple[str, ...],
    no_judge: tuple[str, ...],
) -> None:
    """Draw worlds that nobody thought of, and put a client through them.

    Each world has faults of a few families; then it heals, and the client has to converge. What fails is grouped by
    cause, and shrunk to a scenario file and a capsule. Without --runs or --time it goes on until Ctrl-C; the same
    command goes on where it ended, with earlier failures first.

    Exit codes: 0 all hold, 1 unsafe, 2 usage, 3 stuck, 5 vacuous (a fault that should have fired never did), 130 when
    interrupted.
    """
    if level == "model":
        machine(client)
    else:
        resolve(client)
    oracles = judged_by(judge, no_judge)
    limits = Limits(runs, time_s, shrinks)
    sys.exit(_explore(Database(database, client, level), limits, jobs or os.cpu_count() or 1, oracles))


def _explore(database: Database, limits: Limits, jobs: int, judge: tuple[str, ...]) -> int:
    """Explore; return the exit code. ``judge``: names of the oracles that judge; empty: all."""
    console = standard_output()
    campaign, is_other_code = database.load()
    campaign.judge = judge
    screen = ExploreScreen(console, limits, database.directory, campaign.worlds)
    if is_other_code:
        screen.say("the code has changed since this campaign was kept: worlds are tried from the first again")
    elif campaign.worlds:
        screen.say(f"going on after {campaign.worlds} worlds, kept in {database.directory}")
    with stoppable() as stop, processes(jobs) as executor:
        explorer = Explorer(campaign, database, executor, jobs=jobs, limits=limits, listener=screen, stop=stop)
        with screen.live():
            explorer.explore()
    nevers = campaign.never()
    screen.sum_up(campaign, nevers, campaign.paths_not_taken(), explorer.elapsed_s)
    if stop.asked:
        screen.say("interrupted; the same command goes on from here")
        return INTERRUPTED_EXIT_CODE
    return gravest((*campaign.verdicts(), *([Verdict.VACUOUS] if nevers else []))).exit_code
