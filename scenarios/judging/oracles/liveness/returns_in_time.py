"""``run()`` returns after the server ended the run, and within a bound of that end, on the run's clock.

Too early breaks safety (R13, R15, R16): the caller goes on while the agent still works. Too late breaks liveness (R17).
"""

from __future__ import annotations

from collections.abc import Iterator

from gapless.reports.records.record import Verdict, Violation
from gapless.scenarios.judging.evidence import RunCall
from gapless.scenarios.judging.oracles.case import Case, OracleFinding, ordinal_of

NAME = "returns-in-time"
_ALMOST_S = 0.1


def returns_in_time(case: Case) -> OracleFinding:
    """Judge each return of ``run()`` that was about a run of the server."""
    runs = tuple(run for run in case.returned_runs() if run.server_run is not None)
    return OracleFinding(len(runs), tuple(found for run in runs for found in _violations(case, run)))


def _violations(case: Case, run: RunCall) -> Iterator[Violation]:
    assert run.server_run is not None
    assert run.step.ended_s is not None
    ended_s, returned_s = run.server_run.ended_s, run.step.ended_s
    which = ordinal_of(case, run)
    if ended_s is None:
        yield Violation(NAME, f"{which} returned at {returned_s:.3f} s, and the server never ended that run")
    elif returned_s < ended_s:
        message = f"{which} returned at {returned_s:.3f} s, before the server's end at {ended_s:.3f} s"
        # A client that takes the last status for the end is milliseconds early, and the two times print alike.
        if ended_s - returned_s < _ALMOST_S:
            message += f", by {1000 * (ended_s - returned_s):.1f} ms: a run ends with its final snapshot"
        yield Violation(NAME, message)
    elif returned_s > ended_s + case.expect.run_bound_s:
        message = (
            f"{which} returned {returned_s - ended_s:.1f} s after the server's end; "
            f"the bound is {case.expect.run_bound_s:g} s"
        )
        yield Violation(NAME, message, breaks=Verdict.STUCK)
