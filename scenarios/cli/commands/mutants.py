"""``gapless mutants``: run each planted bug against the scenario that must catch it, or with ``--full`` against all."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from gapless.scenarios.cli.options import executor_option, plain_errors, standard_output
from gapless.scenarios.clients.registry import MUTANT, find_mutant
from gapless.scenarios.definition.scenario import Scenario
from gapless.scenarios.errors import UsageError
from gapless.scenarios.interrupt import INTERRUPTED_EXIT_CODE, Stop, stoppable
from gapless.scenarios.mutation import kill_register
from gapless.scenarios.mutation.kill_check import KillCheck, broken_clients, check_kill
from gapless.scenarios.mutation.kill_register import Register
from gapless.scenarios.mutation.mutants import MUTANTS
from gapless.scenarios.running.suite import spread

SCHEMA = "gapless/mutants/1"
ALIVE_EXIT_CODE = 1

Advance = Callable[[str], None]
"""Called with the name of each one that is done."""


@click.command("mutants")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option(
    "--full", is_flag=True, help="Find for each scenario a bug that no simpler one kills; kept in the register."
)
@click.option("--afresh", is_flag=True, help="With --full: begin anew, without what is known.")
@click.option("--json", "as_json", is_flag=True, help="Print the table as JSON.")
@click.option("--jobs", type=click.IntRange(min=1), default=None, help="Processes to use.  [default: one per core]")
@executor_option
@plain_errors
def mutants(names: tuple[str, ...], full: bool, afresh: bool, as_json: bool, jobs: int | None, executor: str) -> None:
    """Plant bugs in the client, one at a time, and see that the suite fails each of them.

    NAME is a mutant's name; without any, all are tried. Each is put through the scenario that is to kill it.

    Exit codes: 0 all are killed, 1 one is alive, or with --full a scenario kills nobody whom no simpler one kills, 2
    usage, 130 when interrupted.
    """
    if full and (names or as_json):
        raise UsageError("--full is about all mutants and scenarios; leave out names and --json")
    if afresh and not full:
        raise UsageError("--afresh goes with --full")
    console = standard_output()
    processes = jobs or os.cpu_count() or 1
    if full:
        sys.exit(_full(console, processes, executor, is_afresh=afresh))
    wanted = [find_mutant(name.removeprefix(MUTANT)).name for name in names] or [one.name for one in MUTANTS]
    sys.exit(_run_each(console, list(dict.fromkeys(wanted)), processes, executor, as_json=as_json))


# -- each in its own scenario -----------------------------------------------------------------------------------------


def _run_each(console: Console, wanted: Sequence[str], jobs: int, where: str, *, as_json: bool) -> int:
    found: list[KillCheck] = []
    began_s = time.monotonic()
    with (
        stoppable() as stop,
        spread(check_kill, wanted, jobs, where) as coming,
        _progress(console, len(wanted)) as advance,
    ):
        for one in coming:
            found.append(one)
            advance(one.name)
            if stop.asked:
                break
    alive = [one for one in found if not one.is_killed]
    crude = [one for one in found if one.is_killed and not one.clean_run_as_declared]
    if as_json:
        click.echo(_json(found))
    else:
        console.print(_table(found))
        for one in (*alive, *crude):
            console.print(Text(_cure(one)), soft_wrap=True)
        told = f"{len(found)} mutant{'' if len(found) == 1 else 's'}, {len(found) - len(alive)} killed"
        console.print(f"{told}; {time.monotonic() - began_s:.1f} s", style="bold")
    if len(found) < len(wanted):
        click.echo(f"interrupted after {len(found)} of {len(wanted)} mutants", err=True)
        return INTERRUPTED_EXIT_CODE
    return ALIVE_EXIT_CODE if alive or crude else 0


def _table(found: Iterable[KillCheck]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("mutant", "what it does", "killed by", "in"):
        table.add_column(column, overflow="fold")
    for one in found:
        killed = one.mutant.killed
        by = Text(killed.by, style="green") if one.is_killed else Text("alive", style="red")
        table.add_row(one.name, one.mutant.about, by, f"{killed.scenario} {killed.variant}")
    return table


def _cure(one: KillCheck) -> str:
    name, killed = one.name, one.mutant.killed
    where = f"{killed.scenario} in {killed.variant}"
    if one.problem is not None:
        return f"{name} cannot be planted: {one.problem}"
    if one.is_killed and one.clean_by:
        return f"{name} fails a clean run too, by {', '.join(one.clean_by)}: make it subtler, or say fails_clean"
    if one.is_killed:
        return f"{name} holds a clean run, and says that it fails one: take fails_clean off it"
    if one.by:
        return f"{name} was to be killed by {killed.by} in {where}, and is by {', '.join(one.by)}: name that oracle"
    return (
        f"{name} is alive: {killed.by} was to kill it in {where}; write a scenario that tells it from the real client, "
        f"or drop it if none can"
    )


def _json(found: Iterable[KillCheck]) -> str:
    rows = [
        {
            "mutant": one.name,
            "about": one.mutant.about,
            "races": one.mutant.races,
            "base": one.mutant.base,
            "scenario": one.mutant.killed.scenario,
            "variant": one.mutant.killed.variant,
            "by": one.mutant.killed.by,
            "killed": one.is_killed,
            "failed_by": one.by,
            "fails_clean_by": one.clean_by,
            "problem": one.problem,
        }
        for one in found
    ]
    return json.dumps({"schema": SCHEMA, "mutants": rows}, indent=1)


# -- each in all scenarios --------------------------------------------------------------------------------------------


def _full(console: Console, jobs: int, where: str, *, is_afresh: bool) -> int:
    scenarios, kept = kill_register.register_scenarios(), kill_register.load()
    register = Register() if is_afresh else kept
    began_s = time.monotonic()
    with stoppable() as stop:
        while (attempts := kill_register.attempts(register)) and not stop.asked:
            register = _found_by(attempts, register, jobs, where, stop, console)
            _store(register.over(kept))
    if stop.asked:
        left = sum(1 for one in scenarios if not one.documentation and not register.first_kills(one))
        told = f"interrupted; {left} of {len(scenarios)} scenarios have no kill of their own yet, and what was found is"
        click.echo(f"{told} kept; go on with: gapless mutants --full", err=True)
        return INTERRUPTED_EXIT_CODE
    _store(register)
    console.print(_table_of_kills(register, scenarios))
    idle = kill_register.without_own_kill(register, scenarios)
    for scenario in idle:
        told = f"{scenario.name} kills nobody whom no simpler scenario kills: plant the bug that it is there to catch, "
        console.print(Text(f"{told}or mark it as documentation"), soft_wrap=True)
    dead = frozenset(kill_register.client_of(who) for scenario in scenarios for who in register.of(scenario))
    alive = [client for client in broken_clients() if client not in dead]
    for client in alive:
        console.print(Text(f"{client} is alive: write the scenario that kills it, or drop it"), soft_wrap=True)
    console.print(
        f"{len(scenarios)} scenarios, {len(idle)} of no use; {len(broken_clients())} broken clients, "
        f"{len(alive)} alive; {time.monotonic() - began_s:.1f} s; kept in {kill_register.PATH}",
        style="bold",
        soft_wrap=True,
    )
    return ALIVE_EXIT_CODE if idle or alive else 0


def _store(register: Register) -> None:
    try:
        kill_register.PATH.write_text(kill_register.render(register), encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{kill_register.PATH}: cannot be written ({error.strerror}); run in a checkout") from error


def _found_by(
    attempts: Sequence[kill_register.Attempt], register: Register, jobs: int, where: str, stop: Stop, console: Console
) -> Register:
    """The register with what the attempts find; with that of the finished ones when the user stops it."""
    with (
        _progress(console, len(attempts)) as advance,
        spread(kill_register.try_clients, attempts, jobs, where) as coming,
    ):
        for attempt, found in zip(attempts, coming, strict=True):
            register = register.with_found(attempt.scenario, found)
            advance(attempt.scenario.name)
            if stop.asked:
                break
    return register


def _table_of_kills(register: Register, scenarios: Iterable[Scenario]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("scenario", "kills, as no simpler one does"):
        table.add_column(column, overflow="fold")
    for scenario in scenarios:
        whom = ", ".join(who.removeprefix(MUTANT) for who in register.first_kills(scenario))
        table.add_row(scenario.name, whom or ("documentation" if scenario.documentation else "nobody"))
    return table


@contextmanager
def _progress(console: Console, total: int) -> Iterator[Advance]:
    """A live line on a terminal; elsewhere a line with a name on standard error after each tenth."""
    if not console.is_terminal:
        done: list[str] = []

        def say(what: str) -> None:
            done.append(what)
            if len(done) % max(1, total // 10) == 0:
                click.echo(f"{len(done)} of {total}: {what}", err=True)

        yield say
        return
    columns = (TextColumn("{task.description:<40}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=total)
        yield lambda what: progress.update(task, advance=1, description=what)
