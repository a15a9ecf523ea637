"""``gapless explore``: a campaign of drawn worlds. Failures are grouped by cause, shrunk and kept in files."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import get_args

import click

from gapless.reports.records.record import Clock, Verdict, gravest
from gapless.scenarios.cli.command_client import TakesCommand, clock_option, given, label_option, only_virtual
from gapless.scenarios.cli.explore_screen import ExploreScreen
from gapless.scenarios.cli.options import Finite, client_option, plain_errors, server_option, standard_output
from gapless.scenarios.cli.real_server import given_server, make_ready
from gapless.scenarios.clients.registry import resolve
from gapless.scenarios.errors import UsageError
from gapless.scenarios.explore.database import DIRECTORY, Database
from gapless.scenarios.explore.explorer import SHRINKS_MAX, Explorer, Limits
from gapless.scenarios.interrupt import INTERRUPTED_EXIT_CODE, stoppable
from gapless.scenarios.machines.registry import resolve as machine
from gapless.scenarios.running.executors import processes
from gapless.scenarios.running.runner import Level


@click.command("explore", cls=TakesCommand)
@client_option
@label_option
@clock_option
@server_option
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
@plain_errors
def explore(
    client: str,
    label: str | None,
    clock: Clock | None,
    server: str | None,
    runs: int | None,
    time_s: float | None,
    jobs: int | None,
    level: Level,
    shrinks: int,
    database: Path,
) -> None:
    """Draw worlds that nobody thought of, and put a client through them.

    Each world has faults of a few families; then it heals, and the client has to converge. What fails is grouped by
    cause, and shrunk to a scenario file and a capsule. Without --runs or --time it goes on until Ctrl-C; the same
    command goes on where it ended, with earlier failures first.

    The client is that of --client, or the program COMMAND, in Python or Node. Of a program, the schedule of its threads
    is drawn as well. Its campaign is kept under its label.

    With --server, the published server is at the other end of the link. Worlds have only what it can play.

    Exit codes: 0 all hold, 1 unsafe, 2 usage, 3 stuck, 5 vacuous (a fault that should have fired never did), 130 when
    interrupted.
    """
    program = given(label, clock)
    only_virtual(program, "explore")
    name, command = (client, ()) if program is None else (program.name, program.words)
    if program is not None and level == "model":
        raise UsageError("--level model is for our client and the baselines; a program sends bytes, on the wire")
    if server is not None and level == "model":
        raise UsageError("--level model passes messages; a published server speaks bytes, on the wire")
    if level == "model":
        machine(client)
    elif program is None:
        resolve(client)
    published = given_server(server)
    make_ready(published)
    kept = Database(database, name, level, command, published)
    sys.exit(_explore(kept, Limits(runs, time_s, shrinks), jobs or os.cpu_count() or 1))


def _explore(database: Database, limits: Limits, jobs: int) -> int:
    console = standard_output()
    campaign, is_other_code = database.load()
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
