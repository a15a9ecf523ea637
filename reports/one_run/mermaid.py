"""One run as a Mermaid sequence diagram, to paste into an issue or a pull request, where it is drawn.

A diagram of all entries would be too long to read, and longer than Mermaid draws. So frames that arrive in a row are
one arrow. Events of the log are shown only if a fault struck them or if a violation is about them. Faults, lost frames,
refused and closed sockets, calls and steps of the client have a row each. A diagram longer than ``ROWS_MAX`` is shown
without its middle, and a note says so.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from gapless.reports.one_run.timeline import EntryFields, Timeline, read_timeline, run_name, seconds, short_path
from gapless.reports.records.failures import brief
from gapless.reports.records.record import RunRecord, Verdict

ROWS_MAX = 120
_ROWS_FIRST = 40
_TEXT_CHARACTERS_MAX = 90
_ID_CHARACTERS = 8
_SHORT_KINDS = {"ConversationStateUpdateEvent": "StateUpdate"}
_PARTICIPANTS = ("C as client", "R as REST", "S as WebSocket", "A as agent and log")
_SECOND = "D as client 2"
# These characters have a meaning for Mermaid even within a text. As entities they are shown literally.
_ENTITIES = str.maketrans(
    {"#": "#35;", ";": "#59;", "<": "#lt;", ">": "#gt;", "&": "#amp;", '"': "#quot;", "%": "#37;", "\n": " "}
)


def render_mermaid(lines: Iterable[str], record: RunRecord) -> str:
    """The text of the diagram: at most ``ROWS_MAX`` rows, and a few before and after them.

    Raises ValueError if a line is not a journal line.
    """
    timeline = read_timeline(lines)
    rows = list(_Story(timeline, record).rows())
    if len(rows) > ROWS_MAX:
        left_out = len(rows) - ROWS_MAX
        remark = f"… {left_out} more steps are not drawn here; the trace has them"
        rows = [*rows[:_ROWS_FIRST], _note("C,A", remark), *rows[-(ROWS_MAX - _ROWS_FIRST) :]]
    title = f"{record.scenario}, {record.variant}, {record.client}, seed {record.seed}: {record.verdict}"
    indented = [
        *(f"    participant {one}" for one in _participants(timeline)),
        *(f"    {row}" for row in rows),
        *(f"    {row}" for row in _verdict(record)),
    ]
    # The title is YAML, which reads a string in JSON's syntax.
    return "\n".join(["---", f"title: {json.dumps(title)}", "---", "sequenceDiagram", *indented]) + "\n"


def _participants(timeline: Timeline) -> Iterator[str]:
    yield _PARTICIPANTS[0]
    if any(_lane(entry) == "D" for entry in timeline.entries):
        yield _SECOND
    yield from _PARTICIPANTS[1:]


def _lane(entry: EntryFields) -> str:
    """The participant of the client that an entry is about."""
    return "D" if entry.get("client") == 2 else "C"


def _verdict(record: RunRecord) -> Iterator[str]:
    if record.violations:
        first = record.violations[0]
        yield _note("C,A", f"{record.verdict}: {first.oracle}: {brief(first.message)}")
    elif record.verdict is Verdict.HOLDS:
        yield _note("C,A", f"holds: {record.rest.calls} REST calls, the optimum is {record.rest.optimum_calls}")


class _Story:
    """Makes the rows of one run. Frames and repairs are collected until another row comes, so that they share a row."""

    def __init__(self, timeline: Timeline, record: RunRecord) -> None:
        self._timeline = timeline
        lost = [event_id for violation in record.violations for event_id in violation.event_ids]
        struck = [str(entry.get("target")) for entry in timeline.entries if entry["place"] == "fault"]
        self._followed = frozenset([*lost, *struck])
        frames = [frame for connection in timeline.connections for frame in connection.frames]
        self._undelivered = {id(frame.sent) for frame in frames if frame.delivered is None}
        self._unanswered = {id(call.asked) for call in timeline.calls if call.status is None}
        self._frames: list[EntryFields] = []
        self._repaired: list[EntryFields] = []

    def rows(self) -> Iterator[str]:
        """All rows, in order."""
        for entry in self._timeline.entries:
            if _is(entry, "socket", "delivered") and entry.get("id") not in self._followed:
                yield from self._collected_repairs()
                if self._frames and _lane(self._frames[0]) != _lane(entry):
                    yield from self._collected_frames()
                self._frames.append(entry)
            elif _is(entry, "client", "delivered"):
                if self._repaired and _lane(self._repaired[0]) != _lane(entry):
                    yield from self._collected_repairs()
                if entry.get("repaired"):
                    self._repaired.append(entry)
            else:
                rows = list(self._row(entry))
                if rows:
                    yield from self._collected_frames()
                    yield from self._collected_repairs()
                yield from rows
        yield from self._collected_frames()
        yield from self._collected_repairs()

    def _collected_frames(self) -> Iterator[str]:
        frames, self._frames = self._frames, []
        if len(frames) == 1:
            yield _arrow(frames[0], "S->>C", f"{_event(frames[0])}")
        elif frames:
            until = f"{seconds(frames[-1]):.3f} s" if seconds(frames[-1]) != seconds(frames[0]) else ""
            span = f", until {until}" if until else ""
            yield _arrow(frames[0], "S->>C", f"{len(frames)} frames{span}, the last {_event(frames[-1])}")

    def _collected_repairs(self) -> Iterator[str]:
        repaired, self._repaired = self._repaired, []
        if repaired:
            ids = _short(repaired[0].get("id")), _short(repaired[-1].get("id"))
            which = ids[0] if len(repaired) == 1 else f"{ids[0]} to {ids[1]}"
            events = "event" if len(repaired) == 1 else "events"
            yield _note(_lane(repaired[0]), f"{seconds(repaired[0]):.3f} s {len(repaired)} {events} repaired: {which}")

    def _row(self, entry: EntryFields) -> Iterator[str]:
        match entry["place"]:
            case "rest":
                yield from self._rest(entry)
            case "socket":
                yield from self._socket(entry)
            case "client":
                yield from _client(entry)
            case "fault":
                yield _note("S,A", f"{seconds(entry):.3f} s {_fault(entry)}")
            case "world":
                down_s = entry.get("down_s")
                lasts = "" if down_s is None else f", down for {down_s} s"
                what = "the faults end" if entry["what"] == "healed" else f"the server is {entry['what']}{lasts}"
                yield _note("R,A", f"{seconds(entry):.3f} s {what}")
            case "agent" | "log" | "publisher":
                yield from self._server(entry)

    def _rest(self, entry: EntryFields) -> Iterator[str]:
        if entry["what"] == "request":
            path = short_path(str(entry.get("path", "")))
            query = _query(str(entry.get("query") or ""))
            unanswered = " (no answer reaches the client)" if id(entry) in self._unanswered else ""
            cross = "-x" if unanswered else "->>"
            yield _arrow(entry, f"C{cross}R", f"{entry.get('method')} {path}{query}{unanswered}")
        elif entry["what"] == "response" and not entry.get("lost"):
            items = "" if entry.get("items") is None else f", {entry['items']} events"
            yield _arrow(entry, "R-->>C", f"{entry.get('status')}{items}, {entry.get('bytes')} bytes")

    def _socket(self, entry: EntryFields) -> Iterator[str]:
        number = entry.get("connection")
        match entry["what"]:
            case "opened":
                yield _arrow(entry, "C->>S", f"socket {number} opens ({entry.get('path')})")
            case "refused":
                yield _arrow(entry, "C-xS", f"socket {number} is refused ({entry.get('status') or 'reset'})")
            case "closed":
                code = "" if entry.get("code") is None else f", code {entry['code']}"
                yield _arrow(entry, "S-xC", f"socket {number} is closed by {entry.get('by')}{code}")
            case "sent" if id(entry) in self._undelivered:
                yield _arrow(entry, "S-xC", f"{_event(entry)} is sent and does not arrive")
            case "delivered":
                yield _arrow(entry, "S->>C", _event(entry))

    def _server(self, entry: EntryFields) -> Iterator[str]:
        match entry["what"]:
            case "run-started":
                yield _note("A", f"{seconds(entry):.3f} s {run_name(entry)} begins, by {entry.get('by')}")
            case "run-ended":
                ended = f"{run_name(entry)} ends: {entry.get('status')}"
                yield _note("A", f"{seconds(entry):.3f} s {ended}, {entry.get('log_length')} events in the log")
            case "history":
                yield _note("A", f"{entry.get('events')} events are in the log")
            case "truncate":
                yield _note("A", f"{seconds(entry):.3f} s the log is cut to {entry.get('length')} events")
            case "append" if entry.get("id") in self._followed:
                yield _arrow(entry, "A->>A", f"{_event(entry)} into the log")
            case "publish" if entry.get("id") in self._followed:
                yield _arrow(entry, "A->>S", f"{_event(entry)} is published")


def _client(entry: EntryFields) -> Iterator[str]:
    what = str(entry["what"])
    if what.endswith("-called"):
        yield _note(_lane(entry), f"{seconds(entry):.3f} s {what.removesuffix('-called')}()")
    elif what.endswith("-returned"):
        name = what.removesuffix("-returned")
        held = entry.get("held")
        holds = f", {len(held)} held" if isinstance(held, list) else ""
        claim = "" if entry.get("complete") is None else f", {'complete' if entry['complete'] else 'incomplete'}"
        proof = "" if entry.get("proof") in (None, "none") else f" by {entry['proof']}"
        status = "" if entry.get("status") is None else f" {entry['status']}"
        yield _note(_lane(entry), f"{seconds(entry):.3f} s {name}() returns{status}{claim}{proof}{holds}")
    elif what in ("error", "exited"):
        step = "" if entry.get("step") is None else f" in {entry['step']}()"
        yield _note(_lane(entry), f"{seconds(entry):.3f} s {entry.get('error')}{step}: {entry.get('message')}")
    elif what == "spinning":
        yield _note(_lane(entry), f"{seconds(entry):.3f} s {entry.get('message')}")


def _fault(entry: EntryFields) -> str:
    target = str(entry.get("target") or "")
    shown = _short(target) if _is_id(target) else target
    return f"fault {entry.get('name') or entry.get('kind')} ({entry.get('kind')}) strikes {shown}".rstrip()


def _query(query: str) -> str:
    """The query with each id cut to its end."""
    parts = (part.partition("=") for part in query.split("&") if part)
    shown = "&".join(f"{name}={_short(value) if _is_id(value) else value}" for name, _, value in parts)
    return f"?{shown}" if shown else ""


def _event(entry: EntryFields) -> str:
    kind = _SHORT_KINDS.get(str(entry.get("kind")), str(entry.get("kind") or "a frame"))
    key = "" if entry.get("key") is None else f" {entry['key']}"
    value = entry.get("value")
    shown = "" if value is None else f"={_short(value) if _is_id(str(value)) else value}"
    return f"{kind}{key}{shown} {_short(entry.get('id'))}".rstrip()


def _is_id(text: str) -> bool:
    return text.count("-") >= 4 and " " not in text


def _short(event_id: object) -> str:
    return f"…{str(event_id)[-_ID_CHARACTERS:]}" if event_id else ""


def _is(entry: EntryFields, place: str, what: str) -> bool:
    return entry["place"] == place and entry["what"] == what


def _arrow(entry: EntryFields, arrow: str, text: str) -> str:
    return f"{arrow.replace('C', _lane(entry))}: {_escaped(f'{seconds(entry):.3f} s {text}')}"


def _note(over: str, text: str) -> str:
    return f"Note over {over}: {_escaped(text)}"


def _escaped(text: str) -> str:
    cut = text if len(text) <= _TEXT_CHARACTERS_MAX else text[: _TEXT_CHARACTERS_MAX - 1] + "…"
    return "".join(one if one.isprintable() else " " for one in cut).translate(_ENTITIES)
