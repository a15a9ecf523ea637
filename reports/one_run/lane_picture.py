"""One run as a picture: an SVG of four lanes, from the agent to the client, for a README or an issue.

The picture has the time from left to right. An interval in which nothing happens is drawn short, and messages of one
instant between the same lanes are one line with their number. What a violation is about is drawn in red, and so is a
message that did not arrive.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from xml.sax.saxutils import escape

from gapless.reports.one_run.timeline import Timeline, read_timeline, run_name, seconds, short_path
from gapless.reports.records.characters import xml_text
from gapless.reports.records.failures import brief
from gapless.reports.records.record import RunRecord, Verdict

WIDTH: Final = 960
_LEFT, _RIGHT = 96, 24
_LANES: Final = {"agent": 70, "socket": 150, "rest": 230, "client": 310}
_TITLES: Final = {"agent": "agent, log", "socket": "WebSocket", "rest": "REST", "client": "client"}
_HEIGHT, _BAR = 372, 16
_LABEL_CHARACTERS_MAX, _LABEL_PIXELS = 26, 5.6
_GAP_S: Final = 0.4  # an interval of this length or more has the full width
_INK, _QUIET, _GOOD, _BAD, _REST = "#1f2937", "#cbd5e1", "#2563eb", "#dc2626", "#7c3aed"


@dataclass(frozen=True, slots=True)
class _Line:
    """Messages of one instant. ``to``: when they arrived; None: they did not."""

    at_s: float
    to_s: float | None
    count: int
    is_bad: bool


def render_lane_picture(lines: Iterable[str], record: RunRecord) -> str:
    """The SVG. Raises ValueError if a line is not a journal line."""
    timeline = read_timeline(lines)
    lost = frozenset(event_id for one in record.violations for event_id in one.event_ids)
    messages = tuple(_messages(timeline, lost))
    scale = _Scale(_instants(timeline, messages))
    title = f"{record.scenario}, {record.variant}, {record.client}: {record.verdict}"
    body = [
        *_frame(title),
        *_lanes(),
        *_agent(timeline, scale),
        *_faults(timeline, scale),
        *_sockets(timeline, scale),
        *(_message(one, scale) for one in messages),
        *_calls(timeline, scale),
        *_steps(timeline, scale, record),
        *_axis(scale),
        *_verdict(record),
        "</svg>",
    ]
    return xml_text("\n".join(body)) + "\n"


class _Scale:
    """From seconds to pixels. Only instants at which something is drawn take room."""

    def __init__(self, instants: Sequence[float]) -> None:
        self.instants = tuple(instants)
        weights = [0.15 + min(1.0, (after - before) / _GAP_S) for before, after in itertools.pairwise(instants)]
        unit = (WIDTH - _LEFT - _RIGHT - 20) / (sum(weights) or 1)
        at, self._x = float(_LEFT + 10), {}
        for index, instant in enumerate(instants):
            self._x[instant] = at
            at += unit * weights[index] if index < len(weights) else 0

    def x(self, t_s: float) -> float:
        return round(self._x[t_s], 1)


def _instants(timeline: Timeline, messages: Sequence[_Line]) -> list[float]:
    found = {0.0, timeline.end_s}
    for one in messages:
        found |= {one.at_s} | ({one.to_s} if one.to_s is not None else set())
    for span in timeline.runs:
        found |= {seconds(span.started)} | ({seconds(span.ended)} if span.ended else set())
    for step in timeline.steps:
        found |= {seconds(step.called)} | ({seconds(step.ended)} if step.ended else set())
    for call in timeline.calls:
        found |= {seconds(call.asked)} | ({seconds(call.answered)} if call.answered else set())
    for socket in timeline.connections:
        found |= {seconds(socket.first)} | ({seconds(socket.closed)} if socket.closed else set())
    found |= {seconds(one) for one in timeline.entries if one["place"] == "fault" and one["what"] == "fired"}
    return sorted(found)


def _messages(timeline: Timeline, lost: frozenset[str]) -> Iterator[_Line]:
    merged: dict[tuple[float, float | None, bool], int] = {}
    for connection in timeline.connections:
        for frame in connection.frames:
            arrived = None if frame.delivered is None else seconds(frame.delivered)
            is_bad = arrived is None or str(frame.sent.get("id")) in lost
            key = seconds(frame.sent), arrived, is_bad
            merged[key] = merged.get(key, 0) + 1
    for (at_s, to_s, is_bad), count in merged.items():
        yield _Line(at_s, to_s, count, is_bad)


def _frame(title: str) -> Iterator[str]:
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {_HEIGHT}" width="{WIDTH}" role="img" '
        f'font-family="system-ui, sans-serif" font-size="11"><title>{escape(title)}</title>'
    )
    yield f'<rect width="{WIDTH}" height="{_HEIGHT}" rx="6" fill="#ffffff"/>'
    yield _text(16, 26, title, size=14, weight=600)


def _lanes() -> Iterator[str]:
    for lane, y in _LANES.items():
        yield f'<line x1="{_LEFT}" y1="{y}" x2="{WIDTH - _RIGHT}" y2="{y}" stroke="{_QUIET}"/>'
        yield _text(16, y + 4, _TITLES[lane], weight=600)


def _agent(timeline: Timeline, scale: _Scale) -> Iterator[str]:
    y = _LANES["agent"]
    for span in timeline.runs:
        end_s = timeline.end_s if span.ended is None else seconds(span.ended)
        yield _bar(scale.x(seconds(span.started)), scale.x(end_s), y, run_name(span.started), _INK)


def _faults(timeline: Timeline, scale: _Scale) -> Iterator[str]:
    """Where faults acted, above the lane of the agent. Labels that would cover each other are left out."""
    y, free = _LANES["agent"] - 18, 0.0
    for entry in timeline.entries:
        if entry["place"] == "fault" and entry["what"] == "fired":
            x, label = scale.x(seconds(entry)), str(entry.get("name", ""))[:_LABEL_CHARACTERS_MAX]
            yield f'<path d="M{x - 3} {y - 3}l6 6m0 -6l-6 6" stroke="{_BAD}" stroke-width="2"/>'
            if x >= free:
                yield _text(x + 6, y + 4, label, color=_BAD)
                free = x + _LABEL_PIXELS * len(label) + 12


def _sockets(timeline: Timeline, scale: _Scale) -> Iterator[str]:
    y = _LANES["socket"]
    for socket in timeline.connections:
        end_s = timeline.end_s if socket.closed is None else seconds(socket.closed)
        color = _BAD if socket.opened is None else _GOOD
        yield _bar(scale.x(seconds(socket.first)), scale.x(end_s), y, f"socket {socket.number}", color, opacity=0.25)


def _message(one: _Line, scale: _Scale) -> str:
    color, x1, y1 = (_BAD if one.is_bad else _GOOD), scale.x(one.at_s), _LANES["agent"] + _BAR / 2
    label = "" if one.count == 1 else f"{one.count} frames"
    room = min(x1 + 3, WIDTH - _RIGHT - _LABEL_PIXELS * len(label) - 3) if label else x1
    count = _text(room if room > x1 else x1 - _LABEL_PIXELS * len(label) - 6, y1 + 14, label, color=color)
    if one.to_s is None:
        y2 = float(_LANES["socket"] + _BAR)
        cross = f'<path d="M{x1 - 4} {y2 - 4}l8 8m0 -8l-8 8" stroke="{color}" stroke-width="2"/>'
        return f'<line x1="{x1}" y1="{y1}" x2="{x1}" y2="{y2}" stroke="{color}" stroke-dasharray="3 2"/>{cross}{count}'
    x2, y2 = scale.x(one.to_s), _LANES["client"] - _BAR / 2
    width = 2 if one.is_bad else 1
    dot = f'<circle cx="{x2}" cy="{y2}" r="{width + 1}" fill="{color}"/>'
    return f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="{color}" stroke-width="{width}"/>{dot}{count}'


def _calls(timeline: Timeline, scale: _Scale) -> Iterator[str]:
    y, free = _LANES["rest"], 0.0
    for call in timeline.calls:
        x1 = scale.x(seconds(call.asked))
        x2 = x1 if call.answered is None else scale.x(seconds(call.answered))
        color = _REST if call.status is not None and call.status < 400 else _BAD
        yield f'<path d="M{x1} {_LANES["client"] - _BAR / 2}V{y}H{max(x2, x1 + 2)}" stroke="{color}" fill="none"/>'
        yield f'<circle cx="{x1}" cy="{y}" r="3" fill="{color}"/>'
        label = f"{call.asked.get('method')} {short_path(str(call.asked.get('path', '')))}"[:_LABEL_CHARACTERS_MAX]
        if x1 >= free:
            yield _text(x1 + 2, y - 7, label, color=color)
            free = x1 + _LABEL_PIXELS * len(label) + 6


def _steps(timeline: Timeline, scale: _Scale, record: RunRecord) -> Iterator[str]:
    y = _LANES["client"]
    bad = record.verdict is not Verdict.HOLDS
    for step in timeline.steps:
        end_s = timeline.end_s if step.ended is None else seconds(step.ended)
        is_failed = step.ended is None or step.ended.get("what") == "error"
        color = _BAD if is_failed or (bad and step.name == "run") else _INK
        yield _bar(scale.x(seconds(step.called)), scale.x(end_s), y, f"{step.name}()", color)


def _bar(x1: float, x2: float, y: float, label: str, color: str, *, opacity: float = 1.0) -> str:
    width = max(round(x2 - x1, 1), 2.0)
    rect = f'<rect x="{x1}" y="{y - _BAR / 2}" width="{width}" height="{_BAR}" rx="3" fill="{color}"'
    shown = width > _LABEL_PIXELS * len(label) + 4
    inside = _text(x1 + 4, y + 4, label, color="#ffffff" if opacity == 1 else color) if shown else ""
    return f'{rect} fill-opacity="{opacity}"><title>{escape(label)}</title></rect>{inside}'


def _axis(scale: _Scale) -> Iterator[str]:
    y, free = float(_LANES["client"] + 26), 0.0
    for instant in scale.instants:
        x, label = scale.x(instant), f"{instant:g} s"
        if x >= free:
            yield f'<line x1="{x}" y1="{y - 10}" x2="{x}" y2="{y - 5}" stroke="{_INK}"/>'
            yield _text(min(x, WIDTH - _RIGHT - 30), y + 5, label)
            free = x + _LABEL_PIXELS * len(label) + 12


def _verdict(record: RunRecord) -> Iterator[str]:
    if record.violations:
        first = record.violations[0]
        said = f"{first.oracle}: {brief(first.message)}"
        yield _text(16, _HEIGHT - 12, said if len(said) <= 150 else f"{said[:149]}…", color=_BAD, weight=600)


def _text(x: float, y: float, text: str, *, color: str = _INK, size: int = 11, weight: int = 400) -> str:
    style: Mapping[str, object] = {"x": x, "y": y, "fill": color, "font-size": size, "font-weight": weight}
    attributes = " ".join(f'{name}="{value}"' for name, value in style.items())
    return f"<text {attributes}>{escape(text)}</text>"
