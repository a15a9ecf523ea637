"""What failed. Runs that failed alike are grouped, and messages are made short."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from gapless.reports.records.record import RunRecord, Verdict

_ID = re.compile(r"\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{4}([0-9a-f]{8})\b")


@dataclass(frozen=True, slots=True)
class FailureGroup:
    """Runs of one scenario and client that failed alike: the verdict and the first violated property are the same.

    ``runs`` are the indices of their records. ``message`` is the first violation of the first run, ``more`` the number
    of its other violations.
    """

    verdict: Verdict
    scenario: str
    client: str
    oracle: str
    message: str
    more: int
    runs: tuple[int, ...]


def failures(records: Sequence[RunRecord]) -> tuple[FailureGroup, ...]:
    """Every run that does not hold, grouped; the gravest first, equal ones in the order of the records."""
    alike: dict[tuple[str, str, Verdict, str], list[int]] = {}
    for index, one in enumerate(records):
        if one.verdict is not Verdict.HOLDS:
            oracle = one.violations[0].oracle if one.violations else ""
            alike.setdefault((one.scenario, one.client, one.verdict, oracle), []).append(index)
    found: list[FailureGroup] = []
    for (scenario, client, verdict, oracle), runs in alike.items():
        violations = records[runs[0]].violations
        message = brief(violations[0].message) if violations else ""
        found.append(FailureGroup(verdict, scenario, client, oracle, message, max(0, len(violations) - 1), tuple(runs)))
    return tuple(sorted(found, key=lambda one: one.verdict.gravity))


def lost_events(records: Sequence[RunRecord]) -> int:
    """How many events were lost. What a client did not hold and said so is not lost: its run is not unsafe."""
    return sum(one.lost_events for one in records if one.verdict is Verdict.UNSAFE)


def brief(message: str) -> str:
    """The message with each id cut to its last eight characters, as traces show ids."""
    return _ID.sub(r"…\1", message)


def how_many_fail(failed: int, runs: int) -> str:
    """``the run fails``, ``1 of 5 runs fails``, ``4 of 5 runs fail``."""
    if runs == 1:
        return "the run fails"
    return f"{failed} of {runs} runs {'fails' if failed == 1 else 'fail'}"
