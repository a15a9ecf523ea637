"""``gapless run``: run scenarios in all their variants, judge them, print a table and the failures."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from gapless.reports.records.record import Clock
from gapless.scenarios.checking.deadlines import with_real_time_deadline
from gapless.scenarios.cli.command_client import TakesCommand, clock_option, given, label_option
from gapless.scenarios.cli.conclusion import Wanted
from gapless.scenarios.cli.options import (
    ALL,
    chosen,
    client_option,
    cursor_option,
    executor_option,
    generation_option,
    json_option,
    judge_options,
    judged_by,
    out_option,
    plain_errors,
    seed_option,
    server_option,
)
from gapless.scenarios.cli.real_server import check_variant, given_server, make_ready, playable
from gapless.scenarios.cli.virtual_runs import run_all
from gapless.scenarios.clients.registry import DEFAULT, resolve
from gapless.scenarios.definition.catalogue import catalogue, find
from gapless.scenarios.definition.loading import load_file
from gapless.scenarios.definition.scenario import CURSORS, GENERATIONS, Scenario
from gapless.scenarios.errors import UsageError
from gapless.scenarios.judging.own_budget import FILE, check_budget_file, read_budgets
from gapless.scenarios.running.client_comparison import SHORT_SWEEP_VARIANT, sweep_units
from gapless.scenarios.running.runner import requests
from gapless.scenarios.running.suite import Unit


@click.command("run", cls=TakesCommand)
@click.argument("names", nargs=-1, metavar="[NAME]...")
@client_option
@label_option
@clock_option
@server_option
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
@click.option("--watch", is_flag=True, help="Run again when a file of the client or a scenario changes, until Ctrl-C.")
@click.option("--jobs", type=click.IntRange(min=1), default=None, help="Processes to use.  [default: one per core]")
@executor_option
@plain_errors
def run(
    names: tuple[str, ...],
    client: str,
    label: str | None,
    clock: Clock | None,
    server: str | None,
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
    watch: bool,
    jobs: int | None,
    executor: str,
) -> None:
    """Run scenarios and judge the client.

    The client is that of --client, or the program COMMAND, in any language: it is asked for each step on its standard
    input, as `gapless check --help` says.

    NAME is a scenario's name, a race id such as R10, or the path of a TOML file; without any, the whole catalogue runs,
    and must have made every kind of fault act, every oracle judge, and our client take every path that is marked in its
    source.

    Runs are held to budget.toml, or to [tool.gapless.budget] in pyproject.toml, where these have the client, the
    scenario and the variant. With --write-budget, what the runs spend is written there, and not judged.

    With --server, the published server is at the other end of the link, in virtual time too. Its environment is built
    and kept. The workload is what its language model says; scenarios that only the simulated server can play are left
    out, or refused when they are named.

    Where GITHUB_STEP_SUMMARY names a file, a summary is appended to it.

    Exit codes: 0 all hold, 1 unsafe, 2 usage, 3 stuck, 4 over budget, 5 vacuous, 6 not deterministic, 130 when
    interrupted.
    """
    program = given(label, clock)
    in_real_time = program is not None and program.clock == "real"
    if watch:
        from gapless.scenarios.cli.watching import folders_of
        from gapless.scenarios.cli.watching import watch as run_again

        own_files = [*files, *(Path(one) for one in names if one.endswith(".toml"))]
        words = [word for word in sys.argv[1:] if word != "--watch"]
        sys.exit(run_again(words, folders_of(() if program is None else program.words, own_files)))
    if program is None:
        resolve(client)
    elif in_real_time and check_determinism:
        raise UsageError("--check-determinism needs virtual time: in real time no two runs are the same")
    elif in_real_time and executor:
        raise UsageError("--executor is for virtual time: in real time a port of this machine is needed")
    if write_budget is not None:
        check_budget_file(write_budget)
    oracles = judged_by(judge, no_judge if write_budget is None else (*no_judge, "budget"))
    name = client if program is None else program.name
    command = () if program is None else program.words
    if in_real_time and server is not None:
        raise UsageError("--server needs virtual time; leave out --clock real")
    wanted = Wanted(json_file, out, write_budget)
    is_whole = not names and not files and not oracles and generation == cursor == ALL and server is None
    published = given_server(server)
    check_variant(published, generation, cursor)
    own = tuple(load_file(path) for path in files)
    scenarios = playable(_scenarios(names, own), published, (*names, *(one.name for one in own)))
    asked = requests(
        tuple(map(with_real_time_deadline, scenarios)) if in_real_time else scenarios,
        client=name,
        seed=seed,
        generations=chosen(generation, GENERATIONS),
        cursors=chosen(cursor, CURSORS),
        command=() if in_real_time else command,
        judge=oracles,
        budgets=read_budgets(Path()) if write_budget is None else None,
        server=published,
    )
    if not asked:
        raise UsageError(f"nothing to run: no such scenario can happen in generation {generation}, cursor {cursor}")
    wanted.check()
    make_ready(published)
    if in_real_time:
        from gapless.scenarios.cli.real_checks import RealChecks  # it brings the whole served world

        sys.exit(RealChecks(asked, command, jobs or 1, wanted).run())
    units = tuple(
        Unit(
            request,
            with_kills=name == DEFAULT and not no_kills,
            twice=check_determinism,
            with_journal=out is not None,
        )
        for request in asked
    )
    # A program may be for one generation alone: it is measured in one that was asked for.
    variant = (asked[-1].generation, asked[-1].cursor) if command else SHORT_SWEEP_VARIANT
    sweep = () if out is None or no_sweep or published else sweep_units(name, seed, command, variant)
    sys.exit(run_all(units, sweep, jobs or os.cpu_count() or 1, wanted, is_whole=is_whole, where=executor))


def _scenarios_called(name: str) -> tuple[Scenario, ...]:
    return (load_file(Path(name)),) if name.endswith(".toml") else find(name)


def _scenarios(names: tuple[str, ...], own: tuple[Scenario, ...]) -> tuple[Scenario, ...]:
    named = tuple(scenario for name in names for scenario in _scenarios_called(name))
    if not names and not own:
        named = catalogue()
    return tuple(dict.fromkeys((*named, *own)))
