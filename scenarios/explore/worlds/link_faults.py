"""Faults of the link: slow, silent, broken or refused sockets, and the latency and bandwidth of all connections."""

from __future__ import annotations

from gapless.scenarios.explore.worlds.expected_course import Course, Data
from gapless.scenarios.explore.worlds.fault_timing import Aim, frames, moment, named, once, sometimes, tenths, window
from gapless.simserver.choices import Choices

# Of the largest payload: a page of 100 of them takes 10 s.
_EVENTS_A_SECOND = 10


def stall(choices: Choices, course: Course) -> list[Data]:
    return [{"kind": "link-stall", "stall_s": tenths(choices, "stall", 0.1, 30), **_trigger(choices, course)}]


def reset(choices: Choices, course: Course) -> list[Data]:
    when = choices.pick("when", ("before", "after"))
    return [{"kind": "link-reset", "when": when, **_trigger(choices, course)}]


def close(choices: Choices, course: Course) -> list[Data]:
    code, when = choices.pick("code", (1001, 1012, 1013, 1011)), choices.pick("when", ("before", "after"))
    return [{"kind": "link-close", "code": code, "when": when, **_trigger(choices, course)}]


def cut(choices: Choices, course: Course) -> list[Data]:
    return [{"kind": "link-cut", "match": once(frames(choices, course))}]


def half_open(choices: Choices, course: Course) -> list[Data]:
    return [{"kind": "link-half-open", **_trigger(choices, course)}]


def subscription_lost(choices: Choices, course: Course) -> list[Data]:
    return [{"kind": "subscription-lost", **_trigger(choices, course)}]


def latency(choices: Choices, course: Course) -> list[Data]:
    return [
        {
            "kind": "link-latency",
            "latency_s": tenths(choices, "latency", 0, 0.5),
            "jitter_s": tenths(choices, "jitter", 0.1, 0.5),
            "on": choices.pick("on", ("both", "socket", "rest")),
            **_while(choices, course),
        }
    ]


def bandwidth(choices: Choices, course: Course) -> list[Data]:
    """A slow link. It is fast enough for a page to arrive within the time that a client waits for an answer."""
    payloads = (one.get("payload_bytes", 0) for one in (course.workload, *course.workload.get("runs", ())))
    bytes_per_s = max(choices.pick("bytes-per-second", (50_000, 200_000, 20_000)), _EVENTS_A_SECOND * max(payloads))
    on = choices.pick("on", ("both", "socket", "rest"))
    return [{"kind": "link-bandwidth", "bytes_per_s": bytes_per_s, "on": on, **_while(choices, course)}]


def refuse(choices: Choices, course: Course) -> list[Data]:
    status = {"status": choices.pick("status", (503, 502, 429))} if choices.integer("refused-by-status", 0, 1) else {}
    aim, broken = _handshake(choices, course)
    match = window(choices, aim)
    how = choices.integer("by-socket", 0, 4)
    if how == 3:
        # The second socket, which the reset makes the client open. Without a reset it is the first.
        match = {"connection": [2 if broken else 1]}
    elif how == 4:
        match = {**aim.onwards, "first": choices.integer("first-handshakes", 1, 3)}
    return [*broken, {"kind": "link-refuse", "match": match | sometimes(choices), **status}]


def handshake_hang(choices: Choices, course: Course) -> list[Data]:
    aim, broken = _handshake(choices, course)
    hang_s = tenths(choices, "hang", 1, 15)
    return [*broken, {"kind": "link-handshake-hang", "hang_s": hang_s, "match": {**aim.onwards, "nth": [1]}}]


def quiet(choices: Choices, course: Course) -> list[Data]:
    """A proxy that breaks quiet sockets: for the whole world, or those that are opened in a window."""
    quiet_s = choices.pick("quiet", (15, 5, 30))
    when = {"match": window(choices, moment(choices, course), 10)} if choices.integer("for-a-while", 0, 1) else {}
    return [{"kind": "link-quiet", "quiet_s": quiet_s, **when}]


def _handshake(choices: Choices, course: Course) -> tuple[Aim, list[Data]]:
    """A moment at which the client opens a socket, and the fault that makes it do so: the attach, or a reset."""
    aim = moment(choices, course)
    if not aim.at_s:
        return aim, []
    broken = named(course, {"kind": "link-reset", **aim.moment})
    return aim.after(broken) if choices.integer("after-the-reset", 0, 1) else aim, [broken]


def _while(choices: Choices, course: Course) -> Data:
    """For the whole world, in a window, or for one socket; as a key of the fault."""
    how = choices.integer("for-how-long", 0, 5)
    if how == 5:
        return {"match": {"first": choices.integer("nth-connection", 1, 3)}}
    if how == 2:
        return {"match": window(choices, moment(choices, course), 10) | sometimes(choices)}
    if how == 4:
        return {"match": {"nth": [choices.integer("nth-connection", 1, 3)]}}
    if how == 3:
        return {"match": {"connection": [choices.integer("nth-socket", 1, 2)]}}
    return {}


def _trigger(choices: Choices, course: Course) -> Data:
    """When a fault of a socket strikes: at a frame or at a time."""
    if choices.integer("at-a-time", 0, 1):
        return moment(choices, course).moment
    return {"match": once(frames(choices, course))}
