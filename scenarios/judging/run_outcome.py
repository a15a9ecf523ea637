"""Aftermath: what a run of a client came to, in the numbers by which clients are compared.

Pure. Not a judgement: a scenario may allow what is counted here.
"""

from __future__ import annotations

from dataclasses import dataclass

from gapless.scenarios.judging.oracles.case import Case


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """``lost_events``: events that some ``run()`` returned without, or that are not held at the end by a client whose
    ``run()`` did not return. ``return_s``: the longest time from the server's end of a run to the return of ``run()``,
    virtual seconds, None when none returned. ``never_returned``: how many ``run()`` did not.
    """

    lost_events: int
    return_s: float | None
    never_returned: int


def run_outcome(case: Case) -> RunOutcome:
    """The numbers of one run."""
    evidence = case.evidence
    lost = {event.id: None for run in case.returned_runs() for event in case.missing(run, case.expect.certainty)}
    stuck = [run for run in evidence.runs if run.step.outcome != "returned"]
    if stuck:
        held = frozenset(evidence.held_at_end)
        since = evidence.history_length()
        lost |= {
            event.id: None
            for event in evidence.log[since:]
            if event.id not in held and (event.branch or case.expect.certainty == "log")
        }
    waits_s = [
        max(0.0, run.step.ended_s - run.server_run.ended_s)
        for run in case.returned_runs()
        if run.server_run is not None and run.server_run.ended_s is not None and run.step.ended_s is not None
    ]
    return RunOutcome(len(lost), round(max(waits_s), 6) if waits_s else None, len(stuck))
