"""Faults of the server itself. Each strikes at a moment."""

from __future__ import annotations

from gapless.scenarios.explore.worlds.expected_course import ATTACHED_LATE_S, Course, Data
from gapless.scenarios.explore.worlds.fault_timing import in_a_run, moment, named, tenths
from gapless.simserver.choices import Choices


def restart(choices: Choices, course: Course) -> list[Data]:
    down_s = tenths(choices, "down", 0.5, 5)
    aim, leaf_lags = moment(choices, course), choices.integer("leaf-lags", 0, 2) == 2
    lease = {"lease_s": choices.pick("lease", (5, 1, 15))} if choices.integer("is-leased", 0, 3) == 3 else {}
    if aim.moment.get("at_s", ATTACHED_LATE_S) < ATTACHED_LATE_S:
        lease = {}  # a conversation that is hidden before a client has ever seen it is not there, for all that it knows
    return [{"kind": "server-restart", **aim.moment, "down_s": down_s, "leaf_lags": leaf_lags, **lease}]


def asleep(choices: Choices, course: Course) -> list[Data]:
    """A runtime that sleeps for a while. One that sleeps for good is given up by every client."""
    wakes = {"wakes_on_write": True} if choices.integer("wakes-on-write", 0, 2) == 2 else {}
    wrong = {"can_resume": False} if choices.integer("cannot-resume", 0, 2) == 2 else {}
    asleep_s = tenths(choices, "asleep", 0.5, 20)
    return [{"kind": "runtime-asleep", **moment(choices, course).moment, "asleep_s": asleep_s, **wakes, **wrong}]


def truncate(choices: Choices, course: Course) -> list[Data]:
    """A log that is cut during a restart, as when a backup is restored. Without a restart no client could notice."""
    aim = in_a_run(choices, course)
    lost = {"events": choices.integer("lost-events", 1, 5)} if choices.integer("backup", 0, 2) < 2 else {}
    down = named(course, {"kind": "server-restart", **aim.moment, "down_s": 1})
    if aim.cause:
        return [down, {"kind": "log-truncate", "at": {"after_fault": down["name"], "delay_s": 0.5}, **lost}]
    return [down, {"kind": "log-truncate", "at_s": round(aim.at_s + 0.5, 3), **lost}]


def insert(choices: Choices, course: Course) -> list[Data]:
    """A back-fill before the client comes. Later ones are announced by nothing, so no client could know of them, and so
    is one in a log that a snapshot says to be empty."""
    if not course.workload.get("history_events"):
        return []
    at_s = tenths(choices, "inserted", 0, ATTACHED_LATE_S - 0.1)
    when = {"at": {"step": "sleep", "delay_s": at_s}} if choices.integer("by-cause", 0, 1) else {"at_s": at_s}
    events, before_last = choices.integer("inserted-events", 1, 5), choices.pick("before-last", (5, 0, 1, 120))
    return [{"kind": "log-insert", **when, "events": events, "before_last": before_last}]


def clock_step(choices: Choices, course: Course) -> list[Data]:
    step_s = choices.pick("step", (-3600, 3600, -1, 1))
    return [{"kind": "clock-step", **moment(choices, course).moment, "step_s": step_s}]


def clock_ties(choices: Choices, course: Course) -> list[Data]:
    resolution_s = choices.pick("tick", (1, 0.01, 10))
    return [{"kind": "clock-ties", **moment(choices, course).moment, "resolution_s": resolution_s}]
