"""Counted REST calls stay within the optimum plus the scenario's allowances. Bytes, events read and absolute numbers of
calls stay within bounds where the scenario sets them.
"""

from __future__ import annotations

from collections.abc import Iterator

from gapless.reports.records.record import RestCost, Verdict, Violation
from gapless.scenarios.judging.optimum import optimum
from gapless.scenarios.judging.oracles.case import Case, OracleFinding, count

NAME = "budget"


def cost(case: Case) -> RestCost:
    """What the run cost, and the least that was possible."""
    least = optimum(
        case.evidence,
        generation=case.generation,
        certainty=case.expect.certainty,
        run_bound_s=case.expect.run_bound_s,
    ).calls
    return RestCost(
        calls=case.evidence.calls,
        attach_calls=case.evidence.attach_calls,
        bytes=case.evidence.bytes,
        events_read=case.evidence.events_read,
        attach_events_read=case.evidence.attach_events_read,
        optimum_calls=least,
        allowed_calls=least + case.budget.calls_above_optimum(case.generation),
        because=case.budget.because(case.generation),
    )


def budget(case: Case) -> OracleFinding:
    """Judge the cost of the whole run. There is something to judge as soon as attach was called."""
    return OracleFinding(int(case.evidence.attach is not None), tuple(_violations(case)))


def _violations(case: Case) -> Iterator[Violation]:
    spent = cost(case)
    if spent.calls > spent.allowed_calls:
        allowance = case.budget.calls_above_optimum(case.generation)
        extra = f" and {allowance} allowed above it" if allowance else ""
        message = f"{count(spent.calls, 'REST call')} spent; the optimum is {spent.optimum_calls}{extra}"
        yield Violation(NAME, message, breaks=Verdict.OVER_BUDGET)
    for what, value, bound in _bounded(case):
        if bound is not None and value > bound:
            yield Violation(NAME, f"{value} {what}; the budget is {bound}", breaks=Verdict.OVER_BUDGET)


def _bounded(case: Case) -> Iterator[tuple[str, int, int | None]]:
    seen, may, generation = case.evidence, case.budget, case.generation
    yield "body bytes", seen.bytes, may.bytes_max
    yield "events read by the server", seen.events_read, may.events_read_max
    yield "REST calls until attach returned", seen.attach_calls, may.attach_calls.of(generation)
    yield "REST calls after the attach", seen.calls - seen.attach_calls, may.later_calls.of(generation)
    reads = seen.events_read - seen.attach_events_read
    yield "events read by the server after the attach", reads, may.later_events_read.of(generation)
