"""After two outages, the client's tries to connect do not come at the same moments.

A client without jitter waits equally long each time. All clients that a server has lost together would come back
together, and again after each refusal (R41). Judged where two outages had enough tries.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, pairwise
from typing import Final

from gapless.reports.records.record import Verdict, Violation
from gapless.scenarios.judging.oracles.case import Case, OracleFinding

NAME = "jitter"
WAITS_MIN: Final = 4
"""Outages with fewer waits are not judged: few waits can be equal by chance."""
EQUAL_S: Final = 0.001


def jitter(case: Case) -> OracleFinding:
    """Judge the waits between the tries of each outage that a refused try belongs to."""
    outages = [waits for waits in map(_waits, case.evidence.outages_s) if len(waits) >= WAITS_MIN]
    for one, other in combinations(outages, 2):
        if _begin_alike(one, other):
            shown = ", ".join(f"{wait_s:g}" for wait_s in one[:WAITS_MIN])
            message = f"after two outages the client waited equally long before each try ({shown} s): it has no jitter"
            return OracleFinding(len(outages), (Violation(NAME, message, breaks=Verdict.OVER_BUDGET),))
    return OracleFinding(len(outages) if len(outages) > 1 else 0)


def _waits(times_s: Sequence[float]) -> list[float]:
    return [later - earlier for earlier, later in pairwise(times_s)]


def _begin_alike(one: Sequence[float], other: Sequence[float]) -> bool:
    return all(abs(a - b) <= EQUAL_S for a, b in zip(one[:WAITS_MIN], other[:WAITS_MIN], strict=True))
