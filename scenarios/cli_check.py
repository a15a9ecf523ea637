"""``gapless check``: a client in any language, as a command, put through scenarios on a real port, and judged."""

from __future__ import annotations

import dataclasses
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import click
import trio
from rich.console import Console

from reports.json import render_json
from reports.record import RunRecord, Verdict, gravest
from reports.table import render_totals
from scenarios import capsule
from scenarios.checking import kept
from scenarios.checking.hurrying import STEP_DEADLINE_S, hurried
from scenarios.checking.one import Checked, check
from scenarios.cli_options import ALL, check_writable, seed_option, told_plainly
from scenarios.cli_run import FAILURES_SHOWN_MAX, INTERRUPTED_EXIT_CODE
from scenarios.errors import UsageError
from scenarios.loading import load_file
from scenarios.runner import RunRequest, requests
from scenarios.scenario import CURSORS, GENERATIONS, Scenario
from scenarios.screen import Screen
from scenarios.serving.choosing import all_named, request_for
from scenarios.stage import leaves

SHOWN_LINES_MAX = 200
SHOWN_COLUMNS_MAX = 160
_COMMAND = "scenarios.cli_check.command"


class _TakesCommand(click.Command):
    """Keeps what stands after ``--`` from click, which would take it for names and options."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        at = args.index("--") if "--" in args else len(args)
        ctx.meta[_COMMAND] = tuple(args[at + 1 :])
        return super().parse_args(ctx, args[:at])

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        return [*super().collect_usage_pieces(ctx), "-- COMMAND..."]


@click.command("check", cls=_TakesCommand)
@click.argument("names", nargs=-1, metavar="NAME...")
@click.option("--generation", type=click.Choice([*GENERATIONS, ALL]), help="[default: the newest possible]")
@click.option("--cursor", type=click.Choice([*CURSORS, ALL]), help="[default: inclusive, if possible]")
@click.option(
    "--deadline",
    "deadline_s",
    type=click.FloatRange(min=0.1),
    help=f"Seconds for a step.  [default: the scenario's own, else {STEP_DEADLINE_S:g}]",
)
@click.option("--jobs", type=click.IntRange(1, 64), default=1, show_default=True, help="Checks at a time.")
@click.option("--label", help="What to call the client.  [default: its file's name]")
@click.option("--json", "json_file", type=click.Path(dir_okay=False, path_type=Path), help="Write all records.")
@click.option(
    "--scenario-file", "files", multiple=True, type=click.Path(path_type=Path), help="A scenario of your own (TOML)."
)
@seed_option
@click.pass_context
@told_plainly
def check_command(
    context: click.Context,
    names: tuple[str, ...],
    generation: str | None,
    cursor: str | None,
    deadline_s: float | None,
    jobs: int,
    label: str | None,
    json_file: Path | None,
    files: tuple[Path, ...],
    seed: int,
) -> None:
    """Put a client in any language through scenarios, in real time, and judge it.

    NAME is a scenario's name, a race id, or the path of a TOML file. COMMAND is started anew for each scenario. It
    finds the server in GAPLESS_URL, GAPLESS_CONVERSATION_ID and GAPLESS_API_KEY. It is asked for each step on its
    standard input, {"step": "attach"}, and answers on its standard output, {"done": "attach"}, or {"done": "run",
    "held": [ids]}; {"id": "..."} says that an event reached it.

    Exit codes: 0 all hold, 1 unsafe, 2 usage, 3 stuck, 4 over budget, 5 vacuous.
    """
    argv: tuple[str, ...] = context.meta[_COMMAND]
    if not argv:
        raise UsageError("say which client: gapless check NAME... -- COMMAND...")
    named = dict.fromkeys((*(load_file(path) for path in files), *all_named(names)))
    scenarios = tuple(hurried(one, deadline_s) for one in named)
    if not scenarios:
        raise UsageError("say which scenarios: gapless check NAME... -- COMMAND...; `gapless list` shows them")
    check_writable("--json", json_file)
    client = label or _label(argv)
    wanted = tuple(
        request for one in scenarios for request in _variants(one, generation, cursor, client=client, seed=seed)
    )
    sys.exit(_Checks(wanted, argv, jobs).run(json_file))


def _label(argv: Sequence[str]) -> str:
    """The last word of a command that is a file, else its first."""
    files = [Path(word).name for word in argv if Path(word).is_file()]
    return files[-1] if files else Path(argv[0]).name


def _variants(
    scenario: Scenario, generation: str | None, cursor: str | None, *, client: str, seed: int
) -> tuple[RunRequest, ...]:
    """The variants wanted: those named, where ``all`` names each; one, where nothing is said."""
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
    """Checks to be made, and what came of them."""

    def __init__(self, wanted: Sequence[RunRequest], argv: Sequence[str], jobs: int) -> None:
        self._wanted, self._argv, self._jobs = tuple(wanted), tuple(argv), jobs
        # NO_COLOR asks for no colour; rich would still print bold, which the same readers do not want either.
        console = Console(highlight=False, color_system=None if os.environ.get("NO_COLOR") else "auto")
        self._screen = Screen(console, len(wanted), clock="real")
        self._records: dict[int, RunRecord] = {}
        self._shown = 0
        self._interrupted = False

    def run(self, json_file: Path | None) -> int:
        """Make them; the exit code. Raises UsageError when the command cannot be started."""
        began_s = time.monotonic()
        try:
            with self._screen.live():
                trio.run(self._make_all)
        except BaseExceptionGroup as group:
            raise leaves(group)[0] from group
        records = [self._records[number] for number in sorted(self._records)]
        self._screen.flush()
        self._screen.failures(records, FAILURES_SHOWN_MAX)
        self._screen.say(render_totals(records, time.monotonic() - began_s))
        if json_file is not None:
            text = render_json(records, capsule.versions(), complete=not self._interrupted)
            json_file.write_text(text, encoding="utf-8")
        if self._interrupted:
            self._screen.say(f"interrupted after {len(records)} of {len(self._wanted)} checks")
            return INTERRUPTED_EXIT_CODE
        return gravest(record.verdict for record in records).exit_code

    async def _make_all(self) -> None:
        limiter = trio.CapacityLimiter(self._jobs)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._listen_for_signals, nursery.cancel_scope)
            async with trio.open_nursery() as checks:
                for number in range(len(self._wanted)):
                    checks.start_soon(self._make, number, limiter)
            nursery.cancel_scope.cancel()

    async def _listen_for_signals(self, scope: trio.CancelScope) -> None:
        with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
            async for _ in signals:
                self._interrupted = True
                scope.cancel()

    async def _make(self, number: int, limiter: trio.CapacityLimiter) -> None:
        async with limiter:
            request = self._wanted[number]
            checked = await check(request, self._argv, show=_Shown(request.scenario.name).show)
        self._records[number] = _kept(checked)
        while self._shown in self._records:  # rows come in the order of the names
            self._screen.show(self._records[self._shown])
            self._shown += 1


def _kept(checked: Checked) -> RunRecord:
    """The record; with a capsule when the check failed."""
    if checked.record.verdict is Verdict.HOLDS:
        return checked.record
    path = kept.write(checked)
    return dataclasses.replace(checked.record, capsule=str(path), replay=f"gapless replay {path} --trace")


class _Shown:
    """What a command says beside its reports, on standard error: within bounds, so that a flood stays readable."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._left = SHOWN_LINES_MAX

    def show(self, line: str) -> None:
        """Show a line."""
        self._left -= 1
        if self._left >= 0:
            printable = "".join(one if one.isprintable() or one == "\t" else "·" for one in line[:SHOWN_COLUMNS_MAX])
            click.echo(f"  {self._name} | {printable}", err=True)
        elif self._left == -1:
            click.echo(f"  {self._name} | … and more, not shown", err=True)
