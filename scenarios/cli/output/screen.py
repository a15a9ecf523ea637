"""The screen of ``gapless run`` and ``gapless check``: a row for each scenario, a live line, and the failures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from gapless.reports.many_runs.table import render_header, render_row
from gapless.reports.records.failures import brief
from gapless.reports.records.record import EXIT_CODES, Clock, RunRecord, Verdict
from gapless.scenarios.judging.oracles.case import count

if TYPE_CHECKING:
    from gapless.scenarios.lockstep.client import Printed

WHOLE_IDS_COLUMNS_MIN = 160  # a narrower terminal shows the ends of ids, as a trace does
_STYLES = {Verdict.HOLDS: "green", Verdict.VACUOUS: "yellow", Verdict.OVER_BUDGET: "yellow"}


class Screen:
    """Prints to ``console``. The variants of a scenario share one row.

    ``runs``: how many runs are planned; ``clock``: whether they are in virtual or real time.
    """

    def __init__(self, console: Console, runs: int, *, clock: Clock = "virtual") -> None:
        self._console = console
        self._runs = runs
        self._clock: Clock = clock
        self._group: list[RunRecord] = []
        self._progress: Progress | None = None
        self._printed: dict[tuple[object, ...], tuple[Printed, ...]] = {}
        self._silent = 0

    @contextmanager
    def live(self) -> Iterator[None]:
        """Print the header, and on a terminal a live line while runs go on. Elsewhere only rows show the progress."""
        self._print(render_header(self._clock), bold=True)
        if not self._console.is_terminal:
            yield
            return
        columns = (TextColumn("{task.description:<30}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=self._console, transient=True) as self._progress:
            self._task = self._progress.add_task("", total=self._runs)
            yield

    def show(self, record: RunRecord, printed: Sequence[Printed] = (), *, says_deliveries: bool = True) -> None:
        """Take the record of a run. The row of its scenario is printed when the next scenario begins.

        ``printed``: what a client that is a command printed in it; shown when the run failed.
        ``says_deliveries``: whether the client says what reaches its application.
        """
        if printed and record.verdict is not Verdict.HOLDS:
            self._printed[_key(record)] = tuple(printed)
        self._silent += not says_deliveries
        if self._group and self._group[0].scenario != record.scenario:
            self.flush()
        self._group.append(record)
        if self._progress is not None:
            self._progress.update(self._task, advance=1, description=record.scenario)

    def flush(self) -> None:
        """Print the row of the current scenario, if any."""
        if self._group:
            self._print(render_row(self._group))
            self._group = []

    def failures(self, records: Sequence[RunRecord], shown_max: int, *, all_in: str = "--json FILE") -> None:
        """Print each failed run: the variant, the violations, the capsule, and the command that replays it.

        At most ``shown_max`` are printed. ``all_in``: where the user finds the others.
        """
        failed = [record for record in records if record.verdict is not Verdict.HOLDS]
        for record in failed[:shown_max]:
            self._print("")
            is_narrow = self._console.is_terminal and self._console.width < WHOLE_IDS_COLUMNS_MIN
            for line in (*tell(record), *_lines(self._printed.get(_key(record), ()))):
                self._print(brief(line) if is_narrow else line)
        if len(failed) > shown_max:
            more = len(failed) - shown_max
            self._print(f"\n… and {more} more failed run{'' if more == 1 else 's'}; {all_in} has all of them")

    def tell_silence(self) -> None:
        """Print in how many runs the client never said what reached its application, if there are any."""
        if self._silent:
            self._print(
                f'not judged by delivered-once in {count(self._silent, "run")}: the client printed no {{"id": "…"}} '
                "when an event reached it"
            )

    def tell(self, text: str) -> None:
        """Print a line."""
        self._print(text)

    def say(self, text: str) -> None:
        """Print a line in bold."""
        self._print(text, bold=True)

    def _print(self, line: str, *, bold: bool = False) -> None:
        text = Text(line, style="bold" if bold else "", no_wrap=True)
        for verdict in EXIT_CODES:
            text.highlight_words([f" {verdict} ", f"{verdict}:"], style=_STYLES.get(verdict, "red"))
        self._console.print(text, soft_wrap=True)


def _key(record: RunRecord) -> tuple[object, ...]:
    return record.scenario, record.generation, record.cursor, record.client, record.seed


def tell(record: RunRecord) -> Iterator[str]:
    """A failed run in a few lines."""
    yield (
        f"{record.verdict}: {record.scenario}, generation {record.generation}, cursor {record.cursor}, "
        f"client {record.client}, seed {record.seed}"
    )
    first = record.violations[0]
    yield f"  {first.oracle}: {first.message}"
    more = len(record.violations) - 1
    if more:
        yield f"  … and {more} more: {', '.join(dict.fromkeys(one.oracle for one in record.violations[1:]))}"
    for line in record.client_lines:
        yield f"  {line}"
    if record.capsule is not None:
        yield f"  capsule  {record.capsule}"
    if record.replay is not None:
        yield f"  {'replay' if record.clock == 'virtual' else 'story '}   {record.replay}"


def _lines(printed: Sequence[Printed]) -> Iterator[str]:
    if printed:
        from gapless.scenarios.lockstep.command import printed_lines  # only a command prints

        yield from printed_lines(printed)
