"""The numbers of a run by which clients are compared: lost events, and the time to return.

Pure. These numbers are counts and no verdicts: a scenario may allow what is counted here.
"""

from __future__ import annotations

from dataclasses import dataclass

from gapless.scenarios.judging.oracles.case import Case


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """The numbers of one run.

    ``lost_events``: events that were missing when some ``run()`` returned. When some ``run()`` did not return, events
    after the history that are not held at the end count too. ``return_s``: the longest time from the server's end of a
    run to the return of ``run()``, in seconds; None when none returned. ``never_returned``: how many calls of ``run()``
    did not return.
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
