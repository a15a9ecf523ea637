"""Reads the journal of a run into `Evidence`. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence

from gapless.scenarios.judging.content import content_digest
from gapless.scenarios.judging.evidence import (
    STATE_UPDATE,
    Delivery,
    Evidence,
    GapSpan,
    HeldThen,
    JournaledHistory,
    JournalEntry,
    PersistedEvent,
    RestExchange,
    RunCall,
    RunError,
    ServerRun,
    ShownPage,
    StepCall,
    StepOutcome,
)
from gapless.scenarios.judging.told_updates import ToldUpdates
from gapless.simserver.faults import KINDS
from gapless.simserver.network.socket_name import FIRST_CLIENT


def read(
    entries: Iterable[JournalEntry],
    log: Iterable[Mapping[str, object]],
    contents: Mapping[str, str] | None = None,
    *,
    client: int = FIRST_CLIENT,
) -> Evidence:
    """The evidence in a journal about one client.

    ``log``: the log at the end; the journal does not contain a long history. ``contents``: digests of its events, where
    ``log`` has only their ids and kinds; None: computed from ``log``. ``client``: which of two; what the journal has
    of the other is left out.
    """
    reader = _Reader(log, contents, client)
    for entry in entries:
        if _concerns(entry, client):
            reader.take(entry)
    return reader.evidence()


# Where an entry is about one client, which is the first unless it says otherwise.
_OF_A_CLIENT = frozenset({"client", "socket", "rest", "fault"})
_OF_THE_SERVER = frozenset(
    str(kind.model_fields["kind"].default) for kind in KINDS if kind.place in ("append", "ending", "server", "snapshot")
)


def _concerns(entry: JournalEntry, client: int) -> bool:
    """Whether an entry is about this client, or about the server, which both have."""
    whose = entry.fields.get("client")
    if entry.place not in _OF_A_CLIENT or whose == client:
        return True
    if client == FIRST_CLIENT:
        return whose is None
    return whose is None and entry.place == "fault" and entry.fields.get("kind") in _OF_THE_SERVER


class _Reader:
    """Collects evidence while the journal is read in order."""

    def __init__(self, log: Iterable[Mapping[str, object]], contents: Mapping[str, str] | None, client: int) -> None:
        self._client_number = client
        self._by = "client" if client == FIRST_CLIENT else f"client-{client}"
        self._final_log = log
        self._log_contents = contents
        self._told_contents: dict[str, str] = {}
        self._delivered_contents: dict[str, str] = {}
        self._held_then: list[HeldThen] = []
        self._histories: dict[int, tuple[tuple[str, ...], Mapping[str, str]]] = {}
        self._delivered: list[Delivery] = []
        self._says_deliveries = True
        self._updates = ToldUpdates()
        self._framed_at: dict[str, int] = {}
        self._exchanges: dict[object, RestExchange] = {}
        self._socket_times_s: list[float] = []
        self._news_times_s: list[float] = []
        self._sent: set[object] = set()
        self._open: set[object] = set()
        self._open_max = 0
        self._last_opened_at = -1
        self._opened_at: list[int] = []
        self._through_seq: dict[object, int] = {}
        self._replayed: set[str] = set()
        self._snapshots_at_s: list[tuple[int, float, str | None]] = []
        self._frames_at_s: list[tuple[int, float]] = []
        self._left_out: set[str] = set()
        self._published_at: dict[str, int] = {}
        self._errors: list[RunError] = []
        self._statistics: list[tuple[int, object]] = []
        self._statuses: list[tuple[int, str]] = []
        self._logged_runs: set[object] = set()
        self._restarted_at = -1
        self._faults_at: list[tuple[int, str]] = []
        self._cannot: dict[str, None] = {}
        self._was_down = False
        self._status: str | None = None
        self._appended_at: dict[str, int] = {}
        self._unreadable: set[str] = set()
        self._readable_again_at: dict[str, int] = {}
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
        self._left_open = 0
        self._healed_at: int | None = None
        self._inserted = False
        self._killed_at: list[int] = []
        self._deleted_at: int | None = None
        self._pages: list[ShownPage] = []
        self._posts_open: list[object] = []
        self._messages_posted = 0
        self._posted: dict[str, None] = {}
        self._posted_texts: list[str] = []
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
                if fields.get("key") == "execution_status":  # it need not come into the log
                    self._statuses.append((entry.index, _text(fields["value"])))
            case "other", "delete":
                self._deleted_at = entry.index
            case "log", "readable-again":
                self._readable_again_at[_text(fields["id"])] = entry.index
            case "log", "update":
                self._updates.updated(_text(fields["id"]), entry.index)
            case "log", "truncate":
                lost = zip(_texts(fields["ids"]), _texts(fields["kinds"]), strict=True)
                for index, (event_id, kind) in enumerate(lost, _whole(fields["length"])):
                    event = self._log_event(index, {"id": event_id, "kind": kind})
                    self._gone.append(dataclasses.replace(event, gone_at=entry.index))
            case "agent", "run-started":
                run = _whole(fields["run"])
                self._server_runs[run] = ServerRun(run, entry.index, own=fields.get("by", "client") == self._by)
            case "agent", "status":
                self._status = _text(fields["status"])
                self._statuses.append((entry.index, self._status))
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
                self._was_down, self._restarted_at = True, entry.index
            case "world", "asleep":
                self._restarted_at = entry.index  # its run ends as by a restart
            case "world", "healed":
                self._healed_at = entry.index
            case "client", what:
                self._client(what, entry)

    def _append(self, entry: JournalEntry) -> None:
        fields = entry.fields
        event_id = _text(fields["id"])
        self._appended_at[event_id] = entry.index
        self._logged_runs.add(fields.get("run"))
        self._appended_s[event_id] = entry.t_s
        is_own = fields.get("client", FIRST_CLIENT) == self._client_number
        if fields.get("kind") == "MessageEvent" and self._posts_open and is_own:
            self._posts_open.pop(0)
            self._messages_posted += 1
            self._posted[event_id] = None
        self._inserted = self._inserted or fields.get("inserted") is True
        if fields.get("readable") is False:
            self._unreadable.add(event_id)
        match fields.get("error"):
            case {"code": code, "detail": detail}:
                run = fields.get("run")
                self._errors.append(
                    RunError(event_id, entry.index, _text(code), _text(detail), None if run is None else _whole(run))
                )
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
            self._opened_at.append(entry.index)
            self._updates.opened(fields.get("connection"), entry.index)
            self._open.add(fields.get("connection"))
            self._open_max = max(self._open_max, len(self._open))
        elif what == "closed":
            self._open.discard(fields.get("connection"))
        elif what == "sent":
            frame = fields.get("connection"), fields.get("frame")
            if isinstance(through_seq := fields.get("through_seq"), int):
                self._through_seq[fields.get("connection")] = through_seq
            self._updates.sent(frame, _text(fields["id"]), is_update=fields.get("update") is True)
        elif what == "delivered":
            event_id = _text(fields["id"])
            self._updates.delivered((fields.get("connection"), fields.get("frame")), entry.index)
            self._frames.append((event_id, entry.t_s))
            self._frames_at_s.append((entry.index, entry.t_s))
            self._framed_at.setdefault(event_id, entry.index)
            seq = fields.get("seq")
            if isinstance(seq, int) and seq <= self._through_seq.get(fields.get("connection"), -1):
                self._replayed.add(event_id)
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
            self._pages.append(ShownPage(entry.index, _text(fields.get("first")), _text(fields.get("last"))))
            if asked is not None:
                ends = _text(fields.get("first")), _text(fields.get("last"))
                self._updates.answered(asked_at=asked.asked_at, at=entry.index, ends=ends)

    def _ends_unended_run(self, status: str) -> None:
        """The first status after a run that stopped without one is how that run ended, as clients were told."""
        if self._unended is not None:
            run, self._unended = self._unended, None
            self._server_runs[run] = dataclasses.replace(self._server_runs[run], published=status)

    def _run_ended(self, entry: JournalEntry) -> None:
        run = _whole(entry.fields["run"])
        is_restarted = self._restarted_at > self._server_runs[run].started_at
        self._server_runs[run] = dataclasses.replace(
            self._server_runs[run],
            is_forgotten=is_restarted and run not in self._logged_runs,
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
            self._delivered_contents |= _contents(entry.fields.get("delivered_contents"))
        elif what == "left-open":
            self._left_open = _whole(entry.fields["connections"])
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

    def evidence(self) -> Evidence:
        """The evidence in the entries taken so far."""
        log_contents: dict[str, str] = {}
        events: list[PersistedEvent] = []
        told_contents = self._told_contents.keys() | self._delivered_contents.keys()
        for index, event in enumerate(self._final_log):
            known = self._log_event(index, event)
            events.append(known)
            if known.id in told_contents:  # the content of any other is not needed
                digest = content_digest(event) if self._log_contents is None else self._log_contents.get(known.id)
                if digest is not None:
                    log_contents[known.id] = digest
            if known.id in self._posted and event.get("source") == "user":
                self._posted_texts.append(_said(event))
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
            deleted_at=self._deleted_at,
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
            delivered_contents=self._delivered_contents,
            updated_at=self._updates.updated_at,
            update_told_at=self._updates.told_at({event.id: event.index for event in log}),
            framed_at=self._framed_at,
            exchanges=tuple(self._exchanges.values()),
            socket_times_s=tuple(self._socket_times_s),
            news_times_s=tuple(self._news_times_s),
            open_sockets_max=self._open_max,
            sockets_opened_at=tuple(self._opened_at),
            replayed=frozenset(self._replayed),
            left_open=self._left_open,
            readable_again_at=self._readable_again_at,
            snapshots_at_s=tuple(self._snapshots_at_s),
            frames_at_s=tuple(self._frames_at_s),
            left_out_of_replay=frozenset(self._left_out),
            errors=tuple(self._errors),
            statistics=tuple(self._statistics),
            statuses=tuple(self._statuses),
            faults_at=tuple(self._faults_at),
            cannot=tuple(self._cannot),
            was_down=self._was_down,
            server_runs=tuple(self._server_runs.values()),
            messages_posted=self._messages_posted,
            posted_texts=tuple(self._posted_texts),
            appended_s=self._appended_s,
            ended_s=self._ended_s,
            pages=tuple(self._pages),
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
        """The run that this call started, else the run that was in progress when it was called (409, R18).

        A client whose run was forgotten may have started it again.
        """
        runs = sorted(self._server_runs.values(), key=lambda run: run.started_at)
        until = step.ended_at
        started = [
            run
            for run in runs
            if run.own and run.started_at > step.called_at and (until is None or run.started_at < until)
        ]
        if started:
            return next((run for run in started if not run.is_forgotten), started[-1])
        going_on = [
            run
            for run in runs
            if run.started_at < step.called_at and (run.ended_at is None or run.ended_at > step.called_at)
        ]
        return going_on[-1] if going_on else None


def _overlap(run: ServerRun, step: StepCall) -> bool:
    begun = step.ended_at is None or run.started_at < step.ended_at
    return begun and (run.ended_at is None or run.ended_at > step.called_at)


def _said(event: Mapping[str, object]) -> str:
    """The text of a user message."""
    message = event.get("llm_message")
    parts = _values(message.get("content")) if isinstance(message, Mapping) else ()
    return "".join(_text(part.get("text", "")) for part in parts if isinstance(part, Mapping))


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
