"""``gapless check``: put a client in any language, as a command, through scenarios on a real port, and judge it."""

from __future__ import annotations

import dataclasses
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import click
import trio

from gapless.reports.records.journals import Journals, deflated
from gapless.reports.records.record import RunRecord, Verdict
from gapless.reports.records.results import Results
from gapless.scenarios.capsules import capsule
from gapless.scenarios.checking import recording
from gapless.scenarios.checking.check import Checked, check
from gapless.scenarios.checking.deadlines import DEADLINE_S_MAX, STEP_DEADLINE_S, with_real_time_deadline
from gapless.scenarios.cli.conclusion import Wanted, conclude
from gapless.scenarios.cli.options import (
    ALL,
    Finite,
    json_option,
    judge_options,
    judged_by,
    out_option,
    plain_errors,
    seed_option,
    standard_output,
)
from gapless.scenarios.cli.screen import Screen
from gapless.scenarios.definition.loading import load_file
from gapless.scenarios.definition.scenario import CURSORS, GENERATIONS, Scenario
from gapless.scenarios.errors import UsageError
from gapless.scenarios.judging.own_budget import read_budgets
from gapless.scenarios.running.runner import RunRequest, requests
from gapless.scenarios.running.script_player import leaves
from gapless.scenarios.serving.scenario_choice import all_named, request_for
from gapless.simserver.journal import canonical

SHOWN_LINES_MAX = 200
SHOWN_COLUMNS_MAX = 160
_COMMAND = "gapless.scenarios.cli.commands.check.command"


