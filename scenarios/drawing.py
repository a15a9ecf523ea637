"""Drawing: a whole world from a source of choices; a plain generator draws many, Hypothesis draws and shrinks.

``plan`` draws what happens: history, runs, what others do, faults of every kind, generation, cursor mode, certainty. It
draws integers only and one after the other, the plainest first, so that whatever a generator drew can be handed to
Hypothesis as a list of numbers and shrunk there. Every drawn world can be survived: outages end, refusals and failed
calls are few, so a client has no excuse.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from scenarios.runner import RunRequest
from scenarios.scenario import CURSORS, GENERATIONS, Scenario
from simserver.choices import Choices

# The script waits this long after the attach, so that faults can be aimed at the run.
RUN_AT_S = 5
RUN_BOUND_S = 90
DRAWN_FAULTS_MAX = 3
DRAWN_RUNS_MAX = 3
# Three answers in a row that never come are a server that is away: a typed error is all that a client can say.
HANGS_MAX = 2
HISTORIES = (0, 30, 99, 100, 150, 450)
END_STATUSES = ("finished", "paused", "waiting_for_confirmation", "error", "stuck")

Data = dict[str, Any]
Part = Callable[[Callable[[], Data]], Data]


def _alone(make: Callable[[], Data]) -> Data:
    return make()


class NumberedSource:
    """Choices of one seeded generator, in the order in which they are asked for; ``drawn`` is all of them.

    A number is drawn in thousandths of its range, as ``HypothesisSource`` does, so that the lists are the same.
    """

    def __init__(self, seed: int) -> None:
        # A string seed goes through SHA-512, so PYTHONHASHSEED has no say in it.
        self._generator = random.Random(f"world/{seed}")
        self.drawn: list[int] = []

    def integer(self, stream: str, low: int, high: int) -> int:
        """An integer with low <= it <= high."""
        value = self._generator.randint(low, high)
        self.drawn.append(value)
        return value

    def number(self, stream: str, low: float, high: float) -> float:
        """A number with low <= it <= high."""
        return low + (high - low) * self.integer(stream, 0, 1000) / 1000


def plan(choices: Choices, client: str, *, part: Part = _alone) -> RunRequest:
    """One run to try: a scenario that no file holds, in some variant. ``part`` is told which draws belong together."""
    generation = choices.pick("generation", GENERATIONS)
    cursor = choices.pick("cursor", CURSORS)
    certainty = choices.pick("certainty", ("branch", "log"))
    history = choices.pick("history", HISTORIES)
    unknown_cursor = choices.pick("unknown-cursor", ("natural", "not-found", "bad-request"))
    runs = [part(lambda: _run(choices))]
    while len(runs) < DRAWN_RUNS_MAX and choices.integer("another-run", 0, 2) == 2:
        runs.append(part(lambda: _run(choices)))
    background = [part(lambda: _background(choices))] if choices.integer("background", 0, 4) == 4 else []
    faults: list[Data] = []
    while len(faults) < DRAWN_FAULTS_MAX and choices.integer("another-fault", 0, 3) >= 1:
        faults.append(part(lambda: _fault(choices)))
    hangs = [fault for fault in faults if fault["kind"] == "rest-timeout"]
    if len(hangs) > HANGS_MAX:
        faults.remove(hangs[-1])
    scenario = Scenario.model_validate(
        {
            "name": "drawn",
            "title": "A run that was drawn",
            "origin": "drawn by scenarios.properties",
            "documentation": True,
            "server": {"unknown_cursor": unknown_cursor},
            "workload": {"history_events": history, "runs": runs, "background": background},
            "script": [
                "attach",
                {"sleep_s": RUN_AT_S},
                *(step for number, _ in enumerate(runs, 1) for step in ({"send": f"Task {number}"}, "run")),
            ],
            "faults": [{**fault, "name": f"fault-{number}"} for number, fault in enumerate(faults, 1)],
            "expect": {"certainty": certainty, "run_bound_s": RUN_BOUND_S},
        }
    )
    return RunRequest(scenario, generation, cursor, client)


def _run(choices: Choices) -> Data:
    return {
        "actions": choices.pick("actions", (0, 1, 2, 3, 4, 5, 6, 60)),
        "step_s": choices.pick("step", (0.1, 0.0, 0.01, 0.5)),
        "init_s": choices.pick("init", (0.05, 0.0, 2.0)),
        "end_status": choices.pick("end-status", END_STATUSES),
    }


def _background(choices: Choices) -> Data:
    """Somebody else says something, at rest or during a run."""
    return {"at_s": _tenths(choices, "background-at", RUN_AT_S - 4, RUN_AT_S + 4), "message": "By the way"}


def _fault(choices: Choices) -> Data:
    return choices.pick("fault", _FAULTS)(choices)


def _tenths(choices: Choices, stream: str, low_s: float, high_s: float) -> float:
    return choices.integer(stream, round(low_s * 10), round(high_s * 10)) / 10


def _window(choices: Choices) -> Data:
    """A while during the run in which a fault may act."""
    after_s, length_s = _tenths(choices, "after", RUN_AT_S, RUN_AT_S + 3), _tenths(choices, "length", 0.1, 3)
    return {"after_s": after_s, "before_s": round(after_s + length_s, 1)}


_VICTIMS: tuple[Data, ...] = (
    {"kind": "ActionEvent"},
    {"kind": "ObservationEvent"},
    {"kind": "MessageEvent"},
    {"key": "execution_status"},
    {"key": "last_user_message_id"},
    {"snapshot": True},
    {"durable": True},
    {},
)


def _frames(choices: Choices) -> Data:
    victim = dict(choices.pick("victim", _VICTIMS))
    often = choices.pick("often", (1.0, 0.5))
    sometimes = {} if often == 1.0 else {"probability": often}
    return {**victim, **_window(choices), **sometimes}


def _calls(choices: Choices) -> Data:
    return {
        "call": [choices.pick("call", ("search", "count", "conversation"))],
        "nth": [choices.integer("nth", 1, 4)],
    }


def _moment(choices: Choices) -> Data:
    """When a link fault strikes: at a time, or at a frame."""
    if choices.integer("at-a-frame", 0, 1):
        return {"match": {**_frames(choices), "nth": [choices.integer("nth-frame", 1, 3)]}}
    return {"at_s": _tenths(choices, "at", RUN_AT_S - 2, RUN_AT_S + 4)}


def _drop(choices: Choices) -> Data:
    return {"kind": "event-drop", "match": _frames(choices)}


def _delay(choices: Choices) -> Data:
    return {"kind": "event-delay", "match": _frames(choices), "delay_s": _tenths(choices, "delay", 0.1, 60)}


def _duplicate(choices: Choices) -> Data:
    return {"kind": "event-duplicate", "match": _frames(choices), "copies": choices.integer("copies", 1, 3)}


def _reorder(choices: Choices) -> Data:
    return {"kind": "event-reorder", "match": _frames(choices), "after": choices.integer("overtaken-by", 1, 5)}


def _reset(choices: Choices) -> Data:
    return {"kind": "link-reset", **_moment(choices)}


def _close(choices: Choices) -> Data:
    return {"kind": "link-close", "code": choices.pick("code", (1001, 1012, 1013)), **_moment(choices)}


def _stall(choices: Choices) -> Data:
    return {"kind": "link-stall", "stall_s": _tenths(choices, "stall", 0.1, 30), **_moment(choices)}


def _refuse(choices: Choices) -> Data:
    status = {"status": 503} if choices.integer("refused-by-status", 0, 1) else {}
    return {"kind": "link-refuse", "match": _window(choices), **status}


def _latency(choices: Choices) -> Data:
    return {
        "kind": "link-latency",
        "latency_s": _tenths(choices, "latency", 0, 0.5),
        "jitter_s": _tenths(choices, "jitter", 0.1, 0.5),
        "on": choices.pick("on", ("both", "socket", "rest")),
    }


def _status(choices: Choices) -> Data:
    retry_after = {"retry_after_s": choices.integer("retry-after", 1, 5)} if choices.integer("says-when", 0, 1) else {}
    status = choices.pick("status", (503, 429, 500, 502))
    return {"kind": "rest-status", "match": _calls(choices), "status": status, **retry_after}


def _hang(choices: Choices) -> Data:
    return {"kind": "rest-timeout", "match": _calls(choices), "hang_s": _tenths(choices, "hang", 1, 30)}


def _malformed(choices: Choices) -> Data:
    body = choices.pick("body", ("truncated", "not-json", "wrong-shape"))
    return {"kind": "rest-malformed", "match": _calls(choices), "body": body}


def _unknown(choices: Choices) -> Data:
    return {"kind": "rest-unknown-cursor", "match": {"nth": [choices.integer("nth-cursor", 1, 2)]}}


# Those that a reader understands at once come first: a shrunk world prefers them.
_FAULTS: tuple[Callable[[Choices], Data], ...] = (
    _drop,
    _delay,
    _duplicate,
    _reorder,
    _reset,
    _close,
    _stall,
    _refuse,
    _latency,
    _status,
    _hang,
    _malformed,
    _unknown,
)
