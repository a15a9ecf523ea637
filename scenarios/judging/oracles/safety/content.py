"""Each event held is the log's newest version of it, by digest and not by id alone.

Judged when attach and ``run()`` return, at the end, and where it was delivered. An event that was updated under its id
meanwhile (R72) is judged only where the update came before the run ended, or before attach was called, and where it has
reached the client: nothing tells that its frame was lost, and no page need have shown the event since. A client that
gives ids only is not judged.
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
        wrong = other_content(case, then.ids, then.contents, settled_at=_settled_at(case, then), at=then.at)
        if wrong:
            when = "at the end" if then.step == "closed" else f"when {then.step}() returned"
            message = f"{when}, {named(wrong)} held under its id had other content than the log has"
            return OracleFinding(judged, (Violation(NAME, message, ids_of(wrong)),))
    delivered = _delivered_otherwise(case)
    if delivered:
        message = f"{named(delivered)} reached the application with other content than the log has"
        return OracleFinding(judged, (Violation(NAME, message, ids_of(delivered)),))
    if not judged and any(then.ids for then in case.evidence.held_then):
        return OracleFinding(0, unjudged="gives the ids of what it holds, and not its content")
    return OracleFinding(judged)


def _delivered_otherwise(case: Case) -> tuple[PersistedEvent, ...]:
    """Events that were delivered with other content than they ever had. One that was updated had several."""
    evidence, delivered = case.evidence, case.evidence.delivered_contents
    return tuple(
        event
        for event in _compared(case, tuple(delivered), delivered)
        if delivered[event.id] != evidence.contents[event.id] and event.id not in evidence.updated_at
    )


def other_content(
    case: Case, ids: Sequence[str], contents: Mapping[str, str], *, settled_at: int, at: int
) -> tuple[PersistedEvent, ...]:
    """Events whose content is not that of the log. Of those that were updated, the ones whose update came before
    ``settled_at``, and had reached the client ``at`` the journal index when it was asked.
    """
    return tuple(
        event
        for event in _compared(case, ids, contents)
        if contents[event.id] != case.evidence.contents[event.id] and _is_due(case, event.id, settled_at, at)
    )


def _is_due(case: Case, event_id: str, settled_at: int, at: int) -> bool:
    """Whether the newest version is to be held."""
    evidence = case.evidence
    updated_at = evidence.updated_at.get(event_id)
    return updated_at is None or (updated_at < settled_at and evidence.update_told_at.get(event_id, at) < at)


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
