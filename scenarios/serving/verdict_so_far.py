"""The verdict of a session that is still going on, from its journal so far.

Steps that have not ended and faults that have not fired yet are no violations: they are listed as pending. Everything
else is judged by the oracles that judge any run.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import trio

from gapless.reports.records.record import FaultFired, Judged, RestCost, RunRecord, Verdict, Violation
from gapless.scenarios.judging.evidence import Evidence
from gapless.scenarios.judging.journal_reader import read
from gapless.scenarios.running.runner import assess, fired
from gapless.scenarios.serving.client_account import accounted
from gapless.scenarios.serving.session import Session
from gapless.scenarios.serving.unreached_faults import unreached

COST_SHARE_MAX = 0.1  # share of the server's time that judging takes at most, however long the journal is


@dataclass(frozen=True, slots=True)
class VerdictSoFar:
    """A verdict on a session so far.

    ``verdict``: of the violations so far; vacuous as long as there is none and something is pending.
    ``pending``: what has not been shown yet.
    ``unreached``: ids of the log that were never sent to the client.
    ``reports``: whether the client has reported anything.
    ``t_s``: seconds since the first client came.
    """

    verdict: Verdict
    violations: tuple[Violation, ...]
    pending: tuple[str, ...]
    judged: tuple[Judged, ...]
    rest: RestCost
    faults: tuple[FaultFired, ...]
    log_length: int
    unreached: tuple[str, ...]
    reports: bool
    t_s: float
    exit_code: int


def so_far(session: Session) -> VerdictSoFar:
    """Judge a session from its journal so far."""
    world = session.world
    entries = accounted(world.journal.entries)
    record = _record(session, _settled(read(entries, session.log())))
    return VerdictSoFar(
        verdict=record.verdict,
        violations=tuple(one for one in record.violations if one.breaks is not Verdict.VACUOUS),
        pending=tuple(one.message for one in record.violations if one.breaks is Verdict.VACUOUS),
        judged=record.judged,
        rest=record.rest,
        faults=record.faults,
        log_length=world.archive.length if session.upstream is None else len(session.log()),
        unreached=unreached(entries, (str(event["id"]) for event in session.log())),
        reports=any(entry.place == "client" for entry in world.journal.entries),
        t_s=round(session.now_s(), 3),
        exit_code=record.verdict.exit_code,
    )


def _record(session: Session, evidence: Evidence) -> RunRecord:
    faults = fired(session.world)
    return assess(session.request, evidence, faults, ended_s=session.now_s(), digest="", clock="real")


def _settled(evidence: Evidence) -> Evidence:
    """The evidence without unfinished steps. An unfinished attach counts as returned, so that it stays known."""
    steps = tuple(
        dataclasses.replace(step, outcome="returned")
        if step.step == "attach" and step.outcome == "unfinished"
        else step
        for step in evidence.steps
        if step.step == "attach" or step.outcome != "unfinished"
    )
    # What an unfinished step has made is not held against the steps that are left.
    left_out = [step.step for step in evidence.steps if step not in steps and step.step in ("send", "run")]
    unfinished, runs = left_out.count("run"), list(evidence.server_runs)
    for index in range(len(runs) - 1, -1, -1):
        if unfinished and runs[index].own:
            runs[index], unfinished = dataclasses.replace(runs[index], own=False), unfinished - 1
    posted = max(0, evidence.messages_posted - left_out.count("send"))
    return dataclasses.replace(evidence, steps=steps, server_runs=tuple(runs), messages_posted=posted)


class Judging:
    """Judges a session on request, as often as it is asked.

    Each verdict is of the current journal. When judging takes long, the next one is delayed, so that judging takes at
    most ``COST_SHARE_MAX`` of the time.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._found: VerdictSoFar | None = None
        self._entries = -1
        self._not_before_s = 0.0

    async def now(self) -> VerdictSoFar:
        """The verdict so far. Waits first when the last one took long."""
        await trio.sleep_until(self._not_before_s)
        await self._session.read_log()
        began_s, entries = trio.current_time(), len(self._session.world.journal)
        if self._found is None or entries != self._entries or self._session.upstream is not None:
            self._found, self._entries = so_far(self._session), entries
            self._not_before_s = began_s + (trio.current_time() - began_s) / COST_SHARE_MAX
        return self._found
