"""An event reaches the application within a bound, at any time after the attach, also where no run is waited for.

Judged where the scenario sets the bound, `Expectation.delivery_bound_s`: what a fault keeps from everybody cannot be
due. A socket whose path is dead says nothing, so a client that never asks whether the other end is there waits for
ever (R35). A client that never says what reaches its application is not judged.
"""

from __future__ import annotations

from gapless.reports.records.record import Verdict, Violation
from gapless.scenarios.judging.oracles.case import Case, OracleFinding, ids_of, named

NAME = "delivered-in-time"


def delivered_in_time(case: Case) -> OracleFinding:
    """Judge the events of the log that were appended after the attach, except those of the last seconds."""
    evidence, bound_s = case.evidence, case.expect.delivery_bound_s
    attached_at = evidence.attach.ended_at if evidence.attach else None
    if bound_s is None or attached_at is None:
        return OracleFinding(0)
    if not evidence.says_deliveries:
        return OracleFinding(0, unjudged='never says which events reach its application, with {"id": …}')
    due_s = {
        event.id: evidence.appended_s[event.id] + bound_s
        for event in evidence.log
        if event.at > attached_at and event.readable and (event.branch or case.expect.certainty == "log")
    }
    first_s: dict[str, float] = {}
    for one in evidence.delivered:
        first_s.setdefault(one.id, one.t_s)
    due = [one for one in evidence.log if one.id in due_s and due_s[one.id] <= evidence.ended_s]
    late = [one for one in due if first_s.get(one.id, float("inf")) > due_s[one.id]]
    if not late:
        return OracleFinding(len(due))
    message = f"did not reach the application within {bound_s:g} s: {named(late)}"
    return OracleFinding(len(due), (Violation(NAME, message, ids_of(late), breaks=Verdict.STUCK),))
