"""The record of a run with two clients, from the records of each. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from gapless.reports.records.record import (
    GRAVITY,
    ClientRecord,
    Judged,
    RestCost,
    RunRecord,
    Unjudged,
    Verdict,
    Violation,
    gravest,
)
from gapless.scenarios.judging.oracles.budget import NAME as BUDGET
from gapless.scenarios.judging.oracles.budget import SECOND


def joined(first: RunRecord, second: RunRecord, own_costs: tuple[RestCost, RestCost]) -> RunRecord:
    """One record of both. What is said about the second client begins with its name.

    ``first``: its cost and its finding about the budget are those of both. ``own_costs``: what each spent.
    """
    violations = [*first.violations, *(_named(one) for one in second.violations)]
    violations.sort(key=lambda one: GRAVITY.index(one.breaks))
    return replace(
        first,
        verdict=gravest(one.breaks for one in violations),
        violations=tuple(violations),
        judged=tuple(_summed((*first.judged, *second.judged))),
        lost_events=first.lost_events + second.lost_events,
        return_s=max((one.return_s for one in (first, second) if one.return_s is not None), default=None),
        never_returned=first.never_returned + second.never_returned,
        unjudged=tuple(dict.fromkeys((*first.unjudged, *_own_unjudged(second)))),
        clients=(_part(1, first, own_costs[0]), _part(2, second, own_costs[1])),
    )


def _named(one: Violation) -> Violation:
    return replace(one, message=f"{SECOND}: {one.message}")


def _own_unjudged(second: RunRecord) -> Iterable[Unjudged]:
    return (one for one in second.unjudged if one.oracle != BUDGET)


def _summed(judged: Iterable[Judged]) -> Iterable[Judged]:
    counts: dict[str, int] = {}
    for one in judged:
        counts[one.oracle] = counts.get(one.oracle, 0) + one.count
    return (Judged(oracle, count) for oracle, count in counts.items())


def _part(client: int, record: RunRecord, own: RestCost) -> ClientRecord:
    verdicts: list[Verdict] = [one.breaks for one in record.violations if one.oracle != BUDGET]
    return ClientRecord(
        client=client,
        verdict=gravest(verdicts),
        judged=tuple(one for one in record.judged if one.oracle != BUDGET),
        calls=own.calls,
        optimum_calls=own.optimum_calls,
        bytes=own.bytes,
        events_read=own.events_read,
        lost_events=record.lost_events,
        return_s=record.return_s,
        never_returned=record.never_returned,
    )
