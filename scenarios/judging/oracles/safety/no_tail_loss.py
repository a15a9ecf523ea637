"""When ``run()`` returns, every event persisted up to the end of that run is held.

Judged at the scenario's certainty, or at the client's claim where that covers more.
"""

from __future__ import annotations

from collections.abc import Iterator

from gapless.reports.records.record import Violation
from gapless.scenarios.judging.oracles.case import Case, OracleFinding, ids_of, named, ordinal_of


def no_tail_loss(case: Case) -> OracleFinding:
    """Judge each return of ``run()`` against the log up to the end of the run."""
    runs = case.returned_runs()
    judged = sum(case.judged(run, case.scope(run)) for run in runs)
    return OracleFinding(judged, tuple(_violations(case)))


def _violations(case: Case) -> Iterator[Violation]:
    for run in case.returned_runs():
        missing = case.missing(run, case.scope(run))
        if missing and not case.is_excused_incomplete(run):
            message = f"{ordinal_of(case, run)} returned without {named(missing)}"
            yield Violation("no-tail-loss", message, ids_of(missing))
