"""The course of a drawn world without faults: what happens, and when. Faults are timed by it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gapless.simserver.choices import Choices

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
HEALED_RUN: Data = {"actions": 1}


@dataclass(frozen=True, slots=True)
class Course:
    """What happens in a world without faults.

    ``workload``, ``script``: as in a scenario file
    ``runs``: when each run begins and ends, in virtual seconds, if the client loses no time. The run after ``heal`` is
    left out, because no fault strikes it.
    """

    workload: Data
    script: tuple[Any, ...]
    runs: tuple[tuple[float, float], ...]


def course(choices: Choices, part: Part) -> Course:
    """Draw a course."""
    history = choices.pick("history", HISTORIES)
    runs: list[Data] = []
    script: list[Any] = ["attach", {"sleep_s": RUN_AT_S}]
    times: list[tuple[float, float]] = []
    now_s = float(RUN_AT_S)
    while not runs or (len(runs) < RUNS_MAX and choices.integer("another-run", 0, 2) == 2):
        if runs:
            between = choices.pick("between-runs", BETWEEN_RUNS)
            script += between
            now_s += sum(next(iter(step.values())) for step in between if isinstance(step, dict))
        run = part(lambda: _run(choices))
        runs.append(run)
        script += [{"send": f"Task {len(runs)}"}, "run"]
        ends_s = now_s + run["init_s"] + 2 * run["actions"] * run["step_s"]
        times.append((now_s, round(ends_s, 3)))
        now_s = ends_s
    background: list[Data] = []
    while len(background) < BACKGROUND_MAX and choices.integer("background", 0, 4) == 4:
        background.append(part(lambda: _background(choices, times)))
    if choices.integer("healed-run", 0, 3):
        script += ["heal", {"send": "Go on"}, "run"]
        runs.append(HEALED_RUN)
    workload = {"history_events": history, "runs": runs, "background": background}
    return Course(workload, tuple(script), tuple(times))


def _run(choices: Choices) -> Data:
    return {
        "actions": choices.pick("actions", ACTIONS),
        "step_s": choices.pick("step", (0.1, 0.0, 0.01, 0.5)),
        "init_s": choices.pick("init", (0.05, 0.0, 2.0)),
        "end_status": choices.pick("end-status", END_STATUSES),
    }


def _background(choices: Choices, runs: list[tuple[float, float]]) -> Data:
    """Another client sends a message, runs the agent or pauses it, within 2 s of a run's beginning or end."""
    begin_s, end_s = choices.pick("background-run", runs)
    about_s = choices.pick("background-about", (begin_s, end_s))
    at_s = round(max(0.0, about_s + choices.integer("background-at", -20, 20) / 10), 3)
    what = choices.integer("background-what", 0, 3)
    if what == 3:
        return {"at_s": at_s, "pause": True}
    run = {"run": {"actions": choices.integer("background-actions", 0, 2)}} if what else {}
    return {"at_s": at_s, **({"message": "By the way"} if what < 2 else {}), **run}
