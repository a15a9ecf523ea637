"""Counted REST calls stay within the optimum plus the scenario's allowances. Bytes, events read and absolute numbers of
calls stay within bounds where the scenario sets them.

Where the user wrote a budget for the client, from a run, that one holds instead.
"""

from __future__ import annotations

from collections.abc import Iterator

from gapless.reports.records.record import RestCost, Verdict, Violation
from gapless.scenarios.judging.optimum import Optimum, optimum
from gapless.scenarios.judging.oracles.case import Case, OracleFinding, count
from gapless.scenarios.judging.own_budget import OwnBudget

NAME = "budget"


def cost(case: Case) -> RestCost:
    """What the run cost, and the least that was possible."""
    best = _optimum(case)
    least, own = best.calls, case.own_budget
    return RestCost(
        calls=case.evidence.calls,
        attach_calls=case.evidence.attach_calls,
        bytes=case.evidence.bytes,
        events_read=case.evidence.events_read,
        attach_events_read=case.evidence.attach_events_read,
        optimum_calls=least,
        allowed_calls=least + case.budget.calls_above_optimum(case.generation) if own is None else own.calls,
        because=case.budget.because(case.generation) if own is None else (f"{own.file} has so many",),
        basis=best.basis,
    )


def _optimum(case: Case) -> Optimum:
    return optimum(
        case.evidence,
        generation=case.generation,
        certainty=case.expect.certainty,
        run_bound_s=case.expect.run_bound_s,
    )


def budget(case: Case) -> OracleFinding:
    """Judge the cost of the whole run. There is something to judge as soon as attach was called."""
    return OracleFinding(int(case.evidence.attach is not None), tuple(_violations(case)))


def _violations(case: Case) -> Iterator[Violation]:
    if case.own_budget is not None:
        yield from _over_own(case, case.own_budget)
        return
    spent = cost(case)
    if spent.calls > spent.allowed_calls:
        allowance = case.budget.calls_above_optimum(case.generation)
        extra = f" and {allowance} allowed above it" if allowance else ""
        basis = f" ({'; '.join(spent.basis)})" if spent.basis else ""
        message = f"{count(spent.calls, 'REST call')} spent; the optimum is {spent.optimum_calls}{extra}{basis}"
        yield Violation(NAME, message, breaks=Verdict.OVER_BUDGET)
    for what, value, bound in _bounded(case):
        if bound is not None and value > bound:
            yield Violation(NAME, f"{value} {what}; the budget is {bound}", breaks=Verdict.OVER_BUDGET)


def _spendings(case: Case, own: OwnBudget) -> Iterator[tuple[str, int, int]]:
    yield "REST calls", case.evidence.calls, own.calls
    yield "body bytes", case.evidence.bytes, own.bytes
    yield "events read by the server", case.evidence.events_read, own.events_read


def _over_own(case: Case, own: OwnBudget) -> Iterator[Violation]:
    for what, value, bound in _spendings(case, own):
        if value > bound:
            yield Violation(NAME, f"{value} {what}; {own.file} has {bound}", breaks=Verdict.OVER_BUDGET)


def under_own(case: Case) -> str | None:
    """Where less was spent than the user's budget has, in words; None where nothing was saved."""
    own = case.own_budget
    if own is None or any(_over_own(case, own)):
        return None
    saved = [f"{value} {what}, {own.file} has {bound}" for what, value, bound in _spendings(case, own) if value < bound]
    return "; ".join(saved) or None


def _bounded(case: Case) -> Iterator[tuple[str, int, int | None]]:
    seen, may, generation = case.evidence, case.budget, case.generation
    yield "body bytes", seen.bytes, may.bytes_max
    yield "events read by the server", seen.events_read, may.events_read_max
    yield "REST calls until attach returned", seen.attach_calls, may.attach_calls.of(generation)
    yield "REST calls after the attach", seen.calls - seen.attach_calls, may.later_calls.of(generation)
    reads = seen.events_read - seen.attach_events_read
    yield "events read by the server after the attach", reads, may.later_events_read.of(generation)
