"""Runs all oracles over a run, and checks that those that found nothing had something to judge."""

from __future__ import annotations

from collections.abc import Sequence

from gapless.reports.records.record import GRAVITY, FaultFired, Judged, Verdict, Violation
from gapless.scenarios.definition.scenario import Scenario
from gapless.scenarios.judging.oracles import ORACLES
from gapless.scenarios.judging.oracles.case import Case
from gapless.scenarios.judging.oracles.delivered_once import NAME as DELIVERED_ONCE

# These oracles judge a return of run(). Without run() in the script they have nothing to judge.
ABOUT_RUNS = frozenset({"no-tail-loss", "no-holes", "delivered-once", "honest", "returns-in-time"})


def judge(
    case: Case, scenario: Scenario, faults: Sequence[FaultFired]
) -> tuple[tuple[Violation, ...], tuple[Judged, ...]]:
    """All violations, gravest first, and how much each oracle judged."""
    findings = [(name, oracle(case)) for name, oracle in ORACLES]
    judged = tuple(Judged(name, finding.judged) for name, finding in findings)
    violations = [violation for _, finding in findings for violation in finding.violations]
    violations += _vacuous_faults(faults)
    if not violations:
        abstained = () if case.evidence.says_deliveries else (DELIVERED_ONCE,)
        violations += _vacuous_oracles(scenario, [one for one in judged if one.oracle not in abstained])
    violations.sort(key=lambda violation: GRAVITY.index(violation.breaks))
    return tuple(violations), judged


def _vacuous_faults(faults: Sequence[FaultFired]) -> list[Violation]:
    return [
        Violation(
            "vacuity",
            f"the planned fault {fault.name!r} ({fault.kind}) never fired: this run proves nothing about it"
            + (f"; nearest: {fault.nearest}" if fault.nearest else ""),
            breaks=Verdict.VACUOUS,
        )
        for fault in faults
        if fault.fired == 0
    ]


def _vacuous_oracles(scenario: Scenario, judged: Sequence[Judged]) -> list[Violation]:
    """Oracles that judged nothing. Called only for a run without violations: a run that failed may have ended early."""
    runs = "run" in scenario.script
    return [
        Violation("vacuity", f"the oracle {one.oracle!r} had nothing to judge", breaks=Verdict.VACUOUS)
        for one in judged
        if one.count == 0 and (runs or one.oracle not in ABOUT_RUNS)
    ]
