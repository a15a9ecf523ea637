"""Budget: counted REST calls stay within the optimum plus what the scenario allows; bytes and reads where
it says.
"""

from __future__ import annotations

from collections.abc import Iterator

from reports.record import RestCost, Verdict, Violation
from scenarios.optimum import optimum
from scenarios.oracles.case import Case, Finding, count

NAME = "budget"


def cost(case: Case) -> RestCost:
    """What the run cost beside the least possible."""
    least = optimum(
        case.evidence,
        generation=case.generation,
        certainty=case.expect.certainty,
        run_bound_s=case.expect.run_bound_s,
    ).calls
    return RestCost(
        calls=case.evidence.calls,
        bytes=case.evidence.bytes,
        events_read=case.evidence.events_read,
        optimum_calls=least,
        allowed_calls=least + case.budget.calls_above_optimum(case.generation),
    )


def budget(case: Case) -> Finding:
    """The whole run's cost; there is always something to judge once the client was told to attach."""
    return Finding(int(case.evidence.attach is not None), tuple(_violations(case)))


def _violations(case: Case) -> Iterator[Violation]:
    spent = cost(case)
    if spent.calls > spent.allowed_calls:
        allowance = case.budget.calls_above_optimum(case.generation)
        extra = f" and {allowance} allowed above it" if allowance else ""
        message = f"{count(spent.calls, 'REST call')} spent; the optimum is {spent.optimum_calls}{extra}"
        yield Violation(NAME, message, breaks=Verdict.OVER_BUDGET)
    for what, value, bound in (
        ("body bytes", spent.bytes, case.budget.bytes_max),
        ("events read by the server", spent.events_read, case.budget.events_read_max),
    ):
        if bound is not None and value > bound:
            yield Violation(NAME, f"{value} {what}; the budget is {bound}", breaks=Verdict.OVER_BUDGET)