class _CommandAfterDashes(click.Command):
    """Takes the arguments after ``--`` as the command. click would take them for names and options."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        at = args.index("--") if "--" in args else len(args)
        ctx.meta[_COMMAND] = tuple(args[at + 1 :])
        return super().parse_args(ctx, args[:at])

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        return [*super().collect_usage_pieces(ctx), "-- COMMAND..."]


@click.command("check", cls=_CommandAfterDashes)
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
    help=f"Seconds for a step.  [default: the scenario's own, else {STEP_DEADLINE_S:g}]",
)
@judge_options
@click.option("--jobs", type=click.IntRange(1, 64), default=1, show_default=True, help="Checks at a time.")
@click.option("--label", help="What to call the client.  [default: its file's name]")
@json_option
@out_option
@click.option(
    "--scenario-file", "files", multiple=True, type=click.Path(path_type=Path), help="A scenario of your own (TOML)."
)
@seed_option
@click.pass_context
@plain_errors
def check_command(
    context: click.Context,
    names: tuple[str, ...],
    generation: str | None,
    cursor: str | None,
    deadline_s: float | None,
    judge: tuple[str, ...],
    no_judge: tuple[str, ...],
    jobs: int,
    label: str | None,
    json_file: Path | None,
    out: Path | None,
    files: tuple[Path, ...],
    seed: int,
) -> None:
    """Put a client in any language through scenarios, in real time, and judge it.

    NAME is a scenario's name, a race id, or the path of a TOML file. COMMAND is started anew for each scenario. It
    finds the server in GAPLESS_URL, GAPLESS_CONVERSATION_ID and GAPLESS_API_KEY. It is asked for each step on its
    standard input, {"step": "attach"}, and answers on its standard output, {"done": "attach"}, or {"done": "run",
    "held": [ids]}; {"id": "..."} says that an event reached it.

    What a client cannot say it is not judged by, and the last lines list that. Checks are held to budget.toml, or to
    [tool.gapless.budget] in pyproject.toml, where these have the client, the scenario and the variant.

    Where GITHUB_STEP_SUMMARY names a file, a summary is appended to it.

    Exit codes: 0 all hold, 1 unsafe, 2 usage, 3 stuck, 4 over budget, 5 vacuous, 130 when interrupted.
    """
    argv: tuple[str, ...] = context.meta[_COMMAND]
    if not argv:
        raise UsageError("say which client: gapless check NAME... -- COMMAND...")
    named = dict.fromkeys((*(load_file(path) for path in files), *all_named(names)))
    scenarios = tuple(with_real_time_deadline(one, deadline_s) for one in named)
    if not scenarios:
        raise UsageError("say which scenarios: gapless check NAME... -- COMMAND...; `gapless list` shows them")
    client = label or _label(argv)
    asked = tuple(
        request for one in scenarios for request in _variants(one, generation, cursor, client=client, seed=seed)
    )
    oracles, budgets = judged_by(judge, no_judge), read_budgets(Path())
    asked = tuple(
        dataclasses.replace(
            one, judge=oracles, own_budget=budgets.of(client, one.scenario.name, f"{one.generation}/{one.cursor}")
        )
        for one in asked
    )
    wanted = Wanted(json_file, out)
    wanted.check()
    sys.exit(_Checks(asked, argv, jobs, wanted).run())


def _label(argv: Sequence[str]) -> str:
    """The name of the client: the last word of the command that is a file, else its first word."""
    files = [Path(word).name for word in argv if Path(word).is_file()]
    return files[-1] if files else Path(argv[0]).name


def _variants(
    scenario: Scenario, generation: str | None, cursor: str | None, *, client: str, seed: int
) -> tuple[RunRequest, ...]:
    """The variants to check. Without ``all``, it is one: an option that is not given is chosen for it."""
    generations = GENERATIONS if generation == ALL else (generation,)
    cursors = CURSORS if cursor == ALL else (cursor,)
    if ALL not in (generation, cursor):
        return (request_for(scenario, generation, cursor, seed=seed, client=client),)
    chosen = request_for(scenario, None, None)
    found = requests(
        (scenario,),
        client=client,
        seed=seed,
        generations=[one or chosen.generation for one in generations],
        cursors=[one or chosen.cursor for one in cursors],
    )
    if not found:
        raise UsageError(f"{scenario.name} cannot happen in generation {generation}, cursor {cursor}")
    return found


class _Checks:
    """The planned checks and their results."""

    def __init__(self, asked: Sequence[RunRequest], argv: Sequence[str], jobs: int, wanted: Wanted) -> None:
        self._asked, self._argv, self._jobs, self._wanted = tuple(asked), tuple(argv), jobs, wanted
        self._screen = Screen(standard_output(), len(asked), clock="real")
        self._records: dict[int, RunRecord] = {}
        self._journals: dict[str, bytes] = {}
        self._shown = 0

    def run(self) -> int:
        """Run the checks; return the exit code. Raises UsageError when the command cannot be started."""
        began_s = time.monotonic()
        try:
            with self._screen.live():
                trio.run(self._make_all)
        except BaseExceptionGroup as group:
            raise leaves(group)[0] from group
        took_s = time.monotonic() - began_s
        made = sorted(self._records)
        for number in made[self._shown :]:  # after an interrupt, rows are left that waited for an earlier check
            self._screen.show(self._records[number])
        results = Results(
            tuple(self._records[number] for number in made),
            capsule.versions(),
            complete=len(made) == len(self._asked),
            journals=Journals(self._journals),
        )
        return conclude(results, self._wanted, self._screen, planned=len(self._asked), noun="checks", took_s=took_s)

    async def _make_all(self) -> None:
        room = trio.Semaphore(self._jobs)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._listen_for_signals, nursery.cancel_scope)
            async with trio.open_nursery() as checks:
                for number in range(len(self._asked)):  # started in order: an interrupt leaves the first ones done
                    await room.acquire()
                    checks.start_soon(self._make, number, room)
            nursery.cancel_scope.cancel()

    async def _listen_for_signals(self, scope: trio.CancelScope) -> None:
        """Cancel the running checks on Ctrl-C. The results of those that are done are kept."""
        with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
            async for _ in signals:
                scope.cancel()

    async def _make(self, number: int, room: trio.Semaphore) -> None:
        request = self._asked[number]
        try:
            checked = await check(request, self._argv, show=_BoundedOutput(request.scenario.name).show)
        finally:
            room.release()
        self._records[number] = record = _with_capsule(checked, self._wanted.capsules)
        if self._wanted.out is not None:
            self._journals[record.digest] = deflated(tuple(canonical(checked.entries)))
        while self._shown in self._records:  # rows are in the order of the names
            self._screen.show(self._records[self._shown])
            self._shown += 1


def _with_capsule(checked: Checked, directory: Path) -> RunRecord:
    """The record. When the check failed, a capsule is written, and the record has its path."""
    if checked.record.verdict is Verdict.HOLDS:
        return checked.record
    return capsule.kept_in(recording.write(checked, directory), checked.record)


class _BoundedOutput:
    """Prints those lines of a command to standard error that are no reports. Their number and length are bounded."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._left = SHOWN_LINES_MAX

    def show(self, line: str) -> None:
        """Print a line."""
        self._left -= 1
        if self._left >= 0:
            printable = "".join(one if one.isprintable() or one == "\t" else "·" for one in line[:SHOWN_COLUMNS_MAX])
            click.echo(f"  {self._name} | {printable}", err=True)
        elif self._left == -1:
            click.echo(f"  {self._name} | … and more, not shown", err=True)
