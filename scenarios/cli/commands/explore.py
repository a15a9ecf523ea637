"""``gapless explore``: a campaign of drawn worlds. Failures are grouped by cause, shrunk and kept in files."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from gapless.reports.records.record import Clock, Verdict, gravest
from gapless.scenarios.cli.command_client import TakesCommand, clock_option, given, label_option, only_virtual
from gapless.scenarios.cli.options import (
    Finite,
    client_option,
    executor_option,
    judge_options,
    judged_by,
    plain_errors,
    server_option,
    standard_output,
)
from gapless.scenarios.cli.output.explore_screen import ExploreScreen
from gapless.scenarios.cli.real_server import given_server, make_ready
from gapless.scenarios.clients.registry import resolve
from gapless.scenarios.errors import UsageError, WorldBroke
from gapless.scenarios.explore.database import DIRECTORY, SEED_MAX, Database
from gapless.scenarios.explore.explorer import SHRINKS_MAX, Explorer, Limits
from gapless.scenarios.explore.opening import Opened, opened
from gapless.scenarios.interrupt import INTERRUPTED_EXIT_CODE, stoppable
from gapless.scenarios.judging.oracles.case import count
from gapless.scenarios.running.cluster import ClusterExecutor
from gapless.scenarios.running.executors import processes


@click.command("explore", cls=TakesCommand)
@client_option
@label_option
@clock_option
@server_option
@click.option("--runs", type=click.IntRange(min=1), default=None, help="Stop after so many worlds.")
@click.option("--time", "time_s", type=Finite(min=0, min_open=True), default=None, help="Stop after so many seconds.")
@click.option(
    "--seed",
    type=click.IntRange(min=0, max=SEED_MAX),
    default=None,
    help="Seed of the worlds of a new campaign.  [default: a fresh one from the system]",
)
@click.option("--jobs", type=click.IntRange(min=1), default=None, help="Processes to use.  [default: one per core]")
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
@click.option(
    "--merge",
    "merged",
    multiple=True,
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Take in the database in DIR first. Without --runs or --time, no world is tried then.",
)
@judge_options
@executor_option
@plain_errors
def explore(
    client: str,
    label: str | None,
    clock: Clock | None,
    server: str | None,
    runs: int | None,
    time_s: float | None,
    seed: int | None,
    jobs: int | None,
    executor: str,
    shrinks: int,
    database: Path,
    merged: tuple[Path, ...],
    judge: tuple[str, ...],
    no_judge: tuple[str, ...],
) -> None:
    """Draw worlds that nobody thought of, and put a client through them.

    Each world has faults of a few families; then it heals, and the client has to converge. What fails is grouped by
    cause, and shrunk to a scenario file and a capsule. Without --runs or --time it goes on until Ctrl-C; the same
    command goes on where it ended, with earlier failures first.

    A new campaign draws worlds of a fresh seed, which is printed first. The same seed gives the same worlds, with any
    number of processes, until the code changes.

    The client is that of --client, or the program COMMAND, in Python or Node. Of a program, the schedule of its threads
    is drawn as well. Its campaign is kept under its label.

    With --server, the published server is at the other end of the link. Worlds have only what it can play.

    Exit codes: 0 all hold, 1 unsafe, 2 usage, 3 stuck, 5 vacuous (a fault that should have fired never did), 70 a world
    broke down (a bug in gapless), 130 when interrupted.
    """
    program = given(label, clock)
    only_virtual(program, "explore")
    name, command = (client, ()) if program is None else (program.name, program.words)
    if program is None:
        resolve(client)
    oracles = judged_by(judge, no_judge)
    published = given_server(server)
    make_ready(published)
    with opened(Database(database, name, command, published), seed) as at_work:
        for directory in merged:
            _merge(at_work, Database(directory, name, command, published))
        limits = Limits(runs, time_s, shrinks)
        code = _explore(at_work, limits, jobs, oracles, is_merge=bool(merged), where=executor)
    sys.exit(code)


def _merge(at_work: Opened, other: Database) -> None:
    if other.directory.resolve() == at_work.database.directory.resolve():
        raise UsageError(f"--merge {other.directory}: it is the database itself; give another directory")
    is_same_code = at_work.database.merge(at_work.campaign, other)
    worlds = "" if is_same_code else "; its worlds are not counted, because they are of other code"
    click.echo(f"merged {other.directory}{worlds}")


def _explore(
    at_work: Opened, limits: Limits, jobs: int | None, judge: tuple[str, ...], *, is_merge: bool, where: str
) -> int:
    """Explore; return the exit code. ``judge``: names of the oracles that judge; empty: all."""
    console, database, campaign = standard_output(), at_work.database, at_work.campaign
    campaign.judge = judge
    screen = ExploreScreen(console, limits, campaign.worlds)
    screen.say(f"seed {campaign.seed}")
    if at_work.host is not None:
        screen.say(
            f"another campaign is at work in {at_work.host.directory}: this one draws worlds of its own seed beside "
            "it, and is merged at the end"
        )
    if at_work.is_other_code:
        screen.say("the code has changed since this campaign was kept: worlds are tried from the first again")
    elif campaign.worlds:
        screen.say(f"going on after {campaign.worlds} worlds, kept in {database.directory}")
    processes_here = jobs or os.cpu_count() or 1
    with stoppable() as stop, processes(processes_here, where) as executor:
        if isinstance(executor, ClusterExecutor):  # two pieces of work for each worker: none waits for the next
            processes_here = jobs or 2 * executor.workers
        explorer = Explorer(
            campaign, database, executor, jobs=processes_here, limits=limits, listener=screen, stop=stop
        )
        if not is_merge or limits.worlds is not None or limits.time_s is not None:
            with screen.live():
                explorer.explore()
    worlds = explorer.worlds
    is_settled = at_work.settle()
    database, campaign = at_work.database, at_work.campaign
    campaign.judge = judge
    nevers = campaign.never()
    screen.sum_up(campaign, database.directory, nevers, campaign.paths_not_taken(), worlds, explorer.elapsed_s)
    if at_work.merged:
        screen.say(f"{count(at_work.merged, 'campaign')} that shared this database merged into it")
    if not is_settled:
        screen.say("the other campaign is still at work: it merges this one at its end, or the next one does")
    broken = campaign.broken()
    if stop.asked:
        screen.say("interrupted; the same command goes on from here")
        return INTERRUPTED_EXIT_CODE
    if broken:
        worlds_broken = count(campaign.all_tally["broke",] or len(broken), "world")
        raise WorldBroke(f"{worlds_broken} broke down: {'; '.join(broken)}")
    return gravest((*campaign.verdicts(), *([Verdict.VACUOUS] if nevers else []))).exit_code
