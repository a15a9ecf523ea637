"""The journal of a run, read once into the values that the oracles and the optimum work with.

Pure: it takes journal entries and returns frozen values. No oracle looks at anything else.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from gapless.scenarios.judging.content import content_digest

STATE_UPDATE = "ConversationStateUpdateEvent"

StepOutcome = Literal["returned", "failed", "crashed", "hung", "unfinished"]


class JournalEntry(Protocol):
    """The part of a journal entry that is read here. `gapless.simserver.journal.Entry` has it."""

    @property
    def index(self) -> int: ...
    @property
    def t_s(self) -> float: ...
    @property
    def place(self) -> str: ...
    @property
    def what(self) -> str: ...
    @property
    def fields(self) -> Mapping[str, object]: ...


@dataclass(frozen=True, slots=True)
class PersistedEvent:
    """One persisted event.

    ``index``: its position in the log. ``branch``: False for a state update. ``at``: the journal index of its append;
    -1 for the history, which is older than the journal. ``gone_at``: the journal index of the truncation that lost it
    (R60); None when none did. ``readable``: False when its record is corrupt, so that no call returns it (R59).
    """

    id: str
    kind: str
    index: int
    branch: bool
    at: int
    gone_at: int | None = None
    readable: bool = True


@dataclass(frozen=True, slots=True)
class ServerRun:
    """One run of the agent on the server.

    ``started_at`` and ``ended_at``: journal indices. ``own``: the client asked for the run; False when another party
    did. ``ended_s``: when the final snapshot was published, in seconds; None while the run goes on. ``status``: the
    status at the end. ``published``: the conversation's status then, as clients were told it: a run that is paused
    before it began leaves the status as it was, and one that stops without a status has the next one. ``log_length``:
    events in the log at the end.
    """

    run: int
    started_at: int
    own: bool = True
    ended_at: int | None = None
    ended_s: float | None = None
    status: str | None = None
    log_length: int | None = None
    published: str | None = None


@dataclass(frozen=True, slots=True)
class StepCall:
    """One step asked of the client, and how it ended. ``*_s`` are seconds, ``*_at`` journal indices."""

    step: str
    called_s: float
    called_at: int
    outcome: StepOutcome = "unfinished"
    ended_s: float | None = None
    ended_at: int | None = None
    message: str = ""


@dataclass(frozen=True, slots=True)
class GapSpan:
    """A gap that the client declares: everything strictly between two events. None is an end of the log."""

    after_id: str | None
    before_id: str | None


@dataclass(frozen=True, slots=True)
class RunCall:
    """One call of ``run()``: its step, the server run it was about, and what the client held and claimed at its return.

    ``met_a_run``: a run was in progress on the server during the call, even if another party's. ``complete``: None when
    the client claims nothing; the return then counts as saying that nothing is missing. ``status``, ``error``,
    ``statistics`` and ``calls``: as in `gapless.testing.Claim`; None where the client says nothing.
    """

    step: StepCall
    server_run: ServerRun | None
    overlapped_a_run: bool = True
    held: tuple[str, ...] = ()
    gaps: tuple[GapSpan, ...] = ()
    complete: bool | None = None
    covers: str | None = None
    proof: str | None = None
    status: str | None = None
    error: str | None = None
    statistics: object = None
    calls: int | None = None


@dataclass(frozen=True, slots=True)
class HeldThen:
    """What the client held when a step returned.

    ``step``: ``attach`` or ``run``; ``closed`` for what it held at the end. ``at``: the journal index. ``gaps``: None
    when the client cannot declare gaps. ``contents``: digests by event id, of the events that were more than an id.
    """

    step: str
    at: int
    ids: tuple[str, ...]
    gaps: tuple[GapSpan, ...] | None
    contents: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class JournaledHistory:
    """One reading of the whole log: the step, the ids that it yielded, and digests by id."""

    step: StepCall
    ids: tuple[str, ...]
    contents: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event that reached the application. ``repaired``: as the client says; None when it does not say."""

    id: str
    at: int
    repaired: bool | None
    t_s: float = 0.0


