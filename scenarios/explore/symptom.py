"""Symptoms: violations reduced to a form that is equal for all worlds that fail in the same way."""

from __future__ import annotations

import json
import re
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gapless.reports.records.record import RunRecord, Verdict, Violation
from gapless.scenarios.errors import WorldBroke
from gapless.scenarios.running.runner import RunResult

# Verdicts that do not count in a drawn world. No allowance of calls could be justified for it beforehand, so its cost
# is not judged. Its planned faults need not all fire; `Campaign.never` judges that over all worlds.
NOT_JUDGED = frozenset({Verdict.VACUOUS, Verdict.OVER_BUDGET})

_REPLACEMENTS = (
    (re.compile(r"run\(\) no\. \d+"), "run()"),
    # The words of a program are kept: the class of its error alone tells too little. Of other clients, the class is.
    (re.compile(r"(gave up|crashed): (?!Failure:)(\w+):.*", re.DOTALL), r"\1: \2"),
    (re.compile(r"(?<=\s)'[^']*'"), ""),
    (re.compile(r", by [\d.]+ ms: .*"), ""),
    (re.compile(r" \([^()]*\)"), ""),
    (re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"), ""),
    (re.compile(r"\d+(\.\d+)?"), "n"),
    (re.compile(r"\b\w*[eE]vents?\b"), "event"),
    (re.compile(r"(, )+(?=, |$)"), ""),
    (re.compile(r"\s+"), " "),
)
# The symptom of a world that broke down, in place of the name of an oracle.
BROKE = "world-broke"
_SHAPE_CHARACTERS_MAX = 160
# Many programs tell by an error that a run has ended so. It is no failure of theirs, when it comes soon.
_TOLD_BY_ERROR = frozenset({"error", "stuck"})
_SOON_S = 5.0
_ORDINAL = re.compile(r"run\(\) no\. (\d+)")


@dataclass(frozen=True, slots=True, order=True)
class Symptom:
    """The oracle that failed, and its message without ids, numbers and lists."""

    oracle: str
    shape: str


def violation_of(error: WorldBroke) -> Violation:
    """A world that broke down, in the form of a violation. Its verdict is HOLDS: it says nothing of the client.

    The message has the original error, and the function in which it was raised.
    """
    cause = error.__cause__
    while (inner := _inner(cause)) is not None:
        cause = inner
    if cause is None:
        return Violation(BROKE, str(error), breaks=Verdict.HOLDS)
    frames = traceback.extract_tb(cause.__traceback__)
    where = f" in {frames[-1].name}, {Path(frames[-1].filename).name}" if frames else ""
    return Violation(BROKE, f"{type(cause).__name__}: {cause}{where}", breaks=Verdict.HOLDS)


def _inner(error: BaseException | None) -> BaseException | None:
    """The error behind another one: a server answers an error of its own by raising one more."""
    if error is None:
        return None
    if isinstance(error, BaseExceptionGroup):
        return error.exceptions[0]
    # A cancellation is no Exception, and explains nothing.
    return error.__cause__ or (error.__context__ if isinstance(error.__context__, Exception) else None)


def symptom_of(violation: Violation) -> Symptom:
    """The symptom of a violation."""
    shape = violation.message
    for pattern, replacement in _REPLACEMENTS:
        shape = pattern.sub(replacement, shape)
    return Symptom(violation.oracle, shape.strip(" ,:")[:_SHAPE_CHARACTERS_MAX])


def symptoms_in(result: RunResult) -> Mapping[Symptom, Violation]:
    """The symptoms of a run, gravest first, each with the first violation that shows it.

    Violations that follow from another one are left out:

    - If the client crashed, everything else. It does nothing after a crash.
    - If ``run()`` returned too early, the loss of events that were appended after the return.
    - That a program's ``run()`` raised an error when the run had ended with an error, or stuck: so it tells of it.
    - Violations of the oracle ``honest``, if there are others: they report that a loss was not declared.
    """
    violations = judged(result.record)
    crashes = [one for one in violations if one.oracle == "no-hang" and " crashed: " in one.message]
    if crashes:
        violations = tuple(crashes[:1])
    told = _told_by_error(result.lines) if any(" gave up: Failure: " in one.message for one in violations) else ()
    violations = tuple(one for one in violations if not (told and one.message.endswith(told)))
    early = {_ordinal(one) for one in violations if one.oracle == "returns-in-time" and one.breaks is Verdict.UNSAFE}
    if early:
        violations = tuple(
            one for one in violations if not (_ordinal(one) in early and _appended_after_return(one, result.lines))
        )
    own = [one for one in violations if one.oracle != "honest"] or violations
    found: dict[Symptom, Violation] = {}
    for one in own:
        found.setdefault(symptom_of(one), one)
    return found


def _told_by_error(lines: Sequence[str]) -> tuple[str, ...]:
    """The errors of steps ``run`` that came soon after the agent's status had become error or stuck."""
    told: list[str] = []
    since_s: float | None = None
    for line in lines:
        if '"place":"agent"' in line and '"status":' in line:
            status = json.loads(line)
            since_s = status["t_s"] if status["status"] in _TOLD_BY_ERROR else None
        elif '"what":"error"' in line and since_s is not None:
            error = json.loads(line)
            if (error["step"], error["outcome"]) == ("run", "failed") and error["t_s"] - since_s <= _SOON_S:
                told.append(f"run() gave up: {error['error']}: {error['message']}")
    return tuple(told)


def judged(record: RunRecord) -> tuple[Violation, ...]:
    """The violations that count in a drawn world, gravest first. See `NOT_JUDGED`."""
    return tuple(one for one in record.violations if one.breaks not in NOT_JUDGED)


def _ordinal(violation: Violation) -> int:
    """The ordinal of the run() that a violation is about. A message without an ordinal is about the first."""
    found = _ORDINAL.search(violation.message)
    return int(found.group(1)) if found else 1


def _appended_after_return(violation: Violation, lines: Sequence[str]) -> bool:
    """Whether all events of a violation were appended after its run() had returned."""
    if not violation.event_ids:
        return False
    wanted, calls, returned = frozenset(violation.event_ids), 0, False
    for line in lines:
        if '"what":"run-called"' in line:
            calls += 1
        elif '"what":"run-returned"' in line:
            returned = returned or calls == _ordinal(violation)
        elif not returned and '"what":"append"' in line and json.loads(line)["id"] in wanted:
            return False
    return True
