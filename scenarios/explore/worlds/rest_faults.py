"""Faults of REST: calls that fail, and pages that are wrong."""

from __future__ import annotations

from gapless.scenarios.explore.worlds.expected_course import Course, Data
from gapless.scenarios.explore.worlds.fault_timing import calls, in_a_run, rest_trigger, tenths, window
from gapless.simserver.choices import Choices


def status(choices: Choices, course: Course) -> list[Data]:
    after_s, lost = rest_trigger(choices, course)
    retry_after = {"retry_after_s": choices.integer("retry-after", 1, 5)} if choices.integer("says-when", 0, 1) else {}
    match = calls(choices, after_s)
    # No 500 or 502 to POST run: the client cannot know whether the run was accepted, and a retry could start a second.
    code = choices.pick("status", (503, 429) if match["call"] in (["run"], ["message"]) else (503, 429, 500, 502))
    return [*lost, {"kind": "rest-status", "match": match, "status": code, **retry_after}]


def hang(choices: Choices, course: Course) -> list[Data]:
    after_s, lost = rest_trigger(choices, course)
    hang_s = tenths(choices, "hang", 1, 15)
    return [*lost, {"kind": "rest-timeout", "match": calls(choices, after_s), "hang_s": hang_s}]


def broken(choices: Choices, course: Course) -> list[Data]:
    after_s, lost = rest_trigger(choices, course)
    when = choices.pick("when", ("before", "after"))
    return [*lost, {"kind": "rest-reset", "match": calls(choices, after_s), "when": when}]


def malformed(choices: Choices, course: Course) -> list[Data]:
    after_s, lost = rest_trigger(choices, course)
    body = choices.pick("body", ("truncated", "not-json", "wrong-shape"))
    return [*lost, {"kind": "rest-malformed", "match": calls(choices, after_s), "body": body}]


def unknown_cursor(choices: Choices, course: Course) -> list[Data]:
    return _page(choices, course, {"kind": "rest-unknown-cursor"})


def cursor_loop(choices: Choices, course: Course) -> list[Data]:
    return _page(choices, course, {"kind": "rest-cursor-loop"})


def empty_page(choices: Choices, course: Course) -> list[Data]:
    return _page(choices, course, {"kind": "rest-empty-page"})


def page_cap(choices: Choices, course: Course) -> list[Data]:
    return _page(choices, course, {"kind": "rest-page-cap", "items_max": choices.integer("items", 1, 20)})


def stale(choices: Choices, course: Course) -> list[Data]:
    """Pages from a replica that lags for a while. It strikes in a run, when the client reads new events."""
    fault = {"kind": "rest-stale", "lag_s": tenths(choices, "lag", 0.1, 5)}
    after_s = in_a_run(choices, course)
    match = {"kind": "ActionEvent", "after_s": after_s, "nth": [1]}
    lost = [{"kind": "event-drop", "match": match}] if choices.integer("lure", 0, 1) else []
    return [*lost, {**fault, "match": window(choices, after_s, 10)}]


def _page(choices: Choices, course: Course, fault: Data) -> list[Data]:
    """One or two pages."""
    after_s, lost = rest_trigger(choices, course)
    first = choices.pick("nth-page", (1, 1, 2))
    nth = [first, first + 1] if choices.integer("twice", 0, 2) == 2 else [first]
    return [*lost, {**fault, "match": {"nth": nth, "after_s": after_s}}]