@dataclass(frozen=True, slots=True)
class RestExchange:
    """One REST call as the server saw it.

    ``name``: the last word of its path. ``asked_at``, ``answered_at``: journal indices; ``answered_at`` and ``status``
    are None without an answer. ``counted``: whether it counts as spent.
    """

    name: str
    t_s: float
    asked_at: int
    counted: bool
    answered_at: int | None = None
    status: int | None = None


@dataclass(frozen=True, slots=True)
class RunError:
    """An error event in the log. ``at``: the journal index of its append."""

    id: str
    at: int
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that is judged.

    ``log``: the events in the log at the end. ``gone``: the events that a truncation lost. ``by_id``: both.
    ``deliveries``: ids in the order in which they reached the application. ``frames``: id and time of each frame that
    was delivered to the client. ``snapshots``: ids of the snapshots among them; no log holds those.

    ``calls``: counted REST calls. ``requests``: all REST calls. ``bytes``: in the bodies that answer counted calls.
    ``events_read``: events that the server read for counted calls. ``attach_…``: the part until attach returned.
    ``sockets``: sockets opened or refused. ``spinning``: the message about a client that was stopped.
    ``healed_at``: the journal index at which the faults ended.

    ``held_then``: what was held when attach or ``run()`` returned, and at the end. ``histories``: readings of the log.
    ``delivered``: as ``deliveries``, with what the client said about each. ``says_deliveries``: False for a client that
    never says what reaches its application. ``contents``: digests of the log's newest versions, by id, of the events
    whose content the client told. ``updated_at``: the journal index of the last update of an event under its id.
    ``framed_at``: the journal index at which a socket first brought an event. ``exchanges``: all REST calls.
    ``socket_times_s``: when sockets were opened or refused. ``news_times_s``: when the client was sent an event that it
    had not been sent before. ``open_sockets_max``: the most sockets that were open at once. ``errors``,
    ``statistics``: error events and updates of statistics, with their journal indices. ``faults_at``: the journal index
    and the kind of each fault that acted. ``cannot``: steps that the client cannot do. ``snapshots_at_s``: journal
    index, time and leaf of each snapshot delivered. ``frames_at_s``: index and time of each frame delivered.
    ``was_down``: whether the server was down at some time, so that calls may not have reached it.
    ``left_out_of_replay``: events whose frame a fault dropped from the replay of a socket that was opened later.
    ``inserted``: whether events came into the middle of the log. ``killed_at``: journal indices at which the client
    was killed. ``server_runs``: all runs of the server. ``messages_posted``: user messages that POSTs of the client
    made. ``appended_s``: when an event was appended, by id; without the history. ``ended_s``: when it was closed.
    ``outages_s``: for each time that sockets were refused, when the client tried, up to the try that was taken.
    """

    log: tuple[PersistedEvent, ...] = ()
    gone: tuple[PersistedEvent, ...] = ()
    steps: tuple[StepCall, ...] = ()
    runs: tuple[RunCall, ...] = ()
    deliveries: tuple[str, ...] = ()
    held_at_end: tuple[str, ...] = ()
    frames: tuple[tuple[str, float], ...] = ()
    snapshots: frozenset[str] = frozenset()
    calls: int = 0
    requests: int = 0
    attach_calls: int = 0
    bytes: int = 0
    events_read: int = 0
    attach_events_read: int = 0
    sockets: int = 0
    spinning: str | None = None
    healed_at: int | None = None
    inserted: bool = False
    killed_at: tuple[int, ...] = ()
    by_id: Mapping[str, PersistedEvent] = field(default_factory=dict)
    held_then: tuple[HeldThen, ...] = ()
    histories: tuple[JournaledHistory, ...] = ()
    delivered: tuple[Delivery, ...] = ()
    says_deliveries: bool = True
    contents: Mapping[str, str] = field(default_factory=dict)
    updated_at: Mapping[str, int] = field(default_factory=dict)
    framed_at: Mapping[str, int] = field(default_factory=dict)
    exchanges: tuple[RestExchange, ...] = ()
    socket_times_s: tuple[float, ...] = ()
    news_times_s: tuple[float, ...] = ()
    open_sockets_max: int = 0
    snapshots_at_s: tuple[tuple[int, float, str | None], ...] = ()
    frames_at_s: tuple[tuple[int, float], ...] = ()
    left_out_of_replay: frozenset[str] = frozenset()
    errors: tuple[RunError, ...] = ()
    statistics: tuple[tuple[int, object], ...] = ()
    faults_at: tuple[tuple[int, str], ...] = ()
    cannot: tuple[str, ...] = ()
    was_down: bool = False
    server_runs: tuple[ServerRun, ...] = ()
    messages_posted: int = 0
    appended_s: Mapping[str, float] = field(default_factory=dict)
    ended_s: float = 0.0
    outages_s: tuple[tuple[float, ...], ...] = ()

    @property
    def attach(self) -> StepCall | None:
        """The attach step; None when the script did not reach it."""
        return next((step for step in self.steps if step.step == "attach"), None)

    def in_chaos(self, step: StepCall) -> bool:
        """Whether faults could still act when the step was called."""
        return self.healed_at is None or step.called_at < self.healed_at

    def log_length_at(self, journal_index: int | None) -> int:
        """How many events the log held at a journal index; None means at the end."""
        if journal_index is None:
            return len(self.log)
        return sum(1 for event in self.log if event.at < journal_index) + sum(
            1 for event in self.gone if event.at < journal_index <= (event.gone_at or 0)
        )

    def log_as_of(self, run: RunCall) -> tuple[PersistedEvent, ...]:
        """The log up to the end of the run that ``run()`` was about, without events lost before ``run()`` returned."""
        if run.server_run is not None and run.server_run.log_length is not None:
            length, at = run.server_run.log_length, run.server_run.ended_at
        else:
            length, at = self.log_length_at(run.step.ended_at), run.step.ended_at
        return self._log_at(at, lasting_to=run.step.ended_at)[:length]

    def log_then(self, journal_index: int) -> tuple[PersistedEvent, ...]:
        """The log at a journal index, in its order, without events that a truncation had lost by then."""
        there = [event for event in self.log if event.at < journal_index]
        there += [one for one in self.gone if one.at < journal_index <= (one.gone_at or 0)]
        return tuple(sorted(there, key=lambda event: event.index)) if self.gone else tuple(there)

    def log_of_attach(self) -> tuple[PersistedEvent, ...]:
        """The log when attach was called."""
        called_at = self.attach.called_at if self.attach else None
        return self._log_at(called_at, lasting_to=called_at)[: self.history_length()]

    def _log_at(self, journal_index: int | None, *, lasting_to: int | None) -> tuple[PersistedEvent, ...]:
        if not self.gone and not self.inserted:
            return self.log
        lasted = [one for one in self.gone if lasting_to is None or (one.gone_at or 0) > lasting_to]
        there = [event for event in (*lasted, *self.log) if journal_index is None or event.at < journal_index]
        return tuple(sorted(there, key=lambda event: event.index))

    def is_in_no_log(self, event_id: str, journal_index: int | None) -> bool:
        """Whether no log holds the event: none ever did, or a truncation lost it before that journal index.

        ``journal_index``: None means at any time.
        """
        event = self.by_id.get(event_id)
        if event is None:
            return True
        return event.gone_at is not None and (journal_index is None or event.gone_at < journal_index)

    def history_length(self) -> int:
        """How many events the log held when attach was called."""
        return self.log_length_at(self.attach.called_at) if self.attach else len(self.log)


def read(
    entries: Iterable[JournalEntry],
    log: Iterable[Mapping[str, object]],
    contents: Mapping[str, str] | None = None,
) -> Evidence:
    """The evidence in a journal.

    ``log``: the log at the end; the journal does not contain a long history. ``contents``: digests of its events, where
    ``log`` has only their ids and kinds; None: computed from ``log``.
    """
    reader = _Reader(log, contents)
    for entry in entries:
        reader.take(entry)
    return reader.evidence()


class _Reader:
    """Collects evidence while the journal is read in order."""

    def __init__(self, log: Iterable[Mapping[str, object]], contents: Mapping[str, str] | None) -> None:
        self._final_log = log
        self._log_contents = contents
        self._told_contents: dict[str, str] = {}
        self._held_then: list[HeldThen] = []
        self._histories: dict[int, tuple[tuple[str, ...], Mapping[str, str]]] = {}
        self._delivered: list[Delivery] = []
        self._says_deliveries = True
        self._updated_at: dict[str, int] = {}
        self._framed_at: dict[str, int] = {}
        self._exchanges: dict[object, RestExchange] = {}
        self._socket_times_s: list[float] = []
        self._news_times_s: list[float] = []
        self._sent: set[object] = set()
        self._open: set[object] = set()
        self._open_max = 0
        self._last_opened_at = -1
        self._snapshots_at_s: list[tuple[int, float, str | None]] = []
        self._frames_at_s: list[tuple[int, float]] = []
        self._left_out: set[str] = set()
        self._published_at: dict[str, int] = {}
        self._errors: list[RunError] = []
        self._statistics: list[tuple[int, object]] = []
        self._faults_at: list[tuple[int, str]] = []
        self._cannot: dict[str, None] = {}
        self._was_down = False
        self._status: str | None = None
        self._appended_at: dict[str, int] = {}
        self._unreadable: set[str] = set()
        self._gone: list[PersistedEvent] = []
        self._steps: list[StepCall] = []
        self._claims: dict[int, Mapping[str, object]] = {}
        self._server_runs: dict[int, ServerRun] = {}
        self._unended: int | None = None
        self._deliveries: list[str] = []
        self._delivered_before: list[str] = []
        self._frames: list[tuple[str, float]] = []
        self._snapshots: set[str] = set()
        self._counted: dict[object, bool] = {}
        self._held_at_end: tuple[str, ...] = ()
        self._calls = self._requests = self._bytes = self._events_read = self._sockets = 0
        self._attach_calls = self._attach_events_read = 0
        self._spinning: str | None = None
        self._healed_at: int | None = None
        self._inserted = False
        self._killed_at: list[int] = []
        self._posts_open: list[object] = []
        self._messages_posted = 0
        self._appended_s: dict[str, float] = {}
        self._ended_s = 0.0
        self._outages_s: list[tuple[float, ...]] = []
        self._tries_s: list[float] = []

    def take(self, entry: JournalEntry) -> None:
        fields = entry.fields
        match entry.place, entry.what:
            case "log", "append":
                self._append(entry)
            case "publisher", "publish":
                self._published_at[_text(fields["id"])] = entry.index
            case "log", "update":
                self._updated_at[_text(fields["id"])] = entry.index
            case "log", "truncate":
                lost = zip(_texts(fields["ids"]), _texts(fields["kinds"]), strict=True)
                for index, (event_id, kind) in enumerate(lost, _whole(fields["length"])):
                    event = self._log_event(index, {"id": event_id, "kind": kind})
                    self._gone.append(dataclasses.replace(event, gone_at=entry.index))
            case "agent", "run-started":
                run = _whole(fields["run"])
                self._server_runs[run] = ServerRun(run, entry.index, own=fields.get("by", "client") == "client")
            case "agent", "status":
                self._status = _text(fields["status"])
                self._ends_unended_run(self._status)
            case "agent", "run-ended":
                self._run_ended(entry)
            case "socket", what:
                self._socket(what, entry)
            case "rest", "request":
                self._requests += 1
                self._counted[fields["call"]] = bool(fields["counted"])
                self._calls += bool(fields["counted"])
                name = _text(fields.get("path", "")).rpartition("/")[2]
                self._exchanges[fields["call"]] = RestExchange(name, entry.t_s, entry.index, bool(fields["counted"]))
                if (fields.get("method"), name) == ("POST", "events"):
                    self._posts_open.append(fields["call"])
            case "rest", "response":
                self._answered(entry)
            case "fault", "fired":
                self._fault(entry)
            case "world", "restarting":
                self._was_down = True
            case "world", "healed":
                self._healed_at = entry.index
            case "client", what:
                self._client(what, entry)

    def _append(self, entry: JournalEntry) -> None:
        fields = entry.fields
        event_id = _text(fields["id"])
        self._appended_at[event_id] = entry.index
        self._appended_s[event_id] = entry.t_s
        if fields.get("kind") == "MessageEvent" and self._posts_open:
            self._posts_open.pop(0)
            self._messages_posted += 1
        self._inserted = self._inserted or fields.get("inserted") is True
        if fields.get("readable") is False:
            self._unreadable.add(event_id)
        match fields.get("error"):
            case {"code": code, "detail": detail}:
                self._errors.append(RunError(event_id, entry.index, _text(code), _text(detail)))
        if "statistics" in fields:
            self._statistics.append((entry.index, fields["statistics"]))

    def _socket(self, what: str, entry: JournalEntry) -> None:
        fields = entry.fields
        if what in ("opened", "refused"):
            self._sockets += 1
            self._socket_times_s.append(entry.t_s)
            self._tries_s.append(entry.t_s)
        if what == "opened":
            if len(self._tries_s) > 1:
                self._outages_s.append(tuple(self._tries_s))
            self._tries_s = []
            self._last_opened_at = entry.index
            self._open.add(fields.get("connection"))
            self._open_max = max(self._open_max, len(self._open))
        elif what == "closed":
            self._open.discard(fields.get("connection"))
        elif what == "delivered":
            event_id = _text(fields["id"])
            self._frames.append((event_id, entry.t_s))
            self._frames_at_s.append((entry.index, entry.t_s))
            self._framed_at.setdefault(event_id, entry.index)
            self._news(event_id, entry.t_s)
            if fields.get("key") == "full_state":
                self._snapshots.add(event_id)
                leaf = fields.get("leaf")
                self._snapshots_at_s.append((entry.index, entry.t_s, None if leaf is None else _text(leaf)))

    def _news(self, what: object, t_s: float) -> None:
        """Note that the client was sent something. Only what it had not been sent before is news."""
        if what not in self._sent:
            self._sent.add(what)
            self._news_times_s.append(t_s)

    def _fault(self, entry: JournalEntry) -> None:
        kind, target = _text(entry.fields["kind"]), _text(entry.fields.get("target"))
        self._faults_at.append((entry.index, kind))
        if kind == "event-drop" and self._published_at.get(target, -1) < self._last_opened_at:
            self._left_out.add(target)

    def _answered(self, entry: JournalEntry) -> None:
        fields = entry.fields
        call = fields["call"]
        if call in self._posts_open:
            self._posts_open.remove(call)
        if self._counted.get(call):
            self._bytes += _whole(fields.get("bytes") or 0)
            self._events_read += _whole(fields.get("events_read") or 0)
        status = fields.get("status")
        asked = self._exchanges.get(call)
        if asked is not None and isinstance(status, int):
            self._exchanges[call] = dataclasses.replace(asked, answered_at=entry.index, status=status)
        if fields.get("items"):
            self._news((fields.get("first"), fields.get("last")), entry.t_s)

    def _ends_unended_run(self, status: str) -> None:
        """The first status after a run that stopped without one is how that run ended, as clients were told."""
        if self._unended is not None:
            run, self._unended = self._unended, None
            self._server_runs[run] = dataclasses.replace(self._server_runs[run], published=status)

    def _run_ended(self, entry: JournalEntry) -> None:
        run = _whole(entry.fields["run"])
        self._server_runs[run] = dataclasses.replace(
            self._server_runs[run],
            ended_at=entry.index,
            ended_s=entry.t_s,
            status=_text(entry.fields["status"]),
            log_length=_whole(entry.fields["log_length"]),
            published=self._status or _text(entry.fields["status"]),
        )
        self._unended = run if entry.fields["status"] == "none" else None

    def _client(self, what: str, entry: JournalEntry) -> None:
        if what == "killed":
            self._killed_at.append(entry.index)
            self._delivered_before += self._deliveries
            self._deliveries = []
        elif what == "delivered":
            event_id, repaired = _text(entry.fields["id"]), entry.fields.get("repaired")
            self._deliveries.append(event_id)
            self._delivered.append(
                Delivery(event_id, entry.index, None if repaired is None else bool(repaired), entry.t_s)
            )
        elif what == "says-no-deliveries":
            self._says_deliveries = False
        elif what == "cannot":
            self._cannot[_text(entry.fields["step"])] = None
        elif what == "closed":
            self._held_at_end = _texts(entry.fields.get("held"))
            self._ended_s = entry.t_s
            self._note_held("closed", entry)
        elif what == "spinning":
            self._spinning = _text(entry.fields["message"])
        elif what.endswith("-called"):
            self._steps.append(StepCall(what.removesuffix("-called"), entry.t_s, entry.index))
        elif what.endswith("-returned"):
            self._end_step("returned", entry)
        elif what == "error":
            outcome: StepOutcome = entry.fields["outcome"]  # type: ignore[assignment]
            self._end_step(outcome, entry, f"{entry.fields['error']}: {entry.fields['message']}")

    def _end_step(self, outcome: StepOutcome, entry: JournalEntry, message: str = "") -> None:
        begun = self._steps[-1]
        self._steps[-1] = StepCall(
            begun.step, begun.called_s, begun.called_at, outcome, entry.t_s, entry.index, message
        )
        self._claims[begun.called_at] = entry.fields
        if begun.step == "history" and "read" in entry.fields:
            self._told_contents |= _contents(entry.fields.get("contents"))
            self._histories[begun.called_at] = _texts(entry.fields.get("read")), dict(self._told_contents)
        elif "held" in entry.fields:
            self._note_held(begun.step, entry)
        if begun.step == "attach":
            self._attach_calls, self._attach_events_read = self._calls, self._events_read

    def _note_held(self, step: str, entry: JournalEntry) -> None:
        told = entry.fields.get("gaps")
        gaps = None if told is None else tuple(_gap(value) for value in _values(told))
        self._told_contents |= _contents(entry.fields.get("contents"))
        ids = _texts(entry.fields.get("held"))
        self._held_then.append(HeldThen(step, entry.index, ids, gaps, dict(self._told_contents)))

    def _contents_of_log(self, event: Mapping[str, object], found: dict[str, str]) -> None:
        """Add the digest of an event of the log. Only events whose content the client told are needed."""
        event_id = _text(event["id"])
        if event_id in self._told_contents:
            digest = content_digest(event) if self._log_contents is None else self._log_contents.get(event_id)
            if digest is not None:
                found[event_id] = digest

    def evidence(self) -> Evidence:
        """The evidence in the entries taken so far."""
        log_contents: dict[str, str] = {}
        events: list[PersistedEvent] = []
        for index, event in enumerate(self._final_log):
            events.append(self._log_event(index, event))
            self._contents_of_log(event, log_contents)
        log = tuple(events)
        return Evidence(
            log=log,
            gone=tuple(self._gone),
            steps=tuple(self._steps),
            runs=tuple(self._run_call(step) for step in self._steps if step.step == "run"),
            deliveries=(*self._only_before(), *self._deliveries),
            held_at_end=self._held_at_end,
            frames=tuple(self._frames),
            snapshots=frozenset(self._snapshots),
            calls=self._calls,
            attach_calls=self._attach_calls,
            requests=self._requests,
            bytes=self._bytes,
            events_read=self._events_read,
            attach_events_read=self._attach_events_read,
            sockets=self._sockets,
            spinning=self._spinning,
            healed_at=self._healed_at,
            inserted=self._inserted,
            killed_at=tuple(self._killed_at),
            by_id={event.id: event for event in (*self._gone, *log)},
            held_then=tuple(self._held_then),
            histories=tuple(
                JournaledHistory(step, *self._histories[step.called_at])
                for step in self._steps
                if step.called_at in self._histories
            ),
            delivered=tuple(self._delivered),
            says_deliveries=self._says_deliveries,
            contents=log_contents,
            updated_at=self._updated_at,
            framed_at=self._framed_at,
            exchanges=tuple(self._exchanges.values()),
            socket_times_s=tuple(self._socket_times_s),
            news_times_s=tuple(self._news_times_s),
            open_sockets_max=self._open_max,
            snapshots_at_s=tuple(self._snapshots_at_s),
            frames_at_s=tuple(self._frames_at_s),
            left_out_of_replay=frozenset(self._left_out),
            errors=tuple(self._errors),
            statistics=tuple(self._statistics),
            faults_at=tuple(self._faults_at),
            cannot=tuple(self._cannot),
            was_down=self._was_down,
            server_runs=tuple(self._server_runs.values()),
            messages_posted=self._messages_posted,
            appended_s=self._appended_s,
            ended_s=self._ended_s,
            outages_s=tuple(self._outages_s) + ((tuple(self._tries_s),) if len(self._tries_s) > 1 else ()),
        )

    def _only_before(self) -> Iterable[str]:
        """What was delivered before a kill, and not again after it.

        A client without a store gives its application everything again when it is opened again, and may do so.
        """
        again = set(self._deliveries)
        return (one for one in dict.fromkeys(self._delivered_before) if one not in again)

    def _log_event(self, index: int, event: Mapping[str, object]) -> PersistedEvent:
        event_id, kind = _text(event["id"]), _text(event["kind"])
        appended_at, readable = self._appended_at.get(event_id, -1), event_id not in self._unreadable
        return PersistedEvent(event_id, kind, index, kind != STATE_UPDATE, appended_at, readable=readable)

    def _run_call(self, step: StepCall) -> RunCall:
        claim = self._claims.get(step.called_at, {})
        complete = claim.get("complete")
        covers, proof = claim.get("covers"), claim.get("proof")
        return RunCall(
            step=step,
            server_run=self._server_run_of(step),
            overlapped_a_run=any(_overlap(run, step) for run in self._server_runs.values()),
            held=_texts(claim.get("held")),
            gaps=tuple(_gap(value) for value in _values(claim.get("gaps"))),
            complete=None if complete is None else bool(complete),
            covers=None if covers is None else _text(covers),
            proof=None if proof is None else _text(proof),
            status=_optional_text(claim.get("status")),
            error=_optional_text(claim.get("error")),
            statistics=claim.get("statistics"),
            calls=None if claim.get("calls") is None else _whole(claim["calls"]),
        )

    def _server_run_of(self, step: StepCall) -> ServerRun | None:
        """The run that this call started, else the run that was in progress when it was called (409, R18)."""
        runs = sorted(self._server_runs.values(), key=lambda run: run.started_at)
        until = step.ended_at
        for run in runs:
            if run.own and run.started_at > step.called_at and (until is None or run.started_at < until):
                return run
        going_on = [
            run
            for run in runs
            if run.started_at < step.called_at and (run.ended_at is None or run.ended_at > step.called_at)
        ]
        return going_on[-1] if going_on else None


def _overlap(run: ServerRun, step: StepCall) -> bool:
    begun = step.ended_at is None or run.started_at < step.ended_at
    return begun and (run.ended_at is None or run.ended_at > step.called_at)


def _text(value: object) -> str:
    return str(value)


def _optional_text(value: object) -> str | None:
    return None if value is None else _text(value)


def _contents(value: object) -> dict[str, str]:
    return {_text(event_id): _text(digest) for event_id, digest in (_values(one) for one in _values(value))}


def _whole(value: object) -> int:
    if not isinstance(value, int):
        raise TypeError(f"the journal holds {value!r} where a whole number belongs")
    return value


def _values(value: object) -> Sequence[object]:
    return value if isinstance(value, list | tuple) else ()


def _texts(value: object) -> tuple[str, ...]:
    return tuple(_text(one) for one in _values(value))


def _gap(value: object) -> GapSpan:
    after_id, before_id = _values(value)
    return GapSpan(None if after_id is None else _text(after_id), None if before_id is None else _text(before_id))
