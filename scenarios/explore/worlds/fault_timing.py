"""When a drawn fault strikes, and which frames, events or calls. The moments are chosen so that most faults fire."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

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
STARTING = 2
"""The choice of a run's phase in which it starts. By time alone, few moments would be in a phase that is short."""
_CALLS = (["search"], ["search", "count", "event", "conversation"], ["run"], ["conversation"], ["message"])


@dataclass(frozen=True, slots=True)
class Aim:
    """A moment at which something strikes, by the clock or by its cause.

    ``at_s``: the moment on the clock, if the client loses no time
    ``cause``: the moment as a cause, and empty to aim by the clock
    ``since``: with a cause, the keys of a match for what happens from there on
    """

    at_s: float
    cause: Data
    since: Data

    @property
    def moment(self) -> Data:
        """The moment as a key of a fault, or of what another party does."""
        return {"at": self.cause} if self.cause else {"at_s": self.at_s}

    @property
    def onwards(self) -> Data:
        """From the moment on; as keys of a match."""
        return dict(self.since) if self.cause else {"after_s": self.at_s}

    def for_s(self, length_s: float) -> Data:
        """From the moment on, for so long; as keys of a match."""
        if not self.cause:
            return {"after_s": self.at_s, "before_s": round(self.at_s + length_s, 3)}
        if "after_fault" in self.since:
            return {**self.since, "for_s": length_s}
        return {**self.since, "until": later(self.cause, length_s)}

    def after(self, fault: Data) -> Aim:
        """The same moment, aimed by a fault that strikes then; by the clock where this is."""
        if not self.cause:
            return self
        return Aim(self.at_s, {"after_fault": fault["name"]}, {"after_fault": fault["name"]})


def later(cause: Data, delay_s: float) -> Data:
    """The same cause, and a delay after it."""
    return {**cause, "delay_s": round(cause.get("delay_s", 0.0) + delay_s, 3)}


def tenths(choices: Choices, stream: str, low_s: float, high_s: float) -> float:
    """A time from low_s to high_s, in tenths of a second."""
    return choices.integer(stream, round(low_s * 10), round(high_s * 10)) / 10


def moment(choices: Choices, course: Course) -> Aim:
    """A moment in a run, shortly after a run, at the attach, before the first run, or soon after another fault."""
    where = choices.integer("where", 0, 9 if course.struck else 5)
    if where > 5:
        aim = after_another(choices, course)
        return aim if choices.integer("by-cause", 0, 1) else Aim(aim.at_s, {}, {})
    if where == 5:
        at_s = tenths(choices, "at-rest", 0, RUN_AT_S)
        rest: Data = {"step": "attach", "returned": True, "delay_s": at_s}
        return _aimed(choices, at_s, (rest, {"step": "sleep"}), (rest, {"between_runs": True}))
    if where == 4:
        attach: Data = {"step": "attach"}
        return _aimed(choices, 0.0, (attach, attach), (attach, {"between_runs": True}))
    number = choices.integer("which-run", 0, len(course.runs) - 1)
    _, end_s = course.runs[number]
    if where == 3:
        delay_s = tenths(choices, "after-the-run", 0, 2)
        ended: Data = {"run": number + 1, "ends": True, "delay_s": delay_s}
        returned: Data = {"step": {"name": "run", "nth": number + 1}, "returned": True, "delay_s": delay_s}
        between: Data = {"between_runs": True}
        return _aimed(choices, round(end_s + delay_s, 3), (ended, between), (returned, between))
    return _in_run(choices, course, number, choices.integer("tenth-of-the-run", 0, 10))


def after_another(choices: Choices, course: Course) -> Aim:
    """A moment soon after another fault, aimed by it; at the beginning of the first run when there is no other."""
    if not course.struck:
        begin_s, _ = course.runs[0]
        return Aim(begin_s, {"run": 1, "begins": True}, {"run": [1]})
    name, at_s = choices.pick("after-which", tuple(course.struck.items()))
    delay_s = tenths(choices, "after-it", 0, 3)
    after: Data = {"after_fault": name}
    return Aim(round(at_s + delay_s, 3), later(after, delay_s), after)


def in_a_run(choices: Choices, course: Course) -> Aim:
    """A moment at the beginning of a run or during it."""
    number = choices.integer("which-run", 0, len(course.runs) - 1)
    return _in_run(choices, course, number, choices.integer("tenth-of-the-run", 0, 9))


def _in_run(choices: Choices, course: Course, number: int, tenth: int) -> Aim:
    """A moment in a whole run, or while it starts: until the server says that it runs."""
    begin_s, end_s = course.runs[number]
    lasts_s = course.starts_s[number] if choices.integer("phase", 0, 2) == STARTING else end_s - begin_s
    delay_s = round(lasts_s * tenth / 10, 3)
    begins: Data = {"run": number + 1, "begins": True, "delay_s": delay_s}
    event: Data = {"run": number + 1, "event": tenth + 1}
    step: Data = {"name": "run", "nth": number + 1}
    return _aimed(
        choices,
        round(begin_s + delay_s, 3),
        (begins, {"run": [number + 1]}),
        (event, {"run": [number + 1]}),
        ({"step": step, "delay_s": delay_s}, {"step": step}),
        (begins, {"between_runs": False}),
    )


def _aimed(choices: Choices, at_s: float, *causes: tuple[Data, Data]) -> Aim:
    """Aim by the clock, which is 0, or by one of the causes, each with what a match says from there on."""
    number = choices.integer("by-cause", 0, len(causes))
    return Aim(at_s, *(causes[number - 1] if number else ({}, {})))


