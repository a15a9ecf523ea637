"""SoFar: the verdict of a session that is still going on, from its journal as it stands.

What a client has not done yet is not held against it, and neither is a fault that has not fired yet: those are listed
as pending. Everything else is judged by the oracles that judge any run.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import trio

from gapless.reports.records.record import FaultFired, Judged, RestCost, RunRecord, Verdict, Violation
from gapless.scenarios.judging.evidence import Evidence, read
from gapless.scenarios.running.runner import assess, fired
from gapless.scenarios.serving.client_account import accounted
from gapless.scenarios.serving.session import Session
from gapless.scenarios.serving.unreached_faults import unreached

COST_SHARE_MAX = 0.1  # of the time of the server that judging may take, however long the journal


@dataclass(frozen=True, slots=True)
class VerdictSoFar:
    """verdict: of the violations so far, vacuous as long as something is pending; pending: what is still to be shown;
    unreached: ids of the log that were never sent to the client; reports: does the client say what it holds?"""

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
    """Judge a session as it stands."""
    world = session.world
    entries = accounted(world.journal.entries)
    record = _record(session, _settled(read(entries, world.agent.log)))
    return VerdictSoFar(
        verdict=record.verdict,
        violations=tuple(one for one in record.violations if one.breaks is not Verdict.VACUOUS),
        pending=tuple(one.message for one in record.violations if one.breaks is Verdict.VACUOUS),
        judged=record.judged,
        rest=record.rest,
        faults=record.faults,
        log_length=world.archive.length,
        unreached=unreached(entries, (str(event["id"]) for event in world.agent.log)),
        reports=any(entry.place == "client" for entry in world.journal.entries),
        t_s=round(session.now_s(), 3),
        exit_code=record.verdict.exit_code,
    )


def _record(session: Session, evidence: Evidence) -> RunRecord:
    faults = fired(session.world)
    return assess(session.request, evidence, faults, ended_s=session.now_s(), digest="", clock="real")


def _settled(evidence: Evidence) -> Evidence:
    """Without the steps that are still going on; but that the client attaches stays known."""
    steps = tuple(
        dataclasses.replace(step, outcome="returned")
        if step.step == "attach" and step.outcome == "unfinished"
        else step
        for step in evidence.steps
        if step.step == "attach" or step.outcome != "unfinished"
    )
    return dataclasses.replace(evidence, steps=steps)


class Judging:
    """The verdict of a session, for whoever asks, however often: always fresh, but late where judging is dear."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._found: VerdictSoFar | None = None
        self._entries = -1
        self._not_before_s = 0.0

    async def now(self) -> VerdictSoFar:
        """Judge the session as it stands, as soon as its length allows."""
        await trio.sleep_until(self._not_before_s)
        began_s, entries = trio.current_time(), len(self._session.world.journal)
        if self._found is None or entries != self._entries:
            self._found, self._entries = so_far(self._session), entries
            self._not_before_s = began_s + (trio.current_time() - began_s) / COST_SHARE_MAX
        return self._found
