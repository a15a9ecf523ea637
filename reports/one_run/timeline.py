"""A journal as spans: calls with their answers, connections with their frames, steps, runs of the agent.

Every drawing of a run is made from these. Times are seconds since the world began. A span without an end in the journal
has None as its end.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from gapless.reports.one_run.trace import parse_entry
from gapless.reports.records.journals import is_message

EntryFields = Mapping[str, object]

_CALLED, _RETURNED = "-called", "-returned"


@dataclass(slots=True)
class CallSpan:
    """One REST call. ``asked`` and ``answered`` are its entries; ``answered`` is None if there was no answer."""

    asked: EntryFields
    answered: EntryFields | None = None

    @property
    def number(self) -> int:
        """The number of the call in the run, from 1."""
        return whole(self.asked, "call")

    @property
    def target(self) -> str:
        """Path and query, as in the request line."""
        query = str(self.asked.get("query") or "")
        return f"{self.asked.get('path', '')}{'?' if query else ''}{query}"

    @property
    def status(self) -> int | None:
        """The status of the answer; None if there was no answer, or if it did not reach the client."""
        if self.answered is None or self.answered.get("lost"):
            return None
        return whole(self.answered, "status")


@dataclass(slots=True)
class FrameSpan:
    """One message of the server; ``delivered`` is None if it did not arrive."""

    sent: EntryFields
    delivered: EntryFields | None = None


@dataclass(slots=True)
class SocketSpan:
    """One WebSocket.

    ``first`` is the first entry about it. ``opened`` is None if it was refused. ``closed`` is None if it was still open
    at the end of the journal.
    """

    number: int
    first: EntryFields
    opened: EntryFields | None = None
    refused: EntryFields | None = None
    closed: EntryFields | None = None
    frames: list[FrameSpan] = field(default_factory=list)


@dataclass(slots=True)
class StepSpan:
    """One step that the client was asked for; ``ended`` is its return or its error, None if there was neither."""

    name: str
    called: EntryFields
    ended: EntryFields | None = None


@dataclass(slots=True)
class AgentRun:
    """One run of the agent; ``ended`` is None if it was still under way at the end of the journal."""

    started: EntryFields
    ended: EntryFields | None = None


@dataclass(slots=True)
class Timeline:
    """All ``entries`` of a journal in order, and the spans among them."""

    entries: tuple[EntryFields, ...]
    calls: list[CallSpan] = field(default_factory=list)
    connections: list[SocketSpan] = field(default_factory=list)
    steps: list[StepSpan] = field(default_factory=list)
    runs: list[AgentRun] = field(default_factory=list)

    @property
    def end_s(self) -> float:
        """The time of the last entry, in seconds."""
        return seconds(self.entries[-1]) if self.entries else 0.0


def run_name(entry: EntryFields) -> str:
    """The run of the agent that an entry is about: ``run 1``, counted from 1. The journal counts from 0."""
    number = entry.get("run")
    return f"run {number + 1}" if isinstance(number, int) else "a run"


def read_timeline(lines: Iterable[str]) -> Timeline:
    """The spans of a journal. Raises ValueError if a line is not a journal line."""
    timeline = Timeline(tuple(parse_entry(line) for line in lines if not is_message(line)))
    reader = _Reader(timeline)
    for entry in timeline.entries:
        reader.read(entry)
    return timeline


def seconds(entry: EntryFields) -> float:
    """The time of an entry, in seconds."""
    value = entry["t_s"]
    return float(value) if isinstance(value, int | float) else 0.0


def whole(entry: EntryFields, name: str) -> int:
    """An integer field of an entry; 0 if the entry has no such field."""
    value = entry.get(name)
    return value if isinstance(value, int) else 0


def short_path(target: str) -> str:
    """The path below the conversation, such as ``events/search``; for the conversation itself, ``conversation``."""
    parts = target.split("/")
    if target.startswith("/api/conversations/"):
        return "/".join(parts[4:]) or "conversation"
    return target


class _Reader:
    """Puts entries together into spans, by the numbers of calls, connections and frames."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._calls: dict[int, CallSpan] = {}
        self._connections: dict[int, SocketSpan] = {}
        self._frames: dict[tuple[int, int], FrameSpan] = {}

    def read(self, entry: EntryFields) -> None:
        match entry["place"]:
            case "rest":
                self._rest(entry)
            case "socket":
                self._socket(entry)
            case "client":
                self._client(entry)
            case "agent":
                self._agent(entry)

    def _rest(self, entry: EntryFields) -> None:
        number = whole(entry, "call")
        if entry["what"] == "request":
            self._calls[number] = CallSpan(entry)
            self._timeline.calls.append(self._calls[number])
        elif entry["what"] == "response" and number in self._calls:
            self._calls[number].answered = entry

    def _socket(self, entry: EntryFields) -> None:
        connection = self._connection(whole(entry, "connection"), entry)
        key = connection.number, whole(entry, "frame")
        match entry["what"]:
            case "opened":
                connection.opened = entry
            case "refused":
                connection.refused = entry
            case "closed":
                connection.closed = entry
            case "sent":
                self._frames[key] = FrameSpan(entry)
                connection.frames.append(self._frames[key])
            case "delivered" if key in self._frames:
                self._frames[key].delivered = entry

    def _connection(self, number: int, entry: EntryFields) -> SocketSpan:
        if number not in self._connections:
            self._connections[number] = SocketSpan(number, entry)
            self._timeline.connections.append(self._connections[number])
        return self._connections[number]

    def _client(self, entry: EntryFields) -> None:
        what = str(entry["what"])
        of_client = "" if "client" not in entry else f" (client {entry['client']})"  # as of a second one
        if what.endswith(_CALLED):
            self._timeline.steps.append(StepSpan(what.removesuffix(_CALLED) + of_client, entry))
            return
        ended = (str(entry.get("step")) if what == "error" else what.removesuffix(_RETURNED)) + of_client
        if what == "error" or what.endswith(_RETURNED):
            unfinished = (one for one in reversed(self._timeline.steps) if one.name == ended and one.ended is None)
            step = next(unfinished, None)
            if step is not None:
                step.ended = entry

    def _agent(self, entry: EntryFields) -> None:
        if entry["what"] == "run-started":
            self._timeline.runs.append(AgentRun(entry))
        elif entry["what"] == "run-ended":
            number = entry.get("run")
            run = next((one for one in self._timeline.runs if one.started.get("run") == number), None)
            if run is not None:
                run.ended = entry