def window(choices: Choices, aim: Aim, length_s_max: float = 3) -> Data:
    """A window that begins at a moment and lasts up to ``length_s_max`` seconds."""
    return aim.for_s(tenths(choices, "length", 0.1, length_s_max))


def sometimes(choices: Choices) -> Data:
    """Now and then, a fault that acts by chance on what matches; as a key of its match."""
    return {"probability": 0.5} if choices.integer("by-chance", 0, 9) == 9 else {}


def frames(choices: Choices, course: Course) -> Data:
    """Some frames of one sort: the nth after a moment, the first ones, or all of them, or half of them, in a window."""
    return _some(choices, dict(choices.pick("victim", _FRAMES)), moment(choices, course))


def events(choices: Choices, course: Course) -> Data:
    """Some events of one sort, before they are published. Most are events of a run: little is appended between runs."""
    draw = moment if choices.integer("anywhere", 0, 2) == 2 else in_a_run
    return _some(choices, dict(choices.pick("victim", _EVENTS)), draw(choices, course))


def named(course: Course, fault: Data) -> Data:
    """The fault with a name of its own, by which another can be aimed. A name once given stays."""
    if "name" in fault:
        return fault
    kind = fault["kind"]
    course.named[kind] = course.named.get(kind, 0) + 1
    return {"kind": kind, "name": f"{kind}-{course.named[kind]}", **fault}


def strikes_at(fault: Data, course: Course) -> float | None:
    """When a drawn fault strikes at the earliest, if the client loses no time. None when no moment is named."""
    if "at_s" in fault:
        return float(fault["at_s"])
    match: Data = fault.get("match", {})
    if "at" not in fault and "after_s" in match:
        return float(match["after_s"])
    cause: Data = fault.get("at", match)
    reached_s = _reached_s(cause, course)
    return None if reached_s is None else round(reached_s + cause.get("delay_s", 0.0), 3)


def _reached_s(cause: Data, course: Course) -> float | None:
    """When a cause, or what a match has of one, comes at the earliest."""
    if "after_fault" in cause:
        return course.struck.get(cause["after_fault"])
    if "run" in cause:
        number = cause["run"] if isinstance(cause["run"], int) else min(cause["run"])
        begin_s, end_s = course.runs[number - 1]
        return end_s if cause.get("ends") else begin_s
    if "step" in cause:
        return _step_s(cause["step"], course, returned=bool(cause.get("returned")))
    return None


def _step_s(step: Any, course: Course, *, returned: bool) -> float | None:
    name, nth = (step, 1) if isinstance(step, str) else (step["name"], step.get("nth", 1))
    if name in ("attach", "sleep"):
        return 0.0
    if name in ("send", "run") and nth <= len(course.runs):
        begin_s, end_s = course.runs[nth - 1]
        return end_s if returned and name == "run" else begin_s
    return None


def _some(choices: Choices, victim: Data, aim: Aim) -> Data:
    how = choices.integer("how-many", 0, 4)
    if how < 2:
        return {**victim, **aim.onwards, "nth": [choices.integer("nth", 1, 3)]}
    if how == 4:
        return {**victim, **aim.onwards, "first": choices.integer("nth", 1, 3)}
    by_chance = {"probability": 0.5} if how == 3 else {}
    return {**victim, **window(choices, aim), **by_chance}


def once(match: Data) -> Data:
    """The match, limited to the first of what it matches, unless it counts already; without chance."""
    certain = {key: value for key, value in match.items() if key != "probability"}
    return certain if certain.keys() & {"nth", "first"} else {**certain, "nth": [1]}


def calls(choices: Choices, aim: Aim) -> Data:
    """One REST call of a sort, or two in a row."""
    call = choices.pick("call", _CALLS)
    return {"call": call, **one_or_two(choices), **aim.onwards, **sometimes(choices)}


def one_or_two(choices: Choices) -> Data:
    """The nth of what matches, or two in a row; as a key of a match."""
    first = choices.pick("nth-call", (1, 1, 2))
    how = choices.integer("twice", 0, 3)
    if how == 3:
        return {"first": first + 1}
    return {"nth": [first, first + 1] if how == 2 else [first]}


def rest_trigger(choices: Choices, course: Course) -> tuple[Aim, list[Data]]:
    """A moment at which the client calls REST, and the faults that make it do so.

    The client calls REST at the attach without any fault, or in a run after an event was lost. A session client fills a
    hole by replay instead, so most draws drop the event again at each replay, for `LOST_FOR_S` seconds.
    """
    how = choices.integer("lure", 0, 3)
    if how == 0:
        attach: Data = {"step": "attach"}
        return _aimed(choices, 0.0, (attach, attach), (attach, {"between_runs": True})), []
    return _lost(choices, course, is_once=how == 1)


def lost_in_a_run(choices: Choices, course: Course) -> tuple[Aim, list[Data]]:
    """A moment at which an event is lost in a run, and the fault that loses it."""
    return _lost(choices, course, is_once=choices.integer("lure", 1, 3) == 1)


def _lost(choices: Choices, course: Course, *, is_once: bool) -> tuple[Aim, list[Data]]:
    aim = in_a_run(choices, course)
    when = {**aim.onwards, "nth": [1]} if is_once else aim.for_s(LOST_FOR_S)
    match = {"kind": choices.pick("lost", ("ActionEvent", "ObservationEvent")), **when}
    lost = named(course, {"kind": "event-drop", "match": match})
    return aim.after(lost) if choices.integer("after-the-lure", 0, 1) else aim, [lost]
