"""What the client claims (complete, what that covers, by which proof) is true, and no loss is silent.

A return says that the run is over, so a run must have been in progress. A client that claims nothing says by its return
that nothing is missing; if it lost an event, that loss is silent. "Incomplete" is accepted only where the scenario
allows it, or where no client could hold every event. Elsewhere nothing prevents completeness, so a client that does
not reach it has not converged.

A gap is where something is missing. A client that declares one around events of the branch that it holds, when attach
returns or ``run()`` claims to be complete, would be excused for whatever it loses there. One that says that it is
incomplete may hold events whose place it does not know.
"""

from __future__ import annotations

from collections.abc import Iterator
from operator import attrgetter

from gapless.reports.records.record import Verdict, Violation
from gapless.scenarios.judging.evidence import HeldThen, RunCall
from gapless.scenarios.judging.oracles.case import Case, OracleFinding, ids_of, named, ordinal_of

NAME = "honest"


def honest(case: Case) -> OracleFinding:
    """Judge each return of ``run()``: the claim against what was held then."""
    runs = case.returned_runs()
    unsure_at = [run.step.ended_at for run in runs if run.complete is False]
    told = [one for one in case.evidence.held_then if one.gaps and one.step != "closed" and one.at not in unsure_at]
    violations = [found for run in runs for found in _violations(case, run)]
    violations += [found for then in told for found in _held_in_gaps(case, then)]
    return OracleFinding(len(runs), tuple(violations))


def _held_in_gaps(case: Case, then: HeldThen) -> Iterator[Violation]:
    known = (case.evidence.by_id[one] for one in then.ids if one in case.evidence.by_id)
    branch = sorted((one for one in known if one.branch and one.gone_at is None), key=attrgetter("index"))
    declared = case.in_gaps(then.gaps or (), branch)
    held = tuple(one for one in branch if one.id in declared)
    if held:
        message = f"when {then.step}() returned, the client held events in a gap that it declared: {named(held)}"
        yield Violation(NAME, message, ids_of(held))


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
