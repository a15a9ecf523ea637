"""``gapless check``: put a client in any language, as a command, through scenarios, and judge it.

It is `gapless run -- COMMAND` with other defaults: one variant of each scenario, the newest.
"""

from __future__ import annotations

import dataclasses
import os
import sys
from pathlib import Path

import click

from gapless.reports.records.record import Clock
from gapless.scenarios.checking.deadlines import DEADLINE_S_MAX, STEP_DEADLINE_S, with_real_time_deadline
from gapless.scenarios.cli.command_client import CommandClient, NeedsCommand, clock_option, given, label_option
from gapless.scenarios.cli.conclusion import Wanted
from gapless.scenarios.cli.options import (
    ALL,
    Finite,
    json_option,
    judge_options,
    judged_by,
    out_option,
    plain_errors,
    seed_option,
)
from gapless.scenarios.cli.real_checks import RealChecks
from gapless.scenarios.cli.virtual_runs import run_all
from gapless.scenarios.definition.loading import load_file
from gapless.scenarios.definition.scenario import CURSORS, GENERATIONS, Scenario
from gapless.scenarios.errors import UsageError
from gapless.scenarios.judging.own_budget import read_budgets
from gapless.scenarios.running.runner import RunRequest, requests
from gapless.scenarios.running.suite import Unit
from gapless.scenarios.serving.scenario_choice import all_named, request_for


@click.command("check", cls=NeedsCommand)
@click.argument("names", nargs=-1, metavar="NAME...")
@click.option(
    "--generation",
    type=click.Choice([*GENERATIONS, ALL]),
    help="Server generation.  [default: the newest possible]",
)
@click.option(
    "--cursor",
    type=click.Choice([*CURSORS, ALL]),
    help="How the server's page cursors work.  [default: inclusive, if possible]",
)
@click.option(
    "--deadline",
    "deadline_s",
    type=Finite(min=0.1, max=DEADLINE_S_MAX),
    help=f"With --clock real: seconds for a step.  [default: the scenario's own, else {STEP_DEADLINE_S:g}]",
)
@judge_options
@click.option(
    "--jobs",
    type=click.IntRange(1, 64),
    default=None,
    help="Checks at a time.  [default: 1 in real time, else one per core]",
)
@label_option
@clock_option
@json_option
@out_option
@click.option(
    "--scenario-file", "files", multiple=True, type=click.Path(path_type=Path), help="A scenario of your own (TOML)."
)
@seed_option
@plain_errors
def check_command(
    names: tuple[str, ...],
    generation: str | None,
    cursor: str | None,
    deadline_s: float | None,
    judge: tuple[str, ...],
    no_judge: tuple[str, ...],
    jobs: int | None,
    label: str | None,
    clock: Clock | None,
    json_file: Path | None,
    out: Path | None,
    files: tuple[Path, ...],
    seed: int,
) -> None:
    """Put a client in any language through scenarios, and judge it.

    NAME is a scenario's name, a race id, or the path of a TOML file. COMMAND is run once for each scenario. It finds
    the server in GAPLESS_URL, GAPLESS_CONVERSATION_ID and GAPLESS_API_KEY. It is asked for each step on its
    standard input, {"step": "attach"}, and answers on its standard output, {"done": "attach"}, or {"done": "run",
    "held": [ids]}, or {"failed": "run", "error": "why"}; {"id": "..."} says that an event reached it.

    Python and Node run in virtual time, unmodified. Other programs, and all with --clock real, get a real port.

    What a client cannot say it is not judged by, and the last lines list that. Checks are held to budget.toml, or to
    [tool.gapless.budget] in pyproject.toml, where these have the client, the scenario and the variant.

    Where GITHUB_STEP_SUMMARY names a file, a summary is appended to it.

    Exit codes: 0 all hold, 1 unsafe, 2 usage, 3 stuck, 4 over budget, 5 vacuous, 130 when interrupted.
    """
    named = tuple(dict.fromkeys((*(load_file(path) for path in files), *all_named(names))))
    if not named:
        raise UsageError("say which scenarios: gapless check NAME... -- COMMAND...; `gapless list` shows them")
    client = given(label, clock)
    if client is None:
        raise UsageError("say which client: gapless check NAME... -- COMMAND...")
    in_real_time = client.clock == "real"
    if deadline_s is not None and not in_real_time:
        click.echo("--deadline is for --clock real: in virtual time the scenarios' own deadlines hold", err=True)
    scenarios = tuple(with_real_time_deadline(one, deadline_s) for one in named) if in_real_time else named
    asked = tuple(
        request for one in scenarios for request in _variants(one, generation, cursor, client=client, seed=seed)
    )
    oracles, budgets = judged_by(judge, no_judge), read_budgets(Path())
    asked = tuple(
        dataclasses.replace(
            one, judge=oracles, own_budget=budgets.of(one.client, one.scenario.name, f"{one.generation}/{one.cursor}")
        )
        for one in asked
    )
    wanted = Wanted(json_file, out)
    wanted.check()
    if in_real_time:
        for one in asked:
            one.check_one_client()
        sys.exit(RealChecks(asked, client.words, jobs or 1, wanted).run())
    units = tuple(Unit(request, with_journal=out is not None) for request in asked)
    sys.exit(run_all(units, (), jobs or os.cpu_count() or 1, wanted, noun="checks"))


def _variants(
    scenario: Scenario, generation: str | None, cursor: str | None, *, client: CommandClient, seed: int
) -> tuple[RunRequest, ...]:
    """The variants to check. Without ``all``, it is one: an option that is not given is chosen for it."""
    command = client.words if client.clock == "virtual" else ()
    generations = GENERATIONS if generation == ALL else (generation,)
    cursors = CURSORS if cursor == ALL else (cursor,)
    if ALL not in (generation, cursor):
        request = request_for(scenario, generation, cursor, seed=seed, client=client.name)
        return (dataclasses.replace(request, command=command),)
    chosen = request_for(scenario, None, None)
    found = requests(
        (scenario,),
        client=client.name,
        command=command,
        seed=seed,
        generations=[one or chosen.generation for one in generations],
        cursors=[one or chosen.cursor for one in cursors],
    )
    if not found:
        raise UsageError(f"{scenario.name} cannot happen in generation {generation}, cursor {cursor}")
    return found
