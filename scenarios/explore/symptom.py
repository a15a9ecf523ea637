"""Symptoms: what did not hold in a drawn world, said in a way that is the same for every world that fails so."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gapless.reports.records.record import RunRecord, Verdict, Violation
from gapless.scenarios.running.runner import RunResult

# What a drawn world is not judged by: the cost, for which no allowance could be justified beforehand, and that each
# planned fault fires. Over all worlds together, vacuity is judged.
NOT_JUDGED = frozenset({Verdict.VACUOUS, Verdict.OVER_BUDGET})

_SAME = (
    (re.compile(r"run\(\) no\. \d+"), "run()"),
    (re.compile(r"(gave up|crashed): (\w+):.*"), r"\1: \2"),
    (re.compile(r", by [\d.]+ ms: .*"), ""),
    (re.compile(r" \([^()]*\)"), ""),
    (re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"), ""),
    (re.compile(r"\d+(\.\d+)?"), "n"),
    (re.compile(r"\b\w*[eE]vents?\b"), "event"),
    (re.compile(r"(, )+(?=, |$)"), ""),
    (re.compile(r"\s+"), " "),
)
_ORDINAL = re.compile(r"run\(\) no\. (\d+)")


@dataclass(frozen=True, slots=True, order=True)
class Symptom:
    """What did not hold: the oracle, and what it said without ids, numbers and lists."""

    oracle: str
    shape: str


def symptom_of(violation: Violation) -> Symptom:
    """The symptom of a violation."""
    shape = violation.message
    for pattern, same in _SAME:
        shape = pattern.sub(same, shape)
    return Symptom(violation.oracle, shape.strip(" ,:"))


def symptoms_in(result: RunResult) -> Mapping[Symptom, Violation]:
    """The symptoms of a run, each with the first violation that shows it, gravest first; without those that only follow
    from others. A client that crashed does nothing more; one that returned too early cannot hold what came after that;
    and to say nothing of a loss takes a loss.
    """
    violations = judged(result.record)
    crashes = [one for one in violations if one.oracle == "no-hang" and " crashed: " in one.message]
    if crashes:
        violations = tuple(crashes[:1])
    early = {_ordinal(one) for one in violations if one.oracle == "returns-in-time" and one.breaks is Verdict.UNSAFE}
    if early:
        violations = tuple(one for one in violations if not (_ordinal(one) in early and _came_later(one, result.lines)))
    own = [one for one in violations if one.oracle != "honest"] or violations
    found: dict[Symptom, Violation] = {}
    for one in own:
        found.setdefault(symptom_of(one), one)
    return found


def judged(record: RunRecord) -> tuple[Violation, ...]:
    """The violations that count in a drawn world, gravest first."""
    return tuple(one for one in record.violations if one.breaks not in NOT_JUDGED)


def _ordinal(violation: Violation) -> int:
    """The run() that a violation speaks of."""
    found = _ORDINAL.search(violation.message)
    return int(found.group(1)) if found else 1


def _came_later(violation: Violation, lines: Sequence[str]) -> bool:
    """Whether all the events that a violation speaks of were appended after its run() had returned."""
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
