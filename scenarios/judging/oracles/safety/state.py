"""The status, the error and the statistics that the client reports are those of its run (R21, R22, R83, R84).

Each is judged only where the client reports it. The statistics may be those at the end of the run, or a later update
that came before ``run()`` returned.
"""

from __future__ import annotations

from collections.abc import Iterator

from gapless.reports.records.record import Violation
from gapless.scenarios.judging.evidence import STATE_UPDATE, RunCall, RunError, ServerRun
from gapless.scenarios.judging.oracles.case import Case, OracleFinding, ordinal_of

NAME = "state"


def state(case: Case) -> OracleFinding:
    """Judge what each return of ``run()`` reports about its run."""
    judged = 0
    violations: list[Violation] = []
    unsaid: dict[str, None] = {}
    for run in case.returned_runs():
        if run.server_run is None or run.server_run.ended_at is None or case.is_excused_incomplete(run):
            continue
        told = {"status": run.status, "error": run.error, "statistics": run.statistics}
        judged += sum(value is not None for value in told.values())
        unsaid |= {name: None for name, value in told.items() if value is None and name != "statistics"}
        violations += _violations(case, run, run.server_run)
    why = f"does not report the {' or the '.join(unsaid)} of a run" if unsaid else ""
    return OracleFinding(judged, tuple(violations), why)


def _violations(case: Case, run: RunCall, server_run: ServerRun) -> Iterator[Violation]:
    which = ordinal_of(case, run)
    if run.status is not None and run.status not in _statuses(case, run, server_run):
        yield Violation(NAME, f"{which} reported the status {run.status!r}, and its run ended {server_run.published!r}")
    if run.error is not None:
        yield from _error(case, run, server_run, which)
    if run.statistics is not None and not _are_current(case, run, server_run):
        yield Violation(NAME, f"{which} reported statistics that were not those of its end: {_shown(run.statistics)}")


def _statuses(case: Case, run: RunCall, server_run: ServerRun) -> list[str | None]:
    """How the run may be said to have ended. Of one that the server forgot, or whose end no update has told that can be
    read, nothing need be known but what came after."""
    ends, returned_at = [server_run.status, server_run.published], run.step.ended_at or 0
    if _is_untold(case, run, server_run) and server_run.ended_at is not None:
        ends += [status for at, status in case.evidence.statuses if server_run.ended_at < at < returned_at]
    return ends


def _is_untold(case: Case, run: RunCall, server_run: ServerRun) -> bool:
    """Whether no update that can be read tells how the run ended.

    Of one that was stopped before it began there is a pause, which may be of before it, unless a snapshot came before
    another run began.
    """
    is_untold = server_run.published == "running"  # so clients were told last
    began_at, ended_at = server_run.started_at, server_run.ended_at or 0
    evidence = case.evidence
    next_at = min((one.started_at for one in evidence.server_runs if one.started_at > ended_at), default=None)
    is_shown = any(ended_at < at and (next_at is None or at < next_at) for at, *_ in evidence.snapshots_at_s)
    has_begun = any(status == "running" and began_at < at < ended_at for at, status in evidence.statuses)
    is_unbegun = not has_begun and not is_shown
    return is_untold or is_unbegun or server_run.is_forgotten or _is_end_unreadable(case, run, server_run)


def _is_end_unreadable(case: Case, run: RunCall, server_run: ServerRun) -> bool:
    """Whether an update of the run cannot be read, and no frame has shown it in time: it may be that of its end."""
    evidence, returned_at = case.evidence, run.step.ended_at or 0
    updates = [one for one in evidence.log if one.kind == STATE_UPDATE and not one.readable]
    own = [one for one in updates if server_run.started_at < one.at < (server_run.ended_at or 0)]
    return any(evidence.framed_at.get(one.id, returned_at) >= returned_at for one in own)


def _error(case: Case, run: RunCall, server_run: ServerRun, which: str) -> Iterator[Violation]:
    own = [one for one in case.evidence.errors if _is_of(one, server_run)]
    others = [one for one in case.evidence.errors if one not in own]
    text = run.error or ""
    if not text:
        held = frozenset(run.held)
        if server_run.status == "error" and any(one.id in held for one in own):
            yield Violation(NAME, f"{which} reported no error, and its run ended with {_told(own[-1])}")
    elif not any(_names(text, one) for one in own):
        later = [one for one in others if one.at > (server_run.ended_at or 0)]
        if server_run.is_forgotten and any(_names(text, one) for one in later):
            return  # what came after it is all that anybody can know
        if any(_names(text, one) for one in others):
            yield Violation(NAME, f"{which} reported another run's error: {_shown(text)}")
        elif own and not any(one.code in text for one in own):
            yield Violation(NAME, f"{which} reported the error {_shown(text)}, and its run ended with {_told(own[-1])}")


def _is_of(error: RunError, run: ServerRun) -> bool:
    """Whether a run made an error event, which may be persisted late."""
    return run.started_at < error.at < (run.ended_at or 0) if error.run is None else error.run == run.run


def _names(text: str, error: RunError) -> bool:
    return error.detail in text or (text in error.detail and text != error.code)


def _told(error: RunError) -> str:
    return f"{error.code}: {error.detail}"


def _are_current(case: Case, run: RunCall, server_run: ServerRun) -> bool:
    """Whether the statistics are those at the run's end, or of an update between it and the return."""
    returned_at, ended_at = run.step.ended_at or 0, server_run.ended_at or 0
    updates = [(at, value) for at, value in case.evidence.statistics if at < returned_at]
    at_end = [value for at, value in updates if at < ended_at][-1:]
    accepted = [*at_end, *(value for at, value in updates if at >= ended_at)]
    return not updates or run.statistics in accepted


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 120 else text[:119] + "…"
