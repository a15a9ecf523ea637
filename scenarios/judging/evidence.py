"""The journal of a run, read once into the values that the oracles and the optimum work with.

Pure: it takes journal entries and returns frozen values. No oracle looks at anything else.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

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
    status at the end. ``log_length``: events in the log at the end.
    """

    run: int
    started_at: int
    own: bool = True
    ended_at: int | None = None
    ended_s: float | None = None
    status: str | None = None
    log_length: int | None = None


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
    the client claims nothing; the return then counts as saying that nothing is missing.
    """

    step: StepCall
    server_run: ServerRun | None
    overlapped_a_run: bool = True
    held: tuple[str, ...] = ()
    gaps: tuple[GapSpan, ...] = ()
    complete: bool | None = None
    covers: str | None = None
    proof: str | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that is judged.

    ``log``: the events in the log at the end. ``gone``: the events that a truncation lost. ``by_id``: both.
    ``deliveries``: ids in the order in which they reached the application. ``frames``: id and time of each frame that
    was delivered to the client. ``snapshots``: ids of the snapshots among them; no log holds those.

    ``calls``: counted REST calls. ``requests``: all REST calls. ``bytes``: in the bodies that answer counted calls.
    ``events_read``: events that the server read for counted calls. ``attach_…``: the part until attach returned.
    ``sockets``: sockets opened or refused. ``spinning``: the message about a client that was stopped. ``healed_at``:
    the journal index at which the faults ended. ``inserted``: whether events came into the middle of the log.
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
    by_id: Mapping[str, PersistedEvent] = field(default_factory=dict)

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


def read(entries: Iterable[JournalEntry], log: Iterable[Mapping[str, object]]) -> Evidence:
    """The evidence in a journal. ``log``: the log at the end; the journal does not contain a long history."""
    reader = _Reader(log)
    for entry in entries:
        reader.take(entry)
    return reader.evidence()


class _Reader:
    """Collects evidence while the journal is read in order."""

    def __init__(self, log: Iterable[Mapping[str, object]]) -> None:
        self._final_log = log
        self._appended_at: dict[str, int] = {}
        self._unreadable: set[str] = set()
        self._gone: list[PersistedEvent] = []
        self._steps: list[StepCall] = []
        self._claims: dict[int, Mapping[str, object]] = {}
        self._server_runs: dict[int, ServerRun] = {}
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

    def take(self, entry: JournalEntry) -> None:
        fields = entry.fields
        match entry.place, entry.what:
            case "log", "append":
                self._appended_at[_text(fields["id"])] = entry.index
                self._inserted = self._inserted or fields.get("inserted") is True
                if fields.get("readable") is False:
                    self._unreadable.add(_text(fields["id"]))
            case "log", "truncate":
                lost = zip(_texts(fields["ids"]), _texts(fields["kinds"]), strict=True)
                for index, (event_id, kind) in enumerate(lost, _whole(fields["length"])):
                    event = self._log_event(index, {"id": event_id, "kind": kind})
                    self._gone.append(dataclasses.replace(event, gone_at=entry.index))
            case "agent", "run-started":
                run = _whole(fields["run"])
                self._server_runs[run] = ServerRun(run, entry.index, own=fields.get("by", "client") == "client")
            case "agent", "run-ended":
                self._run_ended(entry)
            case "socket", "opened" | "refused":
                self._sockets += 1
            case "socket", "delivered":
                self._frames.append((_text(fields["id"]), entry.t_s))
                if fields.get("key") == "full_state":
                    self._snapshots.add(_text(fields["id"]))
            case "rest", "request":
                self._requests += 1
                self._counted[fields["call"]] = bool(fields["counted"])
                self._calls += bool(fields["counted"])
            case "rest", "response" if self._counted.get(fields["call"]):
                self._bytes += _whole(fields.get("bytes") or 0)
                self._events_read += _whole(fields.get("events_read") or 0)
            case "world", "healed":
                self._healed_at = entry.index
            case "client", what:
                self._client(what, entry)

    def _run_ended(self, entry: JournalEntry) -> None:
        run = _whole(entry.fields["run"])
        self._server_runs[run] = dataclasses.replace(
            self._server_runs[run],
            ended_at=entry.index,
            ended_s=entry.t_s,
            status=_text(entry.fields["status"]),
            log_length=_whole(entry.fields["log_length"]),
        )

    def _client(self, what: str, entry: JournalEntry) -> None:
        if what == "delivered":
            self._deliveries.append(_text(entry.fields["id"]))
        elif what == "killed":
            self._delivered_before += self._deliveries
            self._deliveries = []
        elif what == "closed":
            self._held_at_end = _texts(entry.fields.get("held"))
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
        if begun.step == "attach":
            self._attach_calls, self._attach_events_read = self._calls, self._events_read

    def evidence(self) -> Evidence:
        """The evidence in the entries taken so far."""
        log = tuple(self._log_event(index, event) for index, event in enumerate(self._final_log))
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
            by_id={event.id: event for event in (*self._gone, *log)},
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
