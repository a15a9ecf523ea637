"""One check: a server, a command that is put through a script, and the verdict."""

from __future__ import annotations

import dataclasses
import os
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import trio

from gapless.reports.records.record import RunRecord
from gapless.scenarios.checking.command import Show, started
from gapless.scenarios.checking.environment import given
from gapless.scenarios.checking.script_driver import ScriptDriver
from gapless.scenarios.errors import WorldBroke
from gapless.scenarios.judging.journal_reader import read
from gapless.scenarios.running.runner import RunRequest, assess, fired
from gapless.scenarios.serving.client_account import accounted
from gapless.scenarios.serving.session import Session
from gapless.scenarios.serving.session_server import SessionServer
from gapless.simserver.choices import Tape
from gapless.simserver.journal import Entry, digest_of
from gapless.simserver.messages import KeptMessages


@dataclass(frozen=True, slots=True)
class Checked:
    """The result of a check. ``entries``: the journal; ``log``: id and kind of each event; ``tape``: the choices.

    ``contents``: digests of events of the log, by id, of those whose content the client told. ``messages``: what was on
    the wire, as lines of JSON.
    """

    request: RunRequest
    command: tuple[str, ...]
    record: RunRecord
    entries: tuple[Entry, ...]
    log: tuple[tuple[str, str], ...]
    tape: Tape
    contents: Mapping[str, str] = field(default_factory=dict)
    messages: tuple[str, ...] = ()

    def of(self, client: str) -> Checked:
        """The same result under another client name, for a client whose name is known only after the run."""
        request = dataclasses.replace(self.request, client=client)
        return dataclasses.replace(self, request=request, record=dataclasses.replace(self.record, client=client))


async def check(request: RunRequest, argv: Sequence[str], *, show: Show, with_messages: bool = False) -> Checked:
    """Put a command through a scenario in real time. ``show`` gets each line of its output that is no report.

    ``with_messages``: keep what is on the wire.

    Raises UsageError when the command cannot be started, and WorldBroke.
    """
    with tempfile.TemporaryDirectory(prefix="gapless-") as directory:
        async with served(request) as session_server:
            session_server.session.world.journal.messages = KeptMessages() if with_messages else None
            surroundings = given(request, session_server.session.world, session_server.url, Path(directory), os.environ)
            async with started(argv, surroundings.variables) as command:
                driver = ScriptDriver(session_server.session, command)
                async with trio.open_nursery() as listening:
                    listening.start_soon(command.follow, surroundings.report, driver.take, show)
                    await driver.perform()
                    listening.cancel_scope.cancel()
            await session_server.session.end("the check is over")
    return judged(session_server.session, driver, tuple(argv))


@asynccontextmanager
async def served(request: RunRequest) -> AsyncIterator[SessionServer]:
    """A server for one check, on a free port of the loopback interface."""
    session_server = SessionServer(request)
    async with trio.open_nursery() as nursery:
        await nursery.start(_serving, session_server)
        yield session_server
        nursery.cancel_scope.cancel()


async def _serving(session_server: SessionServer, *, task_status: trio.TaskStatus[None]) -> None:
    await session_server.serve(0, task_status=task_status)


def judged(session: Session, driver: ScriptDriver, argv: tuple[str, ...]) -> Checked:
    """Judge a session that has ended. Raises WorldBroke when the simulated world broke down."""
    if session.failure is not None:
        raise WorldBroke(f"the simulated world broke down: {session.failure}")
    world, request = session.world, session.request
    entries = accounted(world.journal.entries, driven=driver.driven)
    log = tuple((str(event["id"]), str(event["kind"])) for event in world.agent.log)
    evidence = read(entries, world.agent.log)
    faults = (*fired(world), *driver.never_done())
    record = assess(request, evidence, faults, ended_s=driver.ended_s, digest=digest_of(entries), clock="real")
    kept = world.journal.messages
    messages = () if kept is None else tuple(kept.lines())
    return Checked(request, argv, record, entries, log, session.choices.tape, evidence.contents, messages)
