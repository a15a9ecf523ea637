"""Counted REST calls stay within the optimum plus the scenario's allowances. Bytes, events read and absolute numbers of
calls stay within bounds where the scenario sets them.

Where the user wrote a budget for the client, from a run, that one holds instead.
"""

from __future__ import annotations

from collections.abc import Iterator

from gapless.reports.records.record import RestCost, Verdict, Violation
from gapless.scenarios.judging.evidence import Evidence
from gapless.scenarios.judging.optimum import optimum
from gapless.scenarios.judging.oracles.case import Case, OracleFinding, count
from gapless.scenarios.judging.own_budget import OwnBudget

NAME = "budget"
SECOND = "the second client"


def cost(case: Case) -> RestCost:
    """What the run cost, and the least that was possible. For the first of two clients it is the sum of both."""
    spent = [own_cost(case.evidence, case)]
    if case.other is not None:
        spent.append(own_cost(case.other, case))
    least, own = sum(one.optimum_calls for one in spent), case.own_budget
    basis = spent[0].basis
    if len(spent) > 1:
        basis = (*basis, *(f"{SECOND}: {line}" for line in spent[1].basis))
    return RestCost(
        calls=sum(one.calls for one in spent),
        attach_calls=sum(one.attach_calls for one in spent),
        bytes=sum(one.bytes for one in spent),
        events_read=sum(one.events_read for one in spent),
        attach_events_read=sum(one.attach_events_read for one in spent),
        optimum_calls=least,
        allowed_calls=least + case.budget.calls_above_optimum(case.generation) if own is None else own.calls,
        because=case.budget.because(case.generation) if own is None else (f"{own.file} has so many",),
        basis=basis,
    )


def own_cost(evidence: Evidence, case: Case) -> RestCost:
    """What one client spent, and the least that was possible for it. Nothing is allowed above that here."""
    best = optimum(
        evidence,
        generation=case.generation,
        certainty=case.expect.certainty,
        run_bound_s=case.expect.run_bound_s,
    )
    return RestCost(
        calls=evidence.calls,
        attach_calls=evidence.attach_calls,
        bytes=evidence.bytes,
        events_read=evidence.events_read,
        attach_events_read=evidence.attach_events_read,
        optimum_calls=best.calls,
        allowed_calls=best.calls,
        basis=best.basis,
    )


def budget(case: Case) -> OracleFinding:
    """Judge the cost of the whole run. There is something to judge as soon as attach was called.

    What two clients spend is one sum, which is judged with the first.
    """
    if case.client != 1:
        return OracleFinding(0)
    return OracleFinding(int(case.evidence.attach is not None), tuple(_violations(case)))


def _violations(case: Case) -> Iterator[Violation]:
    spent = cost(case)
    if case.own_budget is not None:
        yield from _over_own(spent, case.own_budget)
        return
    if spent.calls > spent.allowed_calls:
        allowance = case.budget.calls_above_optimum(case.generation)
        extra = f" and {allowance} allowed above it" if allowance else ""
        basis = f" ({'; '.join(spent.basis)})" if spent.basis else ""
        message = f"{count(spent.calls, 'REST call')} spent; the optimum is {spent.optimum_calls}{extra}{basis}"
        yield Violation(NAME, message, breaks=Verdict.OVER_BUDGET)
    for what, value, bound in _bounded(spent, case):
        if bound is not None and value > bound:
            yield Violation(NAME, f"{value} {what}; the budget is {bound}", breaks=Verdict.OVER_BUDGET)


def _spendings(spent: RestCost, own: OwnBudget) -> Iterator[tuple[str, int, int]]:
    yield "REST calls", spent.calls, own.calls
    yield "body bytes", spent.bytes, own.bytes
    yield "events read by the server", spent.events_read, own.events_read


def _over_own(spent: RestCost, own: OwnBudget) -> Iterator[Violation]:
    for what, value, bound in _spendings(spent, own):
        if value > bound:
            yield Violation(NAME, f"{value} {what}; {own.file} has {bound}", breaks=Verdict.OVER_BUDGET)


def under_own(case: Case) -> str | None:
    """Where less was spent than the user's budget has, in words; None where nothing was saved."""
    own = case.own_budget
    if own is None:
        return None
    spent = cost(case)
    if any(_over_own(spent, own)):
        return None
    saved = [
        f"{value} {what}, {own.file} has {bound}" for what, value, bound in _spendings(spent, own) if value < bound
    ]
    return "; ".join(saved) or None


def _bounded(seen: RestCost, case: Case) -> Iterator[tuple[str, int, int | None]]:
    may, generation = case.budget, case.generation
    yield "body bytes", seen.bytes, may.bytes_max
    yield "events read by the server", seen.events_read, may.events_read_max
    yield "REST calls until attach returned", seen.attach_calls, may.attach_calls.of(generation)
    yield "REST calls after the attach", seen.calls - seen.attach_calls, may.later_calls.of(generation)
    reads = seen.events_read - seen.attach_events_read
    yield "events read by the server after the attach", reads, may.later_events_read.of(generation)
