"""A journal's lines as spans: calls with their answers, connections with their frames, steps, runs of the agent.

Made once from a journal; what draws a run reads it here. Times are seconds since the world began; a span that
the journal does not end has None for its end. Raises ValueError when a line is not a journal line.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from gapless.reports.one_run.trace import parse_entry

Entry = Mapping[str, object]

_CALLED, _RETURNED = "-called", "-returned"


@dataclass(slots=True)
class Call:
    """One REST call. ``asked``, ``answered``: its entries; ``answered`` is None where no answer was given."""

    asked: Entry
    answered: Entry | None = None

    @property
    def number(self) -> int:
        """Which call of the run it is, from 1."""
        return whole(self.asked, "call")

    @property
    def target(self) -> str:
        """Path and query, as in the request line."""
        query = str(self.asked.get("query") or "")
        return f"{self.asked.get('path', '')}{'?' if query else ''}{query}"

    @property
    def status(self) -> int | None:
        """The status of the answer; None without one, or where the client had gone before it came."""
        if self.answered is None or self.answered.get("lost"):
            return None
        return whole(self.answered, "status")


@dataclass(slots=True)
class Frame:
    """One message of the server; ``delivered`` is None where it did not arrive."""

    sent: Entry
    delivered: Entry | None = None


@dataclass(slots=True)
class Connection:
    """One WebSocket. ``first`` is the first that the journal says of it; ``opened`` is None where it was refused,
    ``closed`` where it was open to the end.
    """

    number: int
    first: Entry
    opened: Entry | None = None
    refused: Entry | None = None
    closed: Entry | None = None
    frames: list[Frame] = field(default_factory=list)


@dataclass(slots=True)
class Step:
    """One step asked of the client; ``ended`` is its return or its error, None where it did neither."""

    name: str
    called: Entry
    ended: Entry | None = None


@dataclass(slots=True)
class AgentRun:
    """One run of the agent; ``ended`` is None where it went on."""

    started: Entry
    ended: Entry | None = None


@dataclass(slots=True)
class Timeline:
    """Everything of one run: all ``entries`` in order, and the spans among them."""

    entries: tuple[Entry, ...]
    calls: list[Call] = field(default_factory=list)
    connections: list[Connection] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    runs: list[AgentRun] = field(default_factory=list)

    @property
    def end_s(self) -> float:
        """When the last entry was made."""
        return seconds(self.entries[-1]) if self.entries else 0.0


def run_name(entry: Entry) -> str:
    """``run 1``: which run of the agent an entry speaks of, counted as people count; the journal begins with 0."""
    number = entry.get("run")
    return f"run {number + 1}" if isinstance(number, int) else "a run"


def read_timeline(lines: Iterable[str]) -> Timeline:
    """The spans of a journal."""
    timeline = Timeline(tuple(parse_entry(line) for line in lines))
    reader = _Reader(timeline)
    for entry in timeline.entries:
        reader.read(entry)
    return timeline


def seconds(entry: Entry) -> float:
    """The time of an entry."""
    value = entry["t_s"]
    return float(value) if isinstance(value, int | float) else 0.0


def whole(entry: Entry, name: str) -> int:
    """A number of an entry; 0 where it has none."""
    value = entry.get(name)
    return value if isinstance(value, int) else 0


def short_path(target: str) -> str:
    """A path below its conversation: ``events/search``; the conversation's own is called that."""
    parts = target.split("/")
    if target.startswith("/api/conversations/"):
        return "/".join(parts[4:]) or "conversation"
    return target


class _Reader:
    """Puts entries together, by the numbers they carry."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._calls: dict[int, Call] = {}
        self._connections: dict[int, Connection] = {}
        self._frames: dict[tuple[int, int], Frame] = {}

    def read(self, entry: Entry) -> None:
        match entry["place"]:
            case "rest":
                self._rest(entry)
            case "socket":
                self._socket(entry)
            case "client":
                self._client(entry)
            case "agent":
                self._agent(entry)

    def _rest(self, entry: Entry) -> None:
        number = whole(entry, "call")
        if entry["what"] == "request":
            self._calls[number] = Call(entry)
            self._timeline.calls.append(self._calls[number])
        elif entry["what"] == "response" and number in self._calls:
            self._calls[number].answered = entry

    def _socket(self, entry: Entry) -> None:
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
                self._frames[key] = Frame(entry)
                connection.frames.append(self._frames[key])
            case "delivered" if key in self._frames:
                self._frames[key].delivered = entry

    def _connection(self, number: int, entry: Entry) -> Connection:
        if number not in self._connections:
            self._connections[number] = Connection(number, entry)
            self._timeline.connections.append(self._connections[number])
        return self._connections[number]

    def _client(self, entry: Entry) -> None:
        what = str(entry["what"])
        if what.endswith(_CALLED):
            self._timeline.steps.append(Step(what.removesuffix(_CALLED), entry))
            return
        ended = str(entry.get("step")) if what == "error" else what.removesuffix(_RETURNED)
        if what == "error" or what.endswith(_RETURNED):
            going_on = (one for one in reversed(self._timeline.steps) if one.name == ended and one.ended is None)
            step = next(going_on, None)
            if step is not None:
                step.ended = entry

    def _agent(self, entry: Entry) -> None:
        if entry["what"] == "run-started":
            self._timeline.runs.append(AgentRun(entry))
        elif entry["what"] == "run-ended":
            number = entry.get("run")
            run = next((one for one in self._timeline.runs if one.started.get("run") == number), None)
            if run is not None:
                run.ended = entry
