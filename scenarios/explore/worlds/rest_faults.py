"""Faults of REST: calls that fail, and pages that are wrong."""

from __future__ import annotations

from gapless.scenarios.explore.worlds.expected_course import Course, Data
from gapless.scenarios.explore.worlds.fault_timing import (
    calls,
    in_a_run,
    lost_in_a_run,
    named,
    one_or_two,
    rest_trigger,
    tenths,
    window,
)
from gapless.simserver.choices import Choices

_HANGS_MAX = 2


def status(choices: Choices, course: Course) -> list[Data]:
    aim, lost = rest_trigger(choices, course)
    retry_after = {"retry_after_s": choices.integer("retry-after", 1, 5)} if choices.integer("says-when", 0, 1) else {}
    match = calls(choices, aim)
    # No 500 or 502 to POST run: the client cannot know whether the run was accepted, and a retry could start a second.
    code = choices.pick("status", (503, 429) if match["call"] in (["run"], ["message"]) else (503, 429, 500, 502))
    return [*lost, {"kind": "rest-status", "match": match, "status": code, **retry_after}]


def hang(choices: Choices, course: Course) -> list[Data]:
    aim, lost = rest_trigger(choices, course)
    hang_s, match = tenths(choices, "hang", 1, 15), calls(choices, aim)
    if "first" in match:  # not as many as a client may take for a server that is not there any more
        match["first"] = min(match["first"], _HANGS_MAX)
    return [*lost, {"kind": "rest-timeout", "match": match, "hang_s": hang_s}]


def broken(choices: Choices, course: Course) -> list[Data]:
    aim, lost = rest_trigger(choices, course)
    when = choices.pick("when", ("before", "after"))
    return [*lost, {"kind": "rest-reset", "match": calls(choices, aim), "when": when}]


def idle_close(choices: Choices, course: Course) -> list[Data]:
    """A call that comes on a connection that nobody has used for a while.

    At the attach every connection is new. So it is the message after a rest, what is asked for at the end of a run, or
    what a loss in a run makes the client ask for.
    """
    idle_s = choices.pick("idle", (0.1, 1, 5))
    fault: Data = {"kind": "rest-idle-close", "idle_s": idle_s}
    how = choices.integer("idle-at", 0, 3)
    if how == 3:
        aim, lost = lost_in_a_run(choices, course)
        return [*lost, {**fault, "match": calls(choices, aim)}]
    step = "send" if how == 0 else "run"
    number = choices.integer("which-run", 0, len(course.runs) - 1)
    asked = ["message"] if step == "send" else ["search", "count", "event", "conversation"]
    aimed: Data = {"call": asked, "step": {"name": step, "nth": number + 1}}
    return [{**fault, "match": {**aimed, "nth": [choices.pick("nth-call", (1, 1, 2)) if step == "run" else 1]}}]


def malformed(choices: Choices, course: Course) -> list[Data]:
    aim, lost = rest_trigger(choices, course)
    body = choices.pick("body", ("truncated", "not-json", "wrong-shape"))
    return [*lost, {"kind": "rest-malformed", "match": calls(choices, aim), "body": body}]


def unknown_cursor(choices: Choices, course: Course) -> list[Data]:
    return _page(choices, course, {"kind": "rest-unknown-cursor"})


def cursor_loop(choices: Choices, course: Course) -> list[Data]:
    period = {"period": 2} if choices.integer("two-pages", 0, 2) == 2 else {}
    return _page(choices, course, {"kind": "rest-cursor-loop", **period})


def empty_page(choices: Choices, course: Course) -> list[Data]:
    blank = {"blank": True} if choices.integer("blank", 0, 2) == 2 else {}
    return _page(choices, course, {"kind": "rest-empty-page", **blank})


def page_cap(choices: Choices, course: Course) -> list[Data]:
    items_max = choices.integer("items", 1, 20)
    cap = {"bytes_max": 500 * items_max} if choices.integer("by-bytes", 0, 2) == 2 else {"items_max": items_max}
    return _page(choices, course, {"kind": "rest-page-cap", **cap})


def undecodable_item(choices: Choices, course: Course) -> list[Data]:
    shape, item = choices.pick("shape", ("no-id", "null", "text")), choices.pick("item", (0, 3, 99))
    return _page(choices, course, {"kind": "rest-undecodable-item", "shape": shape, "item": item})


def proxy_answer(choices: Choices, course: Course) -> list[Data]:
    """What a proxy answers to a GET. A POST that is answered with HTML looks accepted: no client can know better."""
    aim, lost = rest_trigger(choices, course)
    answer = choices.pick("answer", ("redirect", "html"))
    match = {"call": ["search", "count", "event", "conversation"], **one_or_two(choices), **aim.onwards}
    return [*lost, {"kind": "rest-proxy-answer", "answer": answer, "match": match}]


def stale(choices: Choices, course: Course) -> list[Data]:
    """Pages from a replica that lags for a while. It strikes in a run, when the client reads new events."""
    fault = {"kind": "rest-stale", "lag_s": tenths(choices, "lag", 0.1, 5)}
    aim = in_a_run(choices, course)
    match = {"kind": "ActionEvent", **aim.onwards, "nth": [1]}
    lost = [named(course, {"kind": "event-drop", "match": match})] if choices.integer("lure", 0, 1) else []
    if lost and choices.integer("after-the-lure", 0, 1):
        aim = aim.after(lost[0])
    return [*lost, {**fault, "match": window(choices, aim, 10)}]


def _page(choices: Choices, course: Course, fault: Data) -> list[Data]:
    """One or two pages."""
    aim, lost = rest_trigger(choices, course)
    return [*lost, {**fault, "match": {**one_or_two(choices), **aim.onwards}}]
