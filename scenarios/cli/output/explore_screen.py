"""The screen of ``gapless explore``: progress, what was found, and a summary at the end."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.console import Group as Lines
from rich.live import Live
from rich.text import Text

from gapless.reports.many_runs.coverage import CoverageRow, CoverageTable, render_coverage
from gapless.reports.records.never import Never, render_never
from gapless.scenarios.capsules.trust import replay_line
from gapless.scenarios.definition.scenario import GENERATIONS
from gapless.scenarios.explore.campaign import Campaign, Group
from gapless.scenarios.explore.client_state import STATES
from gapless.scenarios.explore.explorer import Limits
from gapless.scenarios.explore.shrink import RUNS_MAX, Shrinking
from gapless.scenarios.explore.symptom import BROKE
from gapless.scenarios.explore.worlds import KINDS
from gapless.scenarios.judging.oracles.case import count

TOLD_EVERY_S = 5.0
KINDS_SHOWN_MAX = 6
PLAIN_LINES = 3


class ExploreScreen:
    """Prints to ``console``: on a terminal a live block, elsewhere a plain line every few seconds."""

    def __init__(self, console: Console, limits: Limits, worlds_before: int) -> None:
        self._console = console
        self._limits = limits
        self._worlds_before = worlds_before
        self._live: Live | None = None
        self._printed_s = 0.0

    @contextmanager
    def live(self) -> Iterator[None]:
        """Show the live block while the campaign goes on."""
        if not self._console.is_terminal:
            yield
            return
        with Live(console=self._console, transient=True, refresh_per_second=5) as self._live:
            yield
        self._live = None

    def say(self, text: str, style: str = "") -> None:
        """Print one line."""
        self._console.print(Text(text, style=style), soft_wrap=True)

    def found(self, group: Group) -> None:
        """Print that a cause was found and its world is shrunk."""
        self.say(f"{group.found_s:6.1f} s  found {group.name}: {_size_text(group)}", "bold red")

    def checked(self, group: Group, still_fails: bool) -> None:
        """Print that an earlier failure was tried again, and how it ended."""
        self.say(f"earlier  {group.name}: " + ("still fails" if still_fails else "holds now"))

    def look(self, campaign: Campaign, shrinks: tuple[Shrinking, ...], elapsed_s: float) -> None:
        """Show the progress. Called every so often."""
        lines = list(self._progress(campaign, shrinks, elapsed_s))
        if self._live is not None:
            self._live.update(Lines(*(Text(line, no_wrap=True, overflow="ellipsis") for line in lines)))
        elif elapsed_s - self._printed_s >= TOLD_EVERY_S:
            self._printed_s = elapsed_s
            self.say("; ".join((lines[0], *(line.strip() for line in lines[1:PLAIN_LINES]))))

    def _progress(self, campaign: Campaign, shrinks: tuple[Shrinking, ...], elapsed_s: float) -> Iterator[str]:
        worlds = campaign.worlds - self._worlds_before
        coverage = coverage_of(campaign)
        rate = worlds / max(elapsed_s, 0.001)
        yield f"{elapsed_s:6.1f} s  {worlds} worlds, {rate:.1f} runs/s{self._time_left(worlds, elapsed_s)}"
        to_shrink = f"{len(campaign.waiting)} to shrink"
        yield f"          {campaign.failed} failed, {count(len(campaign.groups), 'cause')} found, {to_shrink}"
        pairs = f"{coverage.pairs} of {len(KINDS) * len(STATES)} pairs of fault and state"
        yield f"          {coverage.fired} faults fired, {pairs}"
        often = sorted(coverage.rows, key=lambda row: (-sum(row.firings), row.kind))[:KINDS_SHOWN_MAX]
        yield "          " + ", ".join(f"{row.kind} {sum(row.firings)}" for row in often) + ", …"
        for one in shrinks:
            size = f"{len(one.drawn)} choices"
            yield f"          shrinking {one.symptom.oracle}: {one.runs} of at most {RUNS_MAX} runs, {size}"

    def _time_left(self, worlds: int, elapsed_s: float) -> str:
        limits = self._limits
        lefts = [] if limits.time_s is None else [limits.time_s - elapsed_s]
        if limits.worlds is not None and worlds:
            lefts.append((limits.worlds - worlds) * elapsed_s / worlds)
        return f", {max(0.0, min(lefts)):.0f} s left" if lefts else ""

    # --- at the end --------------------------------------------------------------------------------------------

    def sum_up(
        self,
        campaign: Campaign,
        directory: Path,
        nevers: Sequence[Never],
        paths: Sequence[Never],
        worlds: int,
        elapsed_s: float,
    ) -> None:
        """Print the summary of the campaign in ``directory``. ``worlds``: how many were tried just now."""
        coverage = coverage_of(campaign)
        self.say("")
        for line in render_coverage(coverage):
            self.say(line)
        for group in campaign.groups:
            self.say("")
            for line in self._group_lines(campaign, group, directory):
                self.say(line)
        if campaign.waiting:
            self.say(
                f"\n{count(len(campaign.waiting), 'failing world')} not shrunk yet; the same command goes on with them"
            )
        if campaign.command and campaign.worlds and not campaign.tally["oracle", "delivered-once"]:
            self.say('\nnot judged by delivered-once: the client printed no {"id": "…"} when an event reached it')
        if nevers or paths:
            self.say("")
        for line in render_never(nevers, campaign.all_worlds):
            self.say(line)
        if paths:
            self.say(f"paths of the client that no world has taken: {', '.join(one.name for one in paths)}")
        tally = campaign.all_tally
        met = ", ".join(f"{name} {tally['world', name]}" for name in GENERATIONS)
        total = campaign.all_worlds
        before = f" ({total} with those of earlier and merged runs)" if total != worlds else ""
        failed = f"{campaign.all_failed} worlds failed, {count(len(campaign.groups), 'cause')} found"
        self.say(
            f"\nclient {campaign.client}, seed {campaign.seed}: "
            f"{worlds} worlds{before} in {elapsed_s:.0f} s, {worlds / max(elapsed_s, 0.001):.1f} runs/s; "
            f"{met}; {coverage.fired} faults fired; {failed}",
            "bold",
        )

    def _group_lines(self, campaign: Campaign, group: Group, directory: Path) -> Iterator[str]:
        smallest = group.smallest
        toml, capsule = (directory / f"{group.name}{suffix}" for suffix in (".toml", ".json"))
        what = "bug in gapless" if smallest.symptom.oracle == BROKE else smallest.breaks
        yield f"{what}: {group.name}, generation {smallest.generation}, cursor {smallest.cursor}"
        yield f"  {smallest.symptom.oracle}: {smallest.message}"
        yield f"  {_size_text(group)}; shrunk in {count(group.runs, 'run')}; {count(group.worlds, 'world')} failed so"
        if smallest.seed is not None:
            yield f"  first seen in world {smallest.number} of seed {smallest.seed}"
        seed = f" --seed {group.seed}" if group.seed else ""
        client = f" -- {shlex.join(campaign.command)}" if campaign.command else ""
        named = "" if campaign.command else f" --client {campaign.client}"
        yield f"  scenario gapless run {toml}{named}{seed}{client}"
        yield f"  replay   {replay_line(str(capsule), campaign.client, campaign.command)}"


def coverage_of(campaign: Campaign) -> CoverageTable:
    """The campaign's counts as a table."""
    tally = campaign.all_tally
    rows = (
        CoverageRow(
            kind,
            tuple(campaign.fired(kind, generation) for generation in GENERATIONS),
            tuple(tally["state", kind, state] for state in STATES),
        )
        for kind in KINDS
    )
    return CoverageTable(GENERATIONS, STATES, tuple(rows))


def _size_text(group: Group) -> str:
    effects = " and ".join(group.cause.effects)
    return f"{count(group.events, 'event')}, {count(group.faults, 'fault')}" + (f" ({effects})" if effects else "")
