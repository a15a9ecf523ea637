"""What the client claims (complete, what that covers, by which proof) is true, and no loss is silent.

A return says that the run is over, so a run must have been in progress. A client that claims nothing says by its return
that nothing is missing; if it lost an event, that loss is silent. "Incomplete" is accepted only where the scenario
allows it, or where no client could hold every event. Elsewhere nothing prevents completeness, so a client that does
not reach it has not converged.
"""

from __future__ import annotations

from collections.abc import Iterator

from gapless.reports.records.record import Verdict, Violation
from gapless.scenarios.judging.evidence import RunCall
from gapless.scenarios.judging.oracles.case import Case, OracleFinding, ids_of, named, ordinal_of

NAME = "honest"


def honest(case: Case) -> OracleFinding:
    """Judge each return of ``run()``: the claim against what was held then."""
    runs = case.returned_runs()
    return OracleFinding(len(runs), tuple(found for run in runs for found in _violations(case, run)))


def _violations(case: Case, run: RunCall) -> Iterator[Violation]:
    which = ordinal_of(case, run)
    if not run.overlapped_a_run:
        yield Violation(NAME, f"{which} returned, and the server had no run under way at any time until then")
    if run.complete is False:
        if not case.is_excused_incomplete(run) and not case.is_beyond_reach(run):
            message = f"{which} said that it is incomplete, though nothing stood in the way"
            yield Violation(NAME, message, breaks=Verdict.STUCK)
        return
    scope = (run.covers or "branch") if run.complete else case.expect.certainty
    missing = case.missing(run, scope)
    if missing and run.complete:
        message = f"{which} claimed to be complete ({scope}, by {run.proof}) without {named(missing)}"
        yield Violation(NAME, message, ids_of(missing))
    elif missing:
        yield Violation(NAME, f"{which} lost {named(missing)} and said nothing", ids_of(missing))
    elif run.complete and run.proof in (None, "none"):
        yield Violation(NAME, f"{which} claimed to be complete by no proof")
