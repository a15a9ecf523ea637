"""Faults of the server itself. Each strikes at a time."""

from __future__ import annotations

from gapless.scenarios.explore.worlds.expected_course import Course, Data
from gapless.scenarios.explore.worlds.fault_timing import in_a_run, moment, tenths
from gapless.simserver.choices import Choices


def restart(choices: Choices, course: Course) -> list[Data]:
    down_s = tenths(choices, "down", 0.5, 5)
    at_s, leaf_lags = moment(choices, course), choices.integer("leaf-lags", 0, 2) == 2
    return [{"kind": "server-restart", "at_s": at_s, "down_s": down_s, "leaf_lags": leaf_lags}]


def truncate(choices: Choices, course: Course) -> list[Data]:
    """A log that is cut during a restart, as when a backup is restored. Without a restart no client could notice."""
    at_s = in_a_run(choices, course)
    lost = {"events": choices.integer("lost-events", 1, 5)} if choices.integer("backup", 0, 2) < 2 else {}
    return [
        {"kind": "server-restart", "at_s": at_s, "down_s": 1},
        {"kind": "log-truncate", "at_s": round(at_s + 0.5, 2), **lost},
    ]


def clock_step(choices: Choices, course: Course) -> list[Data]:
    step_s = choices.pick("step", (-3600, 3600, -1, 1))
    return [{"kind": "clock-step", "at_s": moment(choices, course), "step_s": step_s}]


def clock_ties(choices: Choices, course: Course) -> list[Data]:
    return [
        {"kind": "clock-ties", "at_s": moment(choices, course), "resolution_s": choices.pick("tick", (1, 0.01, 10))}
    ]
