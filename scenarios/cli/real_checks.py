"""Checks in real time, on the command line: a client in any language, as a command, on a real port."""

from __future__ import annotations

import signal
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
from gapless.scenarios.cli.conclusion import Wanted, conclude
from gapless.scenarios.cli.options import standard_output
from gapless.scenarios.cli.origin import origin
from gapless.scenarios.cli.output.screen import Screen
from gapless.scenarios.running.runner import RunRequest
from gapless.scenarios.running.script_player import leaves
from gapless.simserver.journal import canonical

SHOWN_LINES_MAX = 200
SHOWN_COLUMNS_MAX = 160


class RealChecks:
    """The planned checks and their results."""

    def __init__(self, asked: Sequence[RunRequest], argv: Sequence[str], jobs: int, wanted: Wanted) -> None:
        self._asked, self._argv, self._jobs, self._wanted = tuple(asked), tuple(argv), jobs, wanted
        self._screen = Screen(standard_output(), len(asked), clock="real")
        self._records: dict[int, RunRecord] = {}
        self._journals: dict[str, bytes] = {}
        self._silent: set[int] = set()
        self._shown = 0

    def _show(self, number: int) -> None:
        self._screen.show(self._records[number], says_deliveries=number not in self._silent)

    def run(self) -> int:
        """Run the checks; return the exit code. Raises UsageError when the command cannot be started."""
        click.echo(_patience(self._asked), err=True)
        began_s = time.monotonic()
        try:
            with self._screen.live():
                trio.run(self._make_all)
        except BaseExceptionGroup as group:
            raise leaves(group)[0] from group
        took_s = time.monotonic() - began_s
        made = sorted(self._records)
        for number in made[self._shown :]:  # after an interrupt, rows are left that waited for an earlier check
            self._show(number)
        results = Results(
            tuple(self._records[number] for number in made),
            capsule.versions(),
            complete=len(made) == len(self._asked),
            journals=Journals(self._journals),
            made=origin() if self._wanted.out is not None else {},
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
            checked = await check(
                request,
                self._argv,
                show=_BoundedOutput(request.scenario.name).show,
                with_messages=self._wanted.out is not None,
            )
        finally:
            room.release()
        self._records[number] = record = _with_capsule(checked, self._wanted.capsules)
        if self._wanted.out is not None:
            self._journals[record.digest] = deflated((*canonical(checked.entries), *checked.messages))
        if any(entry.what == "says-no-deliveries" for entry in checked.entries):
            self._silent.add(number)
        while self._shown in self._records:  # rows are in the order of the names
            self._show(self._shown)
            self._shown += 1


def _with_capsule(checked: Checked, directory: Path) -> RunRecord:
    """The record. When the check failed, a capsule is written, and the record has its path."""
    if checked.record.verdict is Verdict.HOLDS:
        return checked.record
    return capsule.kept_in(recording.write(checked, directory), checked.record, checked.request)


def _patience(asked: Sequence[RunRequest]) -> str:
    """How long a client that hangs keeps the user waiting, said before anything is run."""
    longest_s = max(request.scenario.expect.step_deadline_s for request in asked)
    return f"in real time: a step that does not end counts as stuck after {longest_s:g} s; --deadline gives it less"


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
