"""Each event held is the log's newest version of it, by digest and not by id alone.

Judged when attach and ``run()`` return, and at the end. An event that was updated under its id meanwhile (R72) is
judged only where the update came before the run ended, or before attach was called. A client that gives ids only is not
judged.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from gapless.reports.records.record import Violation
from gapless.scenarios.judging.evidence import HeldThen, PersistedEvent
from gapless.scenarios.judging.oracles.case import Case, OracleFinding, ids_of, named

NAME = "content"


def content(case: Case) -> OracleFinding:
    """Judge the content of what was held, each time that the client told it."""
    judged = 0
    for then in case.evidence.held_then:
        compared = tuple(_compared(case, then.ids, then.contents))
        judged += len(compared)
        wrong = other_content(case, then.ids, then.contents, settled_at=_settled_at(case, then))
        if wrong:
            when = "at the end" if then.step == "closed" else f"when {then.step}() returned"
            message = f"{when}, {named(wrong)} held under its id had other content than the log has"
            return OracleFinding(judged, (Violation(NAME, message, ids_of(wrong)),))
    if not judged and any(then.ids for then in case.evidence.held_then):
        return OracleFinding(0, unjudged="gives the ids of what it holds, and not its content")
    return OracleFinding(judged)


def other_content(
    case: Case, ids: Sequence[str], contents: Mapping[str, str], *, settled_at: int
) -> tuple[PersistedEvent, ...]:
    """Events whose content is not that of the log. Those that were updated after ``settled_at`` are left out."""
    updated_at = case.evidence.updated_at
    return tuple(
        event
        for event in _compared(case, ids, contents)
        if contents[event.id] != case.evidence.contents[event.id] and updated_at.get(event.id, -1) < settled_at
    )


def _compared(case: Case, ids: Sequence[str], contents: Mapping[str, str]) -> Iterator[PersistedEvent]:
    evidence = case.evidence
    for one in dict.fromkeys(ids):
        if one in contents and one in evidence.contents:
            yield evidence.by_id[one]


def _settled_at(case: Case, then: HeldThen) -> int:
    """The journal index from which on an update need not be held yet."""
    settled_at = case.evidence.attach.called_at if case.evidence.attach else 0
    for run in case.returned_runs():
        if run.step.ended_at is not None and run.step.ended_at <= then.at:
            ended_at = run.server_run.ended_at if run.server_run is not None else None
            settled_at = run.step.called_at if ended_at is None else min(ended_at, run.step.ended_at)
    return settled_at
