"""Runs the oracles over a run, and checks that those that found nothing had something to judge."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gapless.reports.records.record import GRAVITY, FaultFired, Judged, Unjudged, Verdict, Violation
from gapless.scenarios.definition.scenario import Scenario
from gapless.scenarios.judging.oracles import ORACLES
from gapless.scenarios.judging.oracles.case import Case
from gapless.scenarios.judging.oracles.liveness.no_hang import no_hang

# These oracles judge a return of run(). Without run() in the script they have nothing to judge.
ABOUT_RUNS = frozenset({"no-tail-loss", "no-holes", "delivered-once", "honest", "returns-in-time"})
# These judge what a client or a run may not have: nothing in an empty log has content. A campaign must use each once.
MAY_BE_IDLE = frozenset({"content", "state", "says-what-it-did", "ends-first", "jitter", "delivered-in-order"})
# Where no run is made, what is held at attach is all that shows whether the client did anything.
SHOWS_ANYTHING = frozenset({"held-at-attach", "history"})


@dataclass(frozen=True, slots=True)
class Judgement:
    """All violations, gravest first; how much each oracle judged; what the client was not judged by, and why."""

    violations: tuple[Violation, ...]
    judged: tuple[Judged, ...]
    unjudged: tuple[Unjudged, ...]


def judge(case: Case, scenario: Scenario, faults: Sequence[FaultFired], chosen: Sequence[str] = ()) -> Judgement:
    """Judge a run. ``chosen``: names of the oracles that judge; empty: all of them."""
    findings = [(name, oracle(case)) for name, oracle in ORACLES if not chosen or name in chosen]
    judged = tuple(Judged(name, finding.judged) for name, finding in findings)
    unjudged = tuple(Unjudged(name, finding.unjudged) for name, finding in findings if finding.unjudged)
    violations = [violation for _, finding in findings for violation in finding.violations]
    violations += _vacuous_faults(faults)
    if not violations:
        violations += _vacuous_oracles(case, scenario, judged, unjudged)
    if chosen and violations and all(one.breaks is Verdict.VACUOUS for one in violations):
        # A client that got stuck had nothing to be judged by. That is the finding, whoever was to judge.
        violations += no_hang(case).violations
    violations.sort(key=lambda violation: GRAVITY.index(violation.breaks))
    return Judgement(tuple(violations), judged, unjudged)


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


def _vacuous_oracles(
    case: Case, scenario: Scenario, judged: Sequence[Judged], unjudged: Sequence[Unjudged]
) -> Iterator[Violation]:
    """Oracles that judged nothing. Called only for a run without violations: a run that failed may have ended early."""
    excused = frozenset(one.oracle for one in unjudged)
    for one in judged:
        if one.count == 0 and one.oracle not in excused and _has_something(case, scenario, one.oracle):
            message = f"the oracle {one.oracle!r} had nothing to judge"
            yield Violation("vacuity", message, breaks=Verdict.VACUOUS)
    for without in unjudged:
        if without.oracle == "history" and "history" in case.evidence.cannot:
            message = f"the client {without.why}"
            yield Violation("vacuity", message, breaks=Verdict.VACUOUS)
    is_shown = any(one.count for one in judged if one.oracle in SHOWS_ANYTHING)
    if "run" not in scenario.script and not is_shown and excused & SHOWS_ANYTHING:
        message = "nothing that the client holds was judged: it does not say what it holds"
        yield Violation("vacuity", message, breaks=Verdict.VACUOUS)


def _has_something(case: Case, scenario: Scenario, oracle: str) -> bool:
    """Whether the script gives an oracle something to judge."""
    if oracle in MAY_BE_IDLE:
        return False
    if oracle in ABOUT_RUNS:
        return "run" in scenario.script
    if oracle == "history":
        return "history" in scenario.script
    if oracle == "budget":
        return case.client == 1
    if oracle == "sent-once":
        return any(step.step in ("send", "run") for step in case.evidence.steps)
    if oracle == "delivered-in-time":
        return scenario.expect.delivery_bound_s is not None
    if oracle == "held-at-attach":
        return case.evidence.attach is not None and case.evidence.attach.outcome == "returned"
    return True
