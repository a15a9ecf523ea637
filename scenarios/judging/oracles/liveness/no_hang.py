"""Each step returns or raises a typed error before its deadline, and the client lets time pass.

A typed error where the scenario allows none means that the client gave up although it could have gone on. An error that
the client does not declare is a crash. Either way the caller's step is not done, so both break liveness.
"""

from __future__ import annotations

from collections.abc import Iterator

from gapless.reports.records.record import Verdict, Violation
from gapless.scenarios.judging.evidence import StepCall
from gapless.scenarios.judging.oracles.case import Case, OracleFinding

NAME = "no-hang"


def no_hang(case: Case) -> OracleFinding:
    """Judge every step that was asked of the client."""
    steps = case.evidence.steps
    found = (*(found for step in steps for found in _step(case, step)), *_spinning(case))
    return OracleFinding(len(steps), found)


def _step(case: Case, step: StepCall) -> Iterator[Violation]:
    message = None
    if step.outcome == "crashed":
        message = f"{step.step}() crashed: {step.message}"
    elif step.outcome == "failed" and not case.may_fail(step):
        message = f"{step.step}() gave up: {step.message}"
    elif step.outcome == "unfinished" and case.evidence.spinning is None:
        message = f"{step.step}() never ended, for the client broke down meanwhile"
    elif step.outcome == "hung" and step.step == "close":
        message = "close() had not ended by its deadline"
    elif step.outcome == "hung":
        message = f"{step.step}() had not ended {case.expect.step_deadline_s:g} s after it was called"
    if message is not None:
        yield Violation(NAME, message, breaks=Verdict.STUCK)


def _spinning(case: Case) -> Iterator[Violation]:
    if case.evidence.spinning is not None:
        yield Violation(NAME, case.evidence.spinning, breaks=Verdict.STUCK)
