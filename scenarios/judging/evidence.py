"""The journal of a run, read once into the values that the oracles and the optimum work with.

Pure: it takes journal entries and returns frozen values. No oracle looks at anything else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
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
    status at the end. ``published``: the conversation's status then, as clients were told it: a run that is paused
    before it began leaves the status as it was, and one that stops without a status has the next one. ``log_length``:
    events in the log at the end. ``is_forgotten``: whether the server restarted before the log had anything of it:
    nobody can tell such a run from one that was never taken.
    """

    run: int
    started_at: int
    own: bool = True
    ended_at: int | None = None
    ended_s: float | None = None
    status: str | None = None
    log_length: int | None = None
    published: str | None = None
    is_forgotten: bool = False


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
class ShownPage:
    """A page of the log that was answered. ``at``: the journal index; ``first_id``, ``last_id``: its ends."""

    at: int
    first_id: str
    last_id: str


@dataclass(frozen=True, slots=True)
class RunError:
    """An error event in the log. ``at``: the journal index of its append; ``run``: the server's run that made it, where
    the journal knows."""

    id: str
    at: int
    code: str
    detail: str
    run: int | None = None


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
    whose content the client told. ``delivered_contents``: digests, by id, of what was delivered and at the end was not
    held with that content. ``updated_at``: the journal index of the last update of an event under its id.
    ``update_told_at``: when that version first reached the client, by a frame or a page; nothing where it never did.
    ``framed_at``: the journal index at which a socket first brought an event. ``exchanges``: all REST calls.
    ``socket_times_s``: when sockets were opened or refused. ``news_times_s``: when the client was sent an event that it
    had not been sent before. ``open_sockets_max``: the most sockets that were open at once. ``errors``,
    ``statistics``: error events and updates of statistics, with their journal indices. ``statuses``: the conversation's
    statuses, likewise, as they came into the log or were published. ``faults_at``: the journal index
    and the kind of each fault that acted. ``cannot``: steps that the client cannot do. ``snapshots_at_s``: journal
    index, time and leaf of each snapshot delivered. ``frames_at_s``: index and time of each frame delivered.
    ``was_down``: whether the server was down at some time, so that calls may not have reached it.
    ``left_out_of_replay``: events whose frame a fault dropped from the replay of a socket that was opened later.
    ``inserted``: whether events came into the middle of the log. ``killed_at``: journal indices at which the client
    was killed. ``deleted_at``: where the conversation was deleted. ``server_runs``: all runs of the server.
    ``messages_posted``: user messages that POSTs of the client made. ``posted_texts``: what those of them say that the
    log has at the end. ``appended_s``: when an event was appended, by id; without the history. ``ended_s``: when it was
    closed. ``sockets_opened_at``: journal indices. ``left_open``: connections that it still had when it was closed.
    ``readable_again_at``: the journal index since when a record that could not be read can be, by id (R85).
    ``replayed``: events that a socket brought within the range that its server said it replays.
    ``pages``: the pages of the log that were answered, without the blank ones.
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
    deleted_at: int | None = None
    by_id: Mapping[str, PersistedEvent] = field(default_factory=dict)
    held_then: tuple[HeldThen, ...] = ()
    histories: tuple[JournaledHistory, ...] = ()
    delivered: tuple[Delivery, ...] = ()
    says_deliveries: bool = True
    contents: Mapping[str, str] = field(default_factory=dict)
    delivered_contents: Mapping[str, str] = field(default_factory=dict)
    updated_at: Mapping[str, int] = field(default_factory=dict)
    update_told_at: Mapping[str, int] = field(default_factory=dict)
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
    statuses: tuple[tuple[int, str], ...] = ()
    faults_at: tuple[tuple[int, str], ...] = ()
    cannot: tuple[str, ...] = ()
    was_down: bool = False
    server_runs: tuple[ServerRun, ...] = ()
    messages_posted: int = 0
    posted_texts: tuple[str, ...] = ()
    sockets_opened_at: tuple[int, ...] = ()
    replayed: frozenset[str] = frozenset()
    left_open: int = 0
    readable_again_at: Mapping[str, int] = field(default_factory=dict)
    appended_s: Mapping[str, float] = field(default_factory=dict)
    ended_s: float = 0.0
    outages_s: tuple[tuple[float, ...], ...] = ()
    pages: tuple[ShownPage, ...] = ()

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
        """The log up to the end of the run that ``run()`` was about, without events lost before ``run()`` returned.

        A record that could be read again before ``run()`` was called is readable.
        """
        if run.server_run is not None and run.server_run.log_length is not None:
            length, at = run.server_run.log_length, run.server_run.ended_at
        else:
            length, at = self.log_length_at(run.step.ended_at), run.step.ended_at
        log = self._log_at(at, lasting_to=run.step.ended_at)[:length]
        if not self.readable_again_at:
            return log
        called_at, again_at = run.step.called_at, self.readable_again_at
        return tuple(
            replace(event, readable=True) if again_at.get(event.id, called_at) < called_at else event for event in log
        )

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

    @property
    def told_until(self) -> int | None:
        """The journal index at which a client had last been told anything of the log: by a frame, or by the answer to a
        call asked then. None where it could know everything: its script did not close it, nor was the conversation
        deleted."""
        steps = [step for step in self.steps if step.step in ("attach", "close", "reopen")]
        closed_at = steps[-1].called_at if steps and steps[-1].step == "close" else None
        ends = [one for one in (closed_at, self.deleted_at) if one is not None]
        if not ends:
            return None
        frames = (at for at, _ in self.frames_at_s if at < min(ends))
        calls = (one.asked_at for one in self.exchanges if one.answered_at is not None and one.answered_at < min(ends))
        return max((*frames, *calls), default=0)

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
