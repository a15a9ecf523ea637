"""Properties: Hypothesis draws whole runs, holds the oracles to them, and shrinks what fails to a capsule.

``plans`` draws what happens: workload, faults of the first set, generation, cursor mode, certainty. What a fault draws
while the world runs comes from the same source (``HypothesisSource``), so there is one tape and one shrinker. Every
drawn world can be survived: outages end, refusals and failed calls are few, so a client has no excuse. What is not
judged is the cost, which a drawn allowance could not justify, and vacuity, for a drawn fault may find no victim.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from reports.record import RunRecord, Verdict, Violation
from scenarios import capsule
from scenarios.runner import RunRequest, RunResult, perform
from scenarios.scenario import CURSORS, GENERATIONS, Scenario

CLIENT = "gapless"
# The script waits this long after the attach, so that faults can be aimed at the run.
RUN_AT_S = 5
RUN_BOUND_S = 90
DRAWN_FAULTS_MAX = 3
_NOT_JUDGED = frozenset({Verdict.VACUOUS, Verdict.OVER_BUDGET})


class HypothesisSource:
    """Choices drawn by Hypothesis, each labelled with its stream."""

    def __init__(self, draw: Callable[..., Any]) -> None:
        self._draw = draw

    def integer(self, stream: str, low: int, high: int) -> int:
        """An integer with low <= it <= high; shrinks towards low."""
        return int(self._draw(st.integers(low, high), label=stream))

    def number(self, stream: str, low: float, high: float) -> float:
        """A number with low <= it <= high, in thousandths of the range; shrinks towards low."""
        return low + (high - low) * int(self._draw(st.integers(0, 1000), label=stream)) / 1000


def _tenths(low_s: float, high_s: float) -> st.SearchStrategy[float]:
    return st.integers(round(low_s * 10), round(high_s * 10)).map(lambda tenths: tenths / 10)


def _window(length_s: float = 3) -> st.SearchStrategy[dict[str, Any]]:
    """A while during the run in which a fault may act."""
    return st.tuples(_tenths(RUN_AT_S, RUN_AT_S + 3), _tenths(0.1, length_s)).map(
        lambda drawn: {"after_s": drawn[0], "before_s": round(drawn[0] + drawn[1], 1)}
    )


_VICTIMS = st.sampled_from(
    (
        {"kind": "ActionEvent"},
        {"kind": "ObservationEvent"},
        {"kind": "MessageEvent"},
        {"key": "execution_status"},
        {"key": "last_user_message_id"},
        {"snapshot": True},
        {"durable": True},
        {},
    )
)


def _frames() -> st.SearchStrategy[dict[str, Any]]:
    return st.builds(lambda victim, window: {**victim, **window}, _VICTIMS, _window())


def _event_faults() -> st.SearchStrategy[dict[str, Any]]:
    return st.one_of(
        st.fixed_dictionaries({"kind": st.just("event-drop"), "match": _frames()}),
        st.fixed_dictionaries({"kind": st.just("event-delay"), "match": _frames(), "delay_s": _tenths(0.1, 60)}),
        st.fixed_dictionaries({"kind": st.just("event-duplicate"), "match": _frames(), "copies": st.integers(1, 3)}),
        st.fixed_dictionaries({"kind": st.just("event-reorder"), "match": _frames(), "after": st.integers(1, 5)}),
    )


def _link_faults() -> st.SearchStrategy[dict[str, Any]]:
    at_s = _tenths(RUN_AT_S - 2, RUN_AT_S + 4)
    return st.one_of(
        st.fixed_dictionaries({"kind": st.just("link-reset"), "at_s": at_s}),
        st.fixed_dictionaries({"kind": st.just("link-reset"), "match": _frames()}),
        st.fixed_dictionaries(
            {"kind": st.just("link-close"), "at_s": at_s, "code": st.sampled_from((1001, 1012, 1013))}
        ),
        st.fixed_dictionaries({"kind": st.just("link-stall"), "at_s": at_s, "stall_s": _tenths(0.1, 30)}),
        st.fixed_dictionaries({"kind": st.just("link-refuse"), "match": _window(), "status": st.just(503)}),
        st.fixed_dictionaries(
            {"kind": st.just("link-latency"), "latency_s": _tenths(0, 0.5), "jitter_s": _tenths(0.1, 0.5)}
        ),
    )


def _rest_faults() -> st.SearchStrategy[dict[str, Any]]:
    calls = st.builds(
        lambda call, nth: {"call": [call], "nth": [nth]},
        st.sampled_from(("search", "count", "conversation")),
        st.integers(1, 4),
    )
    return st.one_of(
        st.fixed_dictionaries(
            {"kind": st.just("rest-status"), "match": calls, "status": st.sampled_from((429, 500, 502, 503))}
        ),
        st.fixed_dictionaries({"kind": st.just("rest-timeout"), "match": calls, "hang_s": _tenths(1, 30)}),
        st.fixed_dictionaries(
            {
                "kind": st.just("rest-malformed"),
                "match": calls,
                "body": st.sampled_from(("truncated", "not-json", "wrong-shape")),
            }
        ),
        st.fixed_dictionaries(
            {"kind": st.just("rest-unknown-cursor"), "match": st.integers(1, 2).map(lambda nth: {"nth": [nth]})}
        ),
    )


def _runs() -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {
            "actions": st.integers(0, 6),
            "step_s": st.sampled_from((0.1, 0.0, 0.01, 0.5)),
            "init_s": st.sampled_from((0.05, 0.0, 2.0)),
            "end_status": st.sampled_from(("finished", "paused", "waiting_for_confirmation")),
        }
    )


@st.composite
def plans(draw: st.DrawFn, client: str = CLIENT) -> RunRequest:
    """One run to try: a scenario that no file holds, in some variant."""
    runs = draw(st.lists(_runs(), min_size=1, max_size=2))
    faults = draw(st.lists(st.one_of(_event_faults(), _link_faults(), _rest_faults()), max_size=DRAWN_FAULTS_MAX))
    scenario = Scenario.model_validate(
        {
            "name": "drawn",
            "title": "A run that Hypothesis drew",
            "origin": "drawn by scenarios.properties",
            "documentation": True,
            "server": {"unknown_cursor": draw(st.sampled_from(("natural", "not-found", "bad-request")))},
            "workload": {"history_events": draw(st.sampled_from((0, 1, 12, 99, 130))), "runs": runs},
            "script": [
                "attach",
                {"sleep_s": RUN_AT_S},
                *(step for number, _ in enumerate(runs, 1) for step in ({"send": f"Task {number}"}, "run")),
            ],
            "faults": [{**fault, "name": f"fault-{number}"} for number, fault in enumerate(faults, 1)],
            "expect": {
                "certainty": draw(st.sampled_from(("branch", "log"))),
                "run_bound_s": RUN_BOUND_S,
            },
        }
    )
    return RunRequest(scenario, draw(st.sampled_from(GENERATIONS)), draw(st.sampled_from(CURSORS)), client)


class Violated(Exception):
    """A drawn run in which something did not hold: ``violation``, the first."""

    def __init__(self, violation: Violation) -> None:
        self.violation = violation
        super().__init__(f"{violation.oracle}: {violation.message}")


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found: the shrunk run, its first violation, and the capsule that keeps it."""

    record: RunRecord
    violation: Violation
    path: Path


def judged(record: RunRecord) -> tuple[Violation, ...]:
    """The violations that count here: neither cost nor vacuity."""
    return tuple(one for one in record.violations if one.breaks not in _NOT_JUDGED)


def search(client: str, *, examples: int, directory: Path = capsule.DIRECTORY) -> Found | None:
    """Try ``examples`` drawn runs on a client; None when all hold, else the shrunk failure, kept as a capsule.

    The same arguments try the same runs: what is drawn depends on nothing but this code.
    """
    last: list[tuple[RunRequest, RunResult]] = []

    @settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate, Phase.shrink),
    )
    @given(plans(client), st.data())
    def holds(request: RunRequest, data: st.DataObject) -> None:
        result = perform(request, source=HypothesisSource(data.draw))
        violations = judged(result.record)
        if violations:
            last[:] = [(request, result)]
            raise Violated(violations[0])

    try:
        holds()
    except Violated as violated:
        # Hypothesis runs the smallest failure once more before it raises, so the last one is that.
        request, result = last[0]
        path = capsule.write(request, result.record, result.tape, directory)
        return Found(result.record, violated.violation, path)
    return None
