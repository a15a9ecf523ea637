"""The course of a drawn world without faults: what happens, and when. Faults are timed by it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from gapless.simserver.choices import Choices
from gapless.simserver.conversation.workload import recorded

Data = dict[str, Any]
Part = Callable[[Callable[[], Any]], Any]

# The script waits this long after the attach. So the first run begins at a known time, and faults can be timed by it.
RUN_AT_S = 5
RUNS_MAX = 3
BACKGROUND_MAX = 2
HISTORIES = (0, 30, 99, 100, 150, 450)
ACTIONS = (0, 1, 2, 3, 4, 5, 6, 60)
# A shrunk world has the first. ``finished`` is the likeliest, because a stop hook can veto no other end.
END_STATUSES = ("finished", "finished", "finished", "paused", "waiting_for_confirmation", "error", "stuck")
BETWEEN_RUNS: tuple[tuple[Any, ...], ...] = (
    (),
    ({"sleep_s": 3},),
    ("disconnect",),
    ({"restart_s": 1},),
    ("disconnect", {"sleep_s": 3}),
    ({"sleep_s": 30},),
)
_PAUSE: Data = {"sleep_s": RUN_AT_S}
HEALED_RUN: Data = {"actions": 1}
RECORDING = "agent-server-1.57.0"
API_KEY = "a-drawn-key"
# One world in this many has a recording, begins late, or carries payloads of another size.
RARELY = 12
PAYLOADS = (0, 5_000, 40_000)


@dataclass(frozen=True, slots=True)
class Course:
    """What happens in a world without faults.

    ``workload``, ``script``: as in a scenario file
    ``runs``: when each run begins and ends, in virtual seconds, if the client loses no time. The run after ``heal`` is
    left out, because no fault strikes it.
    ``ends``: the status at the end of each of these runs
    ``struck``: when the faults drawn so far strike, so that another can strike soon after
    """

    workload: Data
    script: tuple[Any, ...]
    runs: tuple[tuple[float, float], ...]
    ends: tuple[str, ...]
    struck: list[float] = field(default_factory=list)


def course(choices: Choices, part: Part) -> Course:
    """Draw a course."""
    history = choices.pick("history", HISTORIES)
    is_recorded = choices.integer("recording", 0, RARELY - 1) == RARELY - 1
    is_late = choices.integer("late-attach", 0, RARELY - 1) == RARELY - 1
    runs: list[Data] = []
    script: list[Any] = [{"sleep_s": 2}, "attach", {"sleep_s": RUN_AT_S - 2}] if is_late else ["attach", _PAUSE]
    times: list[tuple[float, float]] = []
    now_s = float(RUN_AT_S)
    most = len(_recorded_s()) if is_recorded else RUNS_MAX
    while not runs or (len(runs) < most and choices.integer("another-run", 0, 2) == 2):
        if runs:
            between = choices.pick("between-runs", BETWEEN_RUNS)
            script += between
            now_s += sum(next(iter(step.values())) for step in between if isinstance(step, dict))
        run = {"end_status": "finished"} if is_recorded else part(lambda: _run(choices))
        script += [{"send": f"Task {len(runs) + 1}"}, "run"]
        ends_s = now_s + (_recorded_s()[len(runs)] if is_recorded else _lasts_s(run))
        runs.append(run)
        times.append((now_s, round(ends_s, 3)))
        now_s = ends_s
    ends = tuple(str(run["end_status"]) for run in runs)
    background: list[Data] = []
    while len(background) < BACKGROUND_MAX and choices.integer("background", 0, 4) == 4:
        background.append(part(lambda: _background(choices, times)))
    if choices.integer("healed-run", 0, 3):
        script += ["heal", {"send": "Go on"}, "run"]
        runs.append(HEALED_RUN)
    if choices.integer("closes", 0, 3) == 3:
        script.append("close")
    payload = _payload(choices)
    made_up = {"recording": RECORDING} if is_recorded else {"history_events": history, "runs": runs, **payload}
    return Course({**made_up, "background": background}, tuple(script), tuple(times), ends)


@cache
def _recorded_s() -> tuple[float, ...]:
    """How long each run of the recording lasts, in seconds."""
    plans = recorded(RECORDING).runs
    return tuple(plan.init_s + sum(step.duration_s for step in plan.steps) for plan in plans)


def _lasts_s(run: Data) -> float:
    return float(run["init_s"] + 2 * run["actions"] * run["step_s"])


def _payload(choices: Choices) -> Data:
    """Now and then, another size of payloads."""
    if choices.integer("payload", 0, RARELY - 1) < RARELY - 1:
        return {}
    return {"payload_bytes": choices.pick("payload-bytes", PAYLOADS)}


def _run(choices: Choices) -> Data:
    return {
        "actions": choices.pick("actions", ACTIONS),
        "step_s": choices.pick("step", (0.1, 0.0, 0.01, 0.5)),
        "init_s": choices.pick("init", (0.05, 0.0, 2.0)),
        "end_status": choices.pick("end-status", END_STATUSES),
        **_payload(choices),
    }


def _background(choices: Choices, runs: list[tuple[float, float]]) -> Data:
    """Another client sends a message, runs the agent or pauses it, within 2 s of a run's beginning or end."""
    begin_s, end_s = choices.pick("background-run", runs)
    about_s = choices.pick("background-about", (begin_s, end_s))
    at_s = round(max(0.0, about_s + choices.integer("background-at", -20, 20) / 10), 3)
    what = choices.integer("background-what", 0, 3)
    if what == 3:
        return {"at_s": at_s, "pause": True}
    run = {"run": _run_of_another(choices)} if what else {}
    return {"at_s": at_s, **({"message": "By the way"} if what < 2 else {}), **run}


def _run_of_another(choices: Choices) -> Data:
    """A short run that another client starts."""
    run: Data = {"actions": choices.integer("background-actions", 0, 2)}
    if choices.integer("background-run-is-plain", 0, 2) == 2:
        run |= {"init_s": choices.pick("init", (0.05, 0.0, 2.0)), "step_s": choices.pick("step", (0.1, 0.0, 0.5))}
        run |= {"end_status": choices.pick("end-status", END_STATUSES)}
    return run
