"""Each event reaches the application exactly once, repaired events included (R62).

Events that were in the log before attach returned may reach the application through the list of held events instead, so
for them the rule is: at most once. Snapshots and other events that are never persisted are not judged. Nor is a client
that never says what reaches its application: what it holds is no delivery.
"""

from __future__ import annotations

from collections import Counter

from gapless.reports.records.record import Violation
from gapless.scenarios.judging.oracles.case import Case, OracleFinding, ids_of, named

NAME = "delivered-once"


def delivered_once(case: Case) -> OracleFinding:
    """Judge the persisted events that were delivered, and those from after the attach that are held at the end."""
    evidence = case.evidence
    if not evidence.says_deliveries:
        return OracleFinding(0, unjudged='never says which events reach its application, with {"id": …}')
    times = Counter(one for one in evidence.deliveries if one in evidence.by_id)
    attached_at = evidence.attach.ended_at if evidence.attach else -1
    held = frozenset(evidence.held_at_end)
    due = [event for event in evidence.log if attached_at is not None and event.at > attached_at and event.id in held]
    violations = []
    twice = tuple(event for event in evidence.log if times[event.id] > 1)
    if twice:
        violations.append(Violation(NAME, f"delivered more than once: {named(twice)}", ids_of(twice)))
    never = tuple(event for event in due if times[event.id] == 0)
    if never:
        violations.append(Violation(NAME, f"held, but never delivered: {named(never)}", ids_of(never)))
    return OracleFinding(len(times) + len(due), tuple(violations))
