"""When a drawn fault strikes, and which frames, events or calls. The times are chosen so that most faults fire."""

from __future__ import annotations

from gapless.scenarios.explore.worlds.expected_course import RUN_AT_S, Course, Data
from gapless.simserver.choices import Choices

_FRAMES: tuple[Data, ...] = (
    {"kind": "ActionEvent"},
    {"kind": "ObservationEvent"},
    {"kind": "MessageEvent"},
    {"key": "execution_status"},
    {"key": "last_user_message_id"},
    {"snapshot": True},
    {"durable": True},
    {},
    {"tool": "terminal"},
    {"status": "running"},
    {"status": "finished"},
    {"snapshot": True, "connection": [2]},
    {"durable": True, "connection": [1]},
)
_EVENTS: tuple[Data, ...] = (
    {"kind": "ActionEvent"},
    {"kind": "ObservationEvent"},
    {"kind": "MessageEvent"},
    {"key": "execution_status"},
    {"key": "last_user_message_id"},
    {},
    {"tool": "terminal"},
    {"status": "running"},
)
LOST_FOR_S = 10
_CALLS = (["search"], ["search", "count", "event", "conversation"], ["run"], ["conversation"], ["message"])


def tenths(choices: Choices, stream: str, low_s: float, high_s: float) -> float:
    """A time from low_s to high_s, in tenths of a second."""
    return choices.integer(stream, round(low_s * 10), round(high_s * 10)) / 10


def moment(choices: Choices, course: Course) -> float:
    """A time in a run, shortly after a run, at the attach, before the first run, or soon after another fault.

    In seconds since the start.
    """
    where = choices.integer("where", 0, 7 if course.struck else 5)
    if where > 5:
        return round(choices.pick("after-which", course.struck) + tenths(choices, "after-it", 0, 3), 2)
    if where == 5:
        return tenths(choices, "at-rest", 0, RUN_AT_S)
    if where == 4:
        return 0.0
    begin_s, end_s = choices.pick("which-run", course.runs)
    if where == 3:
        return round(end_s + tenths(choices, "after-the-run", 0, 2), 2)
    return round(begin_s + (end_s - begin_s) * choices.integer("tenth-of-the-run", 0, 10) / 10, 2)


def in_a_run(choices: Choices, course: Course) -> float:
    """A time at the beginning of a run or during it. In seconds since the start."""
    begin_s, end_s = choices.pick("which-run", course.runs)
    return round(begin_s + (end_s - begin_s) * choices.integer("tenth-of-the-run", 0, 9) / 10, 2)


def window(choices: Choices, after_s: float, length_s_max: float = 3) -> Data:
    """A window that begins at ``after_s`` and lasts up to ``length_s_max`` seconds."""
    return {"after_s": after_s, "before_s": round(after_s + tenths(choices, "length", 0.1, length_s_max), 2)}


def sometimes(choices: Choices) -> Data:
    """Now and then, a fault that acts by chance on what matches; as a key of its match."""
    return {"probability": 0.5} if choices.integer("by-chance", 0, 9) == 9 else {}


def frames(choices: Choices, course: Course) -> Data:
    """Some frames of one sort: the nth after a time, or all of them, or half of them, in a window."""
    return _some(choices, dict(choices.pick("victim", _FRAMES)), moment(choices, course))


def events(choices: Choices, course: Course) -> Data:
    """Some events of one sort, before they are published. All are events of a run: nothing is appended between runs."""
    return _some(choices, dict(choices.pick("victim", _EVENTS)), in_a_run(choices, course))


def strikes_at(fault: Data) -> float | None:
    """When a drawn fault strikes at the earliest. None for a fault that is not bound to a time."""
    at_s = fault.get("at_s", fault.get("match", {}).get("after_s"))
    return None if at_s is None else float(at_s)


def _some(choices: Choices, victim: Data, after_s: float) -> Data:
    how = choices.integer("how-many", 0, 3)
    if how < 2:
        return {**victim, "after_s": after_s, "nth": [choices.integer("nth", 1, 3)]}
    by_chance = {"probability": 0.5} if how == 3 else {}
    return {**victim, **window(choices, after_s), **by_chance}


def calls(choices: Choices, after_s: float) -> Data:
    """One REST call of a sort, or two in a row."""
    call = choices.pick("call", _CALLS)
    first = choices.pick("nth-call", (1, 1, 2))
    twice = choices.integer("twice", 0, 2) == 2
    nth = [first, first + 1] if twice else [first]
    return {"call": call, "nth": nth, "after_s": after_s, **sometimes(choices)}


def rest_trigger(choices: Choices, course: Course) -> tuple[float, list[Data]]:
    """A time at which the client calls REST, and the faults that make it do so.

    The client calls REST at the attach without any fault, or in a run after an event was lost. A session client fills a
    hole by replay instead, so most draws drop the event again at each replay, for `LOST_FOR_S` seconds.
    """
    how = choices.integer("lure", 0, 3)
    if how == 0:
        return 0.0, []
    after_s = in_a_run(choices, course)
    match = {"kind": choices.pick("lost", ("ActionEvent", "ObservationEvent")), "after_s": after_s}
    when = {"nth": [1]} if how == 1 else {"before_s": round(after_s + LOST_FOR_S, 2)}
    return after_s, [{"kind": "event-drop", "match": match | when}]
