"""One run in the trace event format (JSON), which Perfetto and Chrome's tracing page open.

There is a track for each place, spans for what lasts, and arrows for the way of an event from the log to the client.

Many entries have the same time, above all in virtual time, and would be drawn on top of each other. So successive
entries are at least two microseconds apart. A time in the trace is that of the journal, or later by at most two
microseconds for each earlier entry of the same time.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from gapless.reports.one_run.timeline import EntryFields, Timeline, read_timeline, run_name, seconds, short_path
from gapless.reports.records.characters import json_text
from gapless.reports.records.record import RunRecord

_PROCESS = 1
_SLICE_US = 1
_STEP_US = 2
_ENVELOPE = ("index", "t_s", "place", "what")
_TRACKS = ("client", "REST", "log", "publisher", "agent", "faults and world")
_SOCKETS_FROM = 100
_REST_FROM = 1000
_ID_CHARACTERS = 8
_TRACK_OF = {"client": "client", "log": "log", "publisher": "publisher", "agent": "agent"}
# The entries on an event's way to the client, which an arrow connects.
_ON_THE_WAY = (("log", "append"), ("publisher", "publish"), ("socket", "sent"), ("socket", "delivered"))
_HANDED_OVER = ("client", "delivered")

TraceEvent = dict[str, object]


def render_perfetto(lines: Iterable[str], record: RunRecord) -> str:
    """The trace of one run. Raises ValueError if a line is not a journal line."""
    timeline = read_timeline(lines)
    title = f"{record.scenario}, {record.variant}, {record.client}, seed {record.seed}: {record.verdict}"
    events = list(_Drawing(timeline, title).events())
    rows = ",\n".join(json.dumps(event, ensure_ascii=False) for event in events)
    other = json.dumps({"digest": record.digest, "clock": record.clock})
    return json_text(f'{{"displayTimeUnit": "ms", "otherData": {other}, "traceEvents": [\n{rows}\n]}}\n')


@dataclass(frozen=True, slots=True)
class _Span:
    """Something that lasts from one entry to another; ``end`` is None if it does not end."""

    name: str
    track: int
    begin: EntryFields
    end: EntryFields | None
    kind: str


class _Drawing:
    """Makes the trace events of one run."""

    def __init__(self, timeline: Timeline, title: str) -> None:
        self._timeline, self._title = timeline, title
        self._names = dict(enumerate(_TRACKS, start=1))
        self._numbers = {name: number for number, name in self._names.items()}
        self._at_us: dict[int, int] = {}
        self._lanes_of_calls: dict[int, int] = {}
        self._flows: dict[str, list[tuple[int, int]]] = {}

    def events(self) -> Iterator[TraceEvent]:
        """Metadata, spans, instants and arrows."""
        self._lay_out()
        spans = [*self._spans()]
        drawn = [self._drawn(span) for span in spans]
        instants = [event for entry in self._timeline.entries for event in self._instant(entry)]
        yield {"ph": "M", "pid": _PROCESS, "tid": 0, "ts": 0, "name": "process_name", "args": {"name": self._title}}
        for order, (number, name) in enumerate(sorted(self._names.items(), key=lambda item: _order(*item))):
            yield _meta(number, "thread_name", {"name": name})
            yield _meta(number, "thread_sort_index", {"sort_index": order})
        yield from drawn
        yield from instants
        yield from self._arrows()

    def _lay_out(self) -> None:
        last_us = -1
        for entry in self._timeline.entries:
            last_us = max(last_us + _STEP_US, round(seconds(entry) * 1_000_000))
            self._at_us[id(entry)] = last_us
        self._end_us = last_us + _STEP_US

    def _spans(self) -> Iterator[_Span]:
        for step in self._timeline.steps:
            yield _Span(step.name, self._numbers["client"], step.called, step.ended, "step")
        for run in self._timeline.runs:
            yield _Span(run_name(run.started), self._numbers["agent"], run.started, run.ended, "run")
        for connection in self._timeline.connections:
            if connection.opened is not None:
                track = self._socket(connection.number)
                yield _Span(f"socket {connection.number}", track, connection.opened, connection.closed, "connection")
        yield from self._calls()

    def _calls(self) -> Iterator[_Span]:
        """Calls, on as many tracks as calls overlap, since the spans of one track may not overlap."""
        free_from_us: list[int] = []
        for call in self._timeline.calls:
            begin_us = self._at_us[id(call.asked)]
            end_us = self._end_us if call.answered is None else self._at_us[id(call.answered)]
            lane = next((one for one, free_us in enumerate(free_from_us) if free_us < begin_us), len(free_from_us))
            free_from_us[lane : lane + 1] = [end_us]
            track = self._numbers["REST"] if lane == 0 else _REST_FROM + lane
            self._names.setdefault(track, f"REST, {lane + 1} at once")
            status = "no answer" if call.status is None else str(call.status)
            yield _Span(
                f"{call.asked.get('method')} {short_path(call.target)}: {status}",
                track,
                call.asked,
                call.answered,
                "call",
            )

    def _socket(self, number: int) -> int:
        track = _SOCKETS_FROM + number
        self._names.setdefault(track, f"socket {number}")
        return track

    def _drawn(self, span: _Span) -> TraceEvent:
        begin_us = self._at_us[id(span.begin)]
        end_us = self._end_us if span.end is None else self._at_us[id(span.end)]
        arguments = _details(span.begin) | _details(span.end or {"unfinished": True})
        return _slice(span.name, span.kind, begin_us, end_us - begin_us, span.track, arguments)

    def _instant(self, entry: EntryFields) -> Iterator[TraceEvent]:
        """An entry that is no end of a span: a slice if arrows may be attached to it, else an instant."""
        place, what = str(entry["place"]), str(entry["what"])
        at_us, track, event_id = self._at_us[id(entry)], self._track(entry), entry.get("id")
        if (place, what) in (*_ON_THE_WAY, _HANDED_OVER) and isinstance(event_id, str):
            kind = str(entry.get("kind", "")).removesuffix("Event").removeprefix("Conversation") or what
            name = f"{kind} …{event_id[-_ID_CHARACTERS:]}"
            self._flows.setdefault(event_id, []).append((at_us, track))
            yield _slice(name, what, at_us, _SLICE_US, track, _details(entry))
        elif not _is_border(place, what):
            name = f"{what} {entry['name']}" if place == "fault" and "name" in entry else what
            instant: TraceEvent = {"ph": "i", "name": name, "cat": place, "ts": at_us, "pid": _PROCESS, "tid": track}
            yield instant | {"s": "p" if place == "fault" else "t", "args": _details(entry)}

    def _track(self, entry: EntryFields) -> int:
        number = entry.get("connection")
        if entry["place"] == "socket" and isinstance(number, int):
            return self._socket(number)
        if entry["place"] == "rest":
            return self._numbers["REST"]
        return self._numbers[_TRACK_OF.get(str(entry["place"]), _TRACKS[-1])]

    def _arrows(self) -> Iterator[TraceEvent]:
        for number, stops in enumerate(self._flows.values(), start=1):
            for index, (at_us, track) in enumerate(stops):
                if len(stops) < 2:
                    break
                phase = "s" if index == 0 else "f" if index == len(stops) - 1 else "t"
                arrow: TraceEvent = {"ph": phase, "name": "way", "cat": "way", "id": number, "ts": at_us}
                yield arrow | {"pid": _PROCESS, "tid": track} | ({"bp": "e"} if phase == "f" else {})


def _is_border(place: str, what: str) -> bool:
    """Whether an entry is the beginning or end of a span, and so needs no mark of its own."""
    match place:
        case "client":
            return what.endswith(("-called", "-returned"))
        case "agent":
            return what in ("run-started", "run-ended")
        case "socket":
            return what == "opened"
        case "rest":
            return True
    return False


def _order(number: int, name: str) -> tuple[int, int]:
    """A sort key for tracks: the client, its calls, its sockets, then the server's side."""
    if name.startswith("REST"):
        return 1, number
    if name.startswith("socket"):
        return 2, number
    return (0 if name == "client" else 3), number


def _slice(name: str, kind: str, at_us: int, lasts_us: int, track: int, arguments: dict[str, object]) -> TraceEvent:
    event: TraceEvent = {"ph": "X", "name": name, "cat": kind, "ts": at_us, "dur": lasts_us}
    return event | {"pid": _PROCESS, "tid": track, "args": arguments}


def _meta(track: int, name: str, arguments: dict[str, object]) -> TraceEvent:
    return {"ph": "M", "pid": _PROCESS, "tid": track, "ts": 0, "name": name, "args": arguments}


def _details(entry: EntryFields) -> dict[str, object]:
    """An entry's own fields. A long list is replaced by its length."""
    shown = {name: value for name, value in entry.items() if name not in _ENVELOPE and value is not None}
    return {
        name: f"{len(value)} ids" if isinstance(value, list) and len(value) > 3 else value
        for name, value in shown.items()
    }
