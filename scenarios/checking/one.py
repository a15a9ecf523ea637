"""One check: a server of its own, a command, a script; and the verdict on what came of it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import trio

from reports.record import RunRecord
from scenarios.checking.command import Show, started
from scenarios.checking.driver import Driver
from scenarios.checking.environment import given
from scenarios.errors import GaplessError
from scenarios.evidence import read
from scenarios.runner import RunRequest, assess, fired
from scenarios.serving.account import accounted
from scenarios.serving.hub import Hub
from scenarios.serving.session import Session
from simserver.choices import Tape
from simserver.journal import Entry, digest_of


class WorldBroke(GaplessError):
    """The simulated world broke down under a check: our bug, not the command's."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check left: its record, journal, log (id and kind of each event) and tape."""

    request: RunRequest
    command: tuple[str, ...]
    record: RunRecord
    entries: tuple[Entry, ...]
    log: tuple[tuple[str, str], ...]
    tape: Tape


async def check(request: RunRequest, argv: Sequence[str], *, show: Show) -> Checked:
    """Put a command through a scenario in real time; ``show`` is told what it says beside its reports.

    Raises UsageError when the command cannot be started, and WorldBroke.
    """
    hub = Hub(request)
    session = hub.session
    with tempfile.TemporaryDirectory(prefix="gapless-") as directory:
        async with trio.open_nursery() as nursery:
            await nursery.start(_serving, hub)
            gift = given(request, session.world, hub.url, Path(directory), os.environ)
            async with started(argv, gift.variables) as command:
                driver = Driver(session, command)
                async with trio.open_nursery() as listening:
                    listening.start_soon(command.follow, gift.report, driver.take, show)
                    await driver.perform()
                    listening.cancel_scope.cancel()
            await session.end("the check is over")
            nursery.cancel_scope.cancel()
    if session.failure is not None:
        raise WorldBroke(f"the simulated world broke down: {session.failure}")
    return _judged(session, tuple(argv), driver)


async def _serving(hub: Hub, *, task_status: trio.TaskStatus[None]) -> None:
    await hub.serve(0, task_status=task_status)


def _judged(session: Session, argv: tuple[str, ...], driver: Driver) -> Checked:
    world, request = session.world, session.request
    entries = accounted(world.journal.entries, driven=driver.driven)
    log = tuple((str(event["id"]), str(event["kind"])) for event in world.agent.log)
    evidence = read(entries, ({"id": event_id, "kind": kind} for event_id, kind in log))
    record = assess(request, evidence, fired(world), ended_s=driver.ended_s, digest=digest_of(entries))
    return Checked(request, argv, record, entries, log, session.choices.tape)
