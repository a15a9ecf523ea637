"""``gapless_run``: a client on trio, in virtual time, in the process of its test."""

from __future__ import annotations

import dataclasses
import shlex
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from gapless.reports.records.record import RunRecord, Verdict
from gapless.scenarios.capsules import capsule
from gapless.scenarios.capsules.trust import replay_line
from gapless.scenarios.clients.contract import Factory
from gapless.scenarios.clients.registry import resolve
from gapless.scenarios.errors import UsageError
from gapless.scenarios.lockstep.command import has_shim, label_of, printed_lines
from gapless.scenarios.plugin.client_name import can_be_named, name_of
from gapless.scenarios.plugin.failure_text import failed, told
from gapless.scenarios.plugin.fixture_use import CapsulePlace, in_trio
from gapless.scenarios.plugin.traceback_keeper import TracebackKeeper
from gapless.scenarios.plugin.variants import Variant
from gapless.scenarios.running.journal_difference import fingerprints
from gapless.scenarios.running.runner import RunRequest, RunResult, perform

# httpx and httpcore leave an async generator open when a request is cancelled. This is harmless, and it must not fail a
# test in a suite that turns warnings into errors.
_LEFT_BEHIND: Final = "Async generator '(httpx|httpcore)"


class GaplessRun:
    """Puts a client through the scenario: ``gapless_run(factory)``, or ``gapless_run(["python", "client.py"])``.

    Returns the record of the run.
    """

    def __init__(self, variant: Variant, place: CapsulePlace) -> None:
        self.variant = variant
        self._place = place
        self._used = False

    def __call__(self, client: Factory | str | Sequence[str]) -> RunRecord:
        """Run the scenario.

        ``client``: a factory (see ``gapless.testing``), or the name of one as for ``--client``; or the words of a
        command, a program in Python or Node, which is asked for its steps as by ``gapless check``.

        Fails the test when the verdict is not ``holds``.
        """
        __tracebackhide__ = True
        self._used = True
        if in_trio():
            raise failed("gapless_run starts an event loop of its own; make this test a plain `def`, without async")
        if isinstance(client, Sequence) and not isinstance(client, str):
            return self._run_command(tuple(client))
        try:
            factory = resolve(client) if isinstance(client, str) else client
        except UsageError as error:
            raise failed(str(error)) from None
        if not callable(factory):
            raise failed(f"gapless_run({client!r}): give a function that takes a ClientContext, or its name")
        name = client if isinstance(client, str) else name_of(client)
        request, keeper = self.variant.request(name), TracebackKeeper()
        with _quiet():
            result = perform(request, factory=keeper.watching(factory))
        record = result.record
        if record.verdict is Verdict.HOLDS:
            return record
        nameable = isinstance(client, str) or can_be_named(client, self._place.seen_from)
        see = self._write_capsule(request, record, result, nameable=nameable)
        message = told(record, result.lines, self._place, testimony=keeper.testimony(), see=see)
        raise failed(message)

    def _run_command(self, command: tuple[str, ...]) -> RunRecord:
        __tracebackhide__ = True
        if not command or not all(isinstance(word, str) for word in command):
            raise failed(f"gapless_run({list(command)!r}): a command is a list of words, its program first")
        request = dataclasses.replace(self.variant.request(label_of(command)), command=command)
        try:
            if not has_shim(command):
                raise failed(
                    f"gapless_run: {shlex.join(command)!r} loads no shim, and cannot be in virtual time; "
                    "`gapless check --clock real` puts it through the scenario on a real port"
                )
            result = perform(request)
        except UsageError as error:
            raise failed(str(error)) from None
        record = result.record
        if record.verdict is Verdict.HOLDS:
            return record
        see = self._write_capsule(request, record, result, nameable=True)
        printed = "\n".join(printed_lines(result.printed))
        raise failed(told(record, result.lines, self._place, testimony="", see=see, printed=printed))

    def check_used(self) -> None:
        """Fail the test when it never called the fixture."""
        if not self._used:
            raise failed("the test never called gapless_run(factory), so it proves nothing")

    def _write_capsule(
        self, request: RunRequest, record: RunRecord, result: RunResult, *, nameable: bool
    ) -> Iterator[str]:
        prints = fingerprints(result.lines)
        path = capsule.write(
            request,
            record,
            result.tape,
            self._place.capsules,
            ranges=result.ranges,
            prints=prints,
            ran_on=result.ran_on,
        )
        shown = self._place.shown(path)
        yield f"capsule  {shown}"
        if nameable:
            yield f"replay   {replay_line(shown, request.client, request.command)}"
        else:
            yield "         (`gapless replay` finds no factory by that name; one in a module would be found)"


@contextmanager
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", _LEFT_BEHIND, ResourceWarning)
        yield
