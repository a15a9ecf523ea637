"""Faults of the publisher: frames, events, and the end of a run."""

from __future__ import annotations

from gapless.scenarios.explore.worlds.expected_course import Course, Data
from gapless.scenarios.explore.worlds.fault_timing import (
    after_another,
    events,
    frames,
    in_a_run,
    moment,
    once,
    sometimes,
    tenths,
    window,
)
from gapless.simserver.choices import Choices

LONG_DELAY_S = 60


def long_delay(choices: Choices, course: Course) -> list[Data]:
    """A delay longer than any client waits. It draws the same numbers as `drop`, so that a drop can shrink to it."""
    match = frames(choices, course)
    choices.integer("leaves", 0, 1)
    return [{"kind": "event-delay", "match": match, "delay_s": LONG_DELAY_S}]


def delay(choices: Choices, course: Course) -> list[Data]:
    match, delay_s = frames(choices, course), tenths(choices, "delay", 0.1, 10)
    until = _until(choices, course)
    return [{"kind": "event-delay", "match": match, **(until or {"delay_s": delay_s})}]


def drop(choices: Choices, course: Course) -> list[Data]:
    match = frames(choices, course)
    return [{"kind": "event-drop", "match": match, "leaves": choices.pick("leaves", ("nothing", "half"))}]


def duplicate(choices: Choices, course: Course) -> list[Data]:
    copies, gap_s = choices.integer("copies", 1, 3), choices.pick("gap", (0, 0.1, 2))
    match, until = frames(choices, course), _until(choices, course)
    return [{"kind": "event-duplicate", "match": match, "copies": copies, "gap_s": gap_s, **until}]


def reorder(choices: Choices, course: Course) -> list[Data]:
    after, hold_s = choices.integer("overtaken-by", 1, 5), choices.pick("hold", (1, 0.1, 5))
    return [{"kind": "event-reorder", "match": frames(choices, course), "after": after, "hold_s": hold_s}]


def overflow(choices: Choices, course: Course) -> list[Data]:
    """A full send queue. A slow link makes the frames pile up."""
    match = window(choices, in_a_run(choices, course))
    slow = {"kind": "link-bandwidth", "bytes_per_s": 2_000, "on": "socket", "match": match}
    frames_max = choices.integer("unread", 1, 3)
    then = choices.pick("then", ("close", "drop"))
    return [slow, {"kind": "queue-overflow", "frames_max": frames_max, "then": then, "match": match}]


def flood(choices: Choices, course: Course) -> list[Data]:
    match, deltas = once(events(choices, course)), choices.pick("frames", (20, 5, 200))
    size_bytes = choices.pick("delta-bytes", (8, 1, 1_000))
    return [{"kind": "delta-flood", "match": match, "frames": deltas, "size_bytes": size_bytes}]


def persist_late(choices: Choices, course: Course) -> list[Data]:
    lag_s = tenths(choices, "lag", 0.1, 5)
    return [{"kind": "publish-before-persist", "match": events(choices, course), "lag_s": lag_s}]


def persist_never(choices: Choices, course: Course) -> list[Data]:
    return [{"kind": "publish-never-persist", "match": once(events(choices, course))}]


def corrupt(choices: Choices, course: Course) -> list[Data]:
    match = once(events(choices, course))
    reload = {"until_restart": True} if choices.integer("until-restart", 0, 2) == 2 else {}
    return [{"kind": "corrupt-record", "match": match, **reload}]


def updated(choices: Choices, course: Course) -> list[Data]:
    match = {"kind": choices.pick("updated", ("ActionEvent", "ObservationEvent"))} | _counted(choices, course)
    return [{"kind": "event-updated", "match": match, "after_s": choices.pick("updated-after", (0.05, 0.3, 2))}]


def unknown_kind(choices: Choices, course: Course) -> list[Data]:
    new_kind = choices.pick("new-kind", ("HologramEvent", "event"))
    return [{"kind": "event-unknown-kind", "match": once(events(choices, course)), "new_kind": new_kind}]


def stamped_late(choices: Choices, course: Course) -> list[Data]:
    return [{"kind": "event-stamped-late", "match": events(choices, course)}]


def veto(choices: Choices, course: Course) -> list[Data]:
    """One veto, so that the run does end. It comes before a client stops waiting for a veto (R14)."""
    after_s = tenths(choices, "thinks", 0.1, 4)
    match = {"nth": [choices.integer("nth-end", 1, len(course.runs))]}
    more, step_s = choices.integer("more", 0, 2), choices.pick("more-step", (0.1, 0, 1))
    return [{"kind": "stop-hook-veto", "match": match, "after_s": after_s, "actions": more, "step_s": step_s}]


def late_tail(choices: Choices, course: Course) -> list[Data]:
    return [
        {
            "kind": "late-tail",
            "match": _ending(choices, course),
            "after_s": tenths(choices, "late", 0.1, 2),
            "events": choices.integer("events", 1, 3),
            "what": choices.pick("what", ("stats", "log")),
        }
    ]


def stale_snapshot(choices: Choices, course: Course) -> list[Data]:
    aim = in_a_run(choices, course)
    match: Data = {**aim.onwards, "nth": [choices.integer("nth-snapshot", 1, 2)]}
    of = choices.integer("of-which", 0, 5)
    if of == 2:
        match = {"connection": [choices.integer("nth-socket", 1, 2)], "nth": [1]}
    elif of == 3:
        match |= {"status": [choices.pick("status", ("running", "finished", "idle"))]}
    elif of == 4:
        match = {**moment(choices, course).onwards, "first": choices.integer("nth-snapshot", 1, 2)}
    elif of == 5:
        match = window(choices, after_another(choices, course))
    elif of == 1:
        match = window(choices, aim)
    match |= sometimes(choices)
    return [{"kind": "snapshot-stale", "match": match, "stale_s": tenths(choices, "stale", 0.1, 10)}]


def _ending(choices: Choices, course: Course) -> Data:
    """The nth end of a run, the first end with a status, or each end in a window."""
    how = choices.integer("which-end", 0, 7)
    if how == 7:
        number = choices.integer("nth-end", 1, len(course.runs))
        during: tuple[Data, ...] = (
            {"run": [number]},
            {"step": {"name": "run", "nth": number}},
            {"between_runs": False},
        )
        return {**choices.pick("during", during), "first": 1}
    if how == 6:
        return window(choices, after_another(choices, course), 10)
    if how == 5:
        return {"status": [choices.pick("which-status", course.ends)], "nth": [1]}
    if how == 4:
        _, ends_s = choices.pick("which-run", course.runs)
        return {"after_s": ends_s, "before_s": round(ends_s + 2, 3)} | sometimes(choices)
    return {"nth": [choices.integer("nth-end", 1, len(course.runs))]}


def _counted(choices: Choices, course: Course) -> Data:
    return {**in_a_run(choices, course).onwards, "nth": [choices.integer("nth", 1, 3)]}


def _until(choices: Choices, course: Course) -> Data:
    """Now and then, a cause that ends a delay: the end of a run, its beginning, or one of its events."""
    how = choices.integer("until-which", 0, 6)
    if how < 4:
        return {}
    number = choices.integer("until-run", 1, len(course.runs))
    which: tuple[Data, ...] = ({"ends": True}, {"begins": True}, {"event": choices.integer("until-event", 1, 4)})
    return {"until": {"run": number, **which[how - 4]}}
