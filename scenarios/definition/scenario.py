"""One race as data: what the agent does, what the client is asked to do, which faults act, and what must hold.

A scenario fixes neither the client nor the seed. The runner adds both, so one file judges every client. All times are
in virtual seconds, counted from the beginning of the world; all sizes are in bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from gapless.scenarios.errors import Misfit
from gapless.simserver.cause import Cause, ClientNumber, StepName
from gapless.simserver.errors import ConfigError
from gapless.simserver.faults import Fault
from gapless.simserver.faults.match import Match
from gapless.simserver.link import armed

ServerGeneration = Literal["legacy", "tree", "session"]
CursorMode = Literal["inclusive", "exclusive"]
OracleName = Literal[
    "no-tail-loss",
    "no-holes",
    "held-at-attach",
    "content",
    "delivered-once",
    "delivered-in-order",
    "honest",
    "state",
    "says-what-it-did",
    "sent-once",
    "history",
    "ends-first",
    "returns-in-time",
    "no-hang",
    "delivered-in-time",
    "bounded",
    "jitter",
    "budget",
]
EVENTS_MAX: Final = 500_000
PAYLOAD_BYTES_MAX: Final = 1024 * 1024 * 1024
EVENT_BYTES: Final = 500  # of an event without filler
GENERATIONS: tuple[ServerGeneration, ...] = ("legacy", "tree", "session")
CURSORS: tuple[CursorMode, ...] = ("inclusive", "exclusive")

_Seconds = Annotated[float, Field(ge=0, le=3600, allow_inf_nan=False)]
_Duration = Annotated[float, Field(gt=0, le=3600)]
Target = Annotated[int, Field(ge=1, le=1000)] | Literal["root"]
_Name = Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=40)]
_Race = Annotated[str, Field(pattern=r"^R\d\d$")]


class _Data(BaseModel):
    """Frozen, and strict about keys: a misspelled key must be an error and not a silent default.

    Defaults are constructed without a check. A check would build the validator of each model at import, and the
    validator of the whole contains them all once more.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class Server(_Data):
    """What a server does, besides its generation and cursor mode.

    ``unknown_cursor``: the answer to a cursor that the server does not know: a page from the natural beginning, 404 or
    400 (R51). ``api_key``: the key that each call must carry; None when the server has no keys. ``version``: the
    release that the server behaves as; None is the one of its generation. ``replay_events_max``: how many events a
    socket replays at most (R75). ``epochs``: sequence numbers begin anew after each restart (R75).
    """

    unknown_cursor: Literal["natural", "not-found", "bad-request"] = "natural"
    api_key: str | None = None
    version: Literal["1.58.2"] | None = None
    replay_events_max: Annotated[int, Field(ge=1)] | None = None
    epochs: bool = False


class Run(_Data):
    """One run of the agent: it initializes, produces ``actions`` pairs of action and observation, then ends.

    ``init_s``: time before the status becomes running. ``step_s``: time between events. ``end_status``: the status at
    the end; with ``none`` the run stops without any status, and REST says running until a restart or a pause (R70).
    ``tool_s``: time before each observation, in place of ``step_s``. ``payload_bytes``: filler in each event of this
    run, in place of the workload's ``payload_bytes`` (R38).
    """

    init_s: _Seconds = 0.05
    actions: Annotated[int, Field(ge=0, le=10_000)] = 2
    step_s: _Seconds = 0.1
    end_status: Literal["finished", "paused", "waiting_for_confirmation", "error", "stuck", "none"] = "finished"
    tool_s: _Seconds | None = None
    payload_bytes: Annotated[int, Field(ge=0, le=10_000_000)] | None = None


class Background(_Data):
    """What another party does: it sends ``message``, then starts ``run``; or it does one of the other things.

    ``at``: when it does so, by its cause. ``at_s``: in seconds on the clock. ``pause``, ``interrupt``: of the run in
    progress. ``confirm``, ``reject``: the action that waits for confirmation. ``answer``: the output of a client's
    tool; the run goes on. ``navigate``: HEAD moves that many events towards the root, or before the first one with
    ``root`` (R69). ``delete``, ``fork``: of the conversation. ``suspend_s``: the client is frozen for so long; its
    tasks do not run, and what it waits for happens without it (R77).

    While the server is down, or a lease hides the conversation, the other party goes on trying until it gets through.
    While the runtime sleeps, it is refused.
    """

    at: Cause | None = None
    at_s: _Seconds | None = None
    message: str | None = None
    run: Run | None = None
    pause: bool = False
    interrupt: bool = False
    confirm: bool = False
    reject: bool = False
    delete: bool = False
    fork: bool = False
    answer: str | None = None
    navigate: Target | None = None
    suspend_s: _Duration | None = None

    @model_validator(mode="after")
    def _does_something(self) -> Background:
        if all(getattr(self, name) in (None, False) for name in type(self).model_fields if name not in {"at", "at_s"}):
            raise Misfit("a background entry does nothing", "add a message, a run, pause = true or the like")
        if self.at is None and self.at_s is None:
            raise Misfit("a background entry needs a moment", "add `at = { … }`, its cause")
        if self.at is not None and self.at_s is not None:
            raise Misfit("at names a cause and at_s a second on the clock, and both say when", "keep at", "at_s")
        return self


class Workload(_Data):
    """What happens on the server: the history, one ``Run`` for each run asked for, and what other parties do.

    ``history_events``: events in the log at the beginning. ``history_before_tree``: they were written by a server
    without a tree, so they have no parents, and snapshots name no leaf until something is appended (R68).
    ``payload_bytes``: filler in each event. ``recording``: take history and runs from this recording of a real server,
    verbatim.
    """

    history_events: Annotated[int, Field(ge=0, le=100_000)] = 0
    history_before_tree: bool = False
    payload_bytes: Annotated[int, Field(ge=0, le=1_000_000)] = 100
    runs: tuple[Run, ...] = (Run.model_construct(),)
    background: tuple[Background, ...] = ()
    recording: Literal["agent-server-1.57.0"] | None = None

    @model_validator(mode="after")
    def _recording_stands_alone(self) -> Workload:
        made_up = self.model_fields_set & {"history_events", "runs", "payload_bytes"}
        if self.recording is not None and made_up:
            own = " and ".join(sorted(made_up))
            raise Misfit(f"a recording brings its own {own}", "drop the one or the other", "recording")
        return self

    def size(self) -> tuple[int, int]:
        """How many events history and runs have, and about how many bytes."""
        runs = (*self.runs, *(one.run for one in self.background if one.run is not None))
        events, size_bytes = self.history_events, self.history_events * (self.payload_bytes + EVENT_BYTES)
        for run in runs:
            payload_bytes = self.payload_bytes if run.payload_bytes is None else run.payload_bytes
            events += 2 * run.actions
            size_bytes += 2 * run.actions * (payload_bytes + EVENT_BYTES)
        return events, size_bytes


class Send(_Data):
    """Script step: the client sends a user message."""

    send: Annotated[str, Field(min_length=1)]


class Sleep(_Data):
    """Script step: nothing is asked of the client for ``sleep_s``."""

    sleep_s: Annotated[float, Field(gt=0, le=3600)]


class Restart(_Data):
    """Script step: the server restarts and is down for ``restart_s``. Nothing is asked of the client until then.

    ``lease_s``: how long after that the lease of the dead process hides the conversation (R64).
    """

    restart_s: _Duration
    lease_s: _Seconds = 0.0


class Suspend(_Data):
    """Script step: the client is frozen for ``suspend_s``, as by a closed lid (R77). Its tasks do not run meanwhile."""

    suspend_s: _Duration


class Answer(_Data):
    """Script step: the output of a client's tool is sent, and the run goes on. Asked of the client if it can."""

    answer: Annotated[str, Field(min_length=1)]


class Navigate(_Data):
    """Script step: HEAD moves that many events towards the root, or before the first event. Asked of the client if it
    can (R69).
    """

    navigate: Target


# ``disconnect``: every open socket breaks. ``heal``: faults stop acting, and the allowances of ``Expectation`` end.
# ``history``: the client reads the whole log, from its head to its end.
# ``reopen``: the client is killed, opened again with what it had stored, and attaches. ``wait_for_end``: until no run
# is in progress. An `OtherWord` is asked of a client that has a method of that name; else somebody else does it.
OtherWord = Literal["pause", "interrupt", "confirm", "reject", "delete", "fork"]
UnaskedWord = Literal["disconnect", "heal", "reopen", "wait_for_end"]
Word = Literal["attach", "run", "history", "close"] | OtherWord | UnaskedWord
Step = Word | Send | Sleep | Restart | Suspend | Answer | Navigate
Unasked = UnaskedWord | Sleep | Restart | Suspend
"""A step in which nothing is asked of the client."""
AskedStep = Literal["attach", "send", "run", "history", "close"]
_SCRIPT: Final[tuple[Step, ...]] = ("attach", Send.model_construct(send="Do the task"), "run")


class Expectation(_Data):
    """What must hold.

    ``certainty``: the events that the client must hold; ``log`` is all of them, ``branch`` leaves out state updates.
    ``run_bound_s``: how long ``run()`` may take to return after the server ended the run. ``step_deadline_s``: when a
    step counts as hung. ``delivery_bound_s``: how long an event may take from the log to the application, at any time
    after the attach; None: not judged, since a fault may keep it from everybody. ``incomplete_allowed``: the client may
    report "incomplete"; for scenarios whose faults make completeness impossible. ``errors_allowed``: a typed error is
    accepted from every step, or from the steps listed. Both allowances end with ``heal``. ``calls_max`` and
    ``sockets_max``: more requests or sockets within 60 s count as a busy loop, and so does twenty times as many while
    nothing new reaches the client.
    """

    certainty: Literal["branch", "log"] = "branch"
    run_bound_s: Annotated[float, Field(gt=0, le=3600)] = 15
    step_deadline_s: Annotated[float, Field(gt=0, le=36_000)] = 300
    delivery_bound_s: Annotated[float, Field(gt=0, le=3600)] | None = None
    incomplete_allowed: bool = False
    errors_allowed: bool | tuple[AskedStep, ...] = False
    calls_max: Annotated[int, Field(ge=1)] = 1000
    sockets_max: Annotated[int, Field(ge=1)] = 50

    def may_fail(self, step: str) -> bool:
        """Whether a typed error is accepted from ``step``."""
        return self.errors_allowed if isinstance(self.errors_allowed, bool) else step in self.errors_allowed


class Allowance(_Data):
    """REST calls that a client may spend above the optimum, and the reason; in every generation, or in those listed."""

    calls: Annotated[int, Field(ge=1)]
    because: Annotated[str, Field(min_length=10)]
    generations: tuple[ServerGeneration, ...] = GENERATIONS


class Ceiling(_Data):
    """An absolute bound for each generation; None where the scenario sets no bound."""

    legacy: Annotated[int, Field(ge=0)] | None = None
    tree: Annotated[int, Field(ge=0)] | None = None
    session: Annotated[int, Field(ge=0)] | None = None

    def of(self, generation: str) -> int | None:
        """The bound in a generation."""
        bounds: dict[str, int | None] = {"legacy": self.legacy, "tree": self.tree, "session": self.session}
        return bounds[generation]


class Budget(_Data):
    """What a client may spend: the optimum plus the allowances. The other fields are absolute bounds, for
    scenarios that hold a promised number of calls, as those of the cost table do.

    ``attach_calls``: counted calls until attach returns. ``later_calls``: counted calls after that.
    ``later_events_read``: events that the server reads for the later calls. ``bytes_max``: bytes of response bodies in
    the whole run. ``events_read_max``: events that the server reads in the whole run.
    """

    allowances: tuple[Allowance, ...] = ()
    attach_calls: Ceiling = Ceiling.model_construct()
    later_calls: Ceiling = Ceiling.model_construct()
    later_events_read: Ceiling = Ceiling.model_construct()
    bytes_max: Annotated[int, Field(ge=1)] | None = None
    events_read_max: Annotated[int, Field(ge=1)] | None = None

    def calls_above_optimum(self, generation: str) -> int:
        """The sum of the allowances in a generation."""
        return sum(one.calls for one in self.allowances if generation in one.generations)

    def because(self, generation: str) -> tuple[str, ...]:
        """The reasons of the allowances in a generation."""
        return tuple(one.because for one in self.allowances if generation in one.generations)


class PlannedKill(_Data):
    """A baseline that must fail here, and the oracle that must fail it; in every variant, or in the generations and
    cursor modes listed.
    """

    client: str
    by: OracleName
    generations: tuple[ServerGeneration, ...] = GENERATIONS
    cursors: tuple[CursorMode, ...] = CURSORS

    def applies(self, generation: str, cursor: str) -> bool:
        """Whether this kill is planned for the variant."""
        return generation in self.generations and cursor in self.cursors


class ClientSettings(_Data):
    """Settings of our own client for this scenario. None keeps the client's default. Baselines have no settings.

    ``trusts_count``: a count of the log may prove that nothing is missing; off by default, because a lost event and an
    event that is not yet persisted cancel out in a count (R54). ``pages_max``: pages that one repair may read.
    ``veto_wait_s``: how long an end without a final snapshot must last before it is believed (R14).
    """

    trusts_count: bool | None = None
    pages_max: Annotated[int, Field(ge=1)] | None = None
    veto_wait_s: Annotated[int, Field(ge=1)] | None = None


class SecondClient(_Data):
    """A second client of the same program in the same conversation, as on a second device, with a script of its own
    (R79).

    ``at``: when its script begins, by its cause, before the first client's script has ended; left out: as the world
    begins. ``script``: its steps, as those of the first; ``disconnect``, ``restart_s`` and ``heal`` are of the server,
    and concern both. It has a store, random choices and connections of its own, and is judged by the same oracles. What
    both may spend is the sum. The world heals when both scripts have ended.
    """

    at: Cause | None = None
    script: Annotated[tuple[Step, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _script_makes_sense(self) -> SecondClient:
        _check_script(self.script)
        return self


def _check_script(script: Sequence[Step]) -> None:
    if script[0] != "attach" and not (isinstance(script[0], Sleep) and "attach" in script):
        raise Misfit("the script must attach before anything else", 'let it begin with "attach"', "script")
    if script.count("attach") > 1:
        raise Misfit("the script attaches more than once", 'keep the first "attach"', "script")


class ThreadSwitch(_Data):
    """One deviation from first come, first served, among the threads of a client that is a command.

    ``point``: the point of preemption, counted from the beginning of the run; each call of a lock, a queue, a socket or
    a sleep is one. ``choice``: which of the other threads that can run goes on there, modulo their number.
    """

    point: Annotated[int, Field(ge=1, le=1_000_000_000)]
    choice: Annotated[int, Field(ge=0, le=1_000)] = 0


class Scenario(_Data):
    """One race, or one variation of it.

    ``documentation``: the scenario shows a behavior, and may have variants in which no baseline fails.
    ``thread_switches``: how the schedule of the client's threads deviates; used only for a client that is a command, of
    two only for the first. ``second_client``: another client of the same program in the same conversation.
    """

    name: _Name
    races: tuple[_Race, ...] = ()
    title: Annotated[str, Field(min_length=1)]
    origin: Annotated[str, Field(min_length=1)]
    story: str = ""
    documentation: bool = False
    generations: Annotated[tuple[ServerGeneration, ...], Field(min_length=1)] = GENERATIONS
    cursors: Annotated[tuple[CursorMode, ...], Field(min_length=1)] = CURSORS
    server: Server = Server.model_construct()
    workload: Workload = Workload.model_construct()
    script: Annotated[tuple[Step, ...], Field(min_length=1)] = _SCRIPT
    second_client: SecondClient | None = None
    faults: tuple[Fault, ...] = ()
    client: ClientSettings = ClientSettings.model_construct()
    expect: Expectation = Expectation.model_construct()
    budget: Budget = Budget.model_construct()
    thread_switches: tuple[ThreadSwitch, ...] = ()
    kills: tuple[PlannedKill, ...] = ()

    @model_validator(mode="after")
    def _script_makes_sense(self) -> Scenario:
        _check_script(self.script)
        return self

    @model_validator(mode="after")
    def _second_client_is_there(self) -> Scenario:
        if self.second_client is not None:
            return self
        for index, fault in enumerate(self.faults):
            if fault.match.client == 2:
                problem = "is aimed at the second client, and the scenario has one client"
                raise Misfit(problem, "add [second_client], or drop client", "faults", index, "match", "client")
        return self

    @model_validator(mode="after")
    def _version_fits(self) -> Scenario:
        if self.server.version is not None and self.generations != ("session",):
            problem = f"server.version {self.server.version} has a session socket"
            raise Misfit(problem, 'add generations = ["session"]', "server", "version")
        return self

    @model_validator(mode="after")
    def _faults_have_names_of_their_own(self) -> Scenario:
        try:
            armed(self.faults)
        except ConfigError as error:
            problem, _, cure = str(error).removeprefix("faults: ").rpartition("; ")
            raise Misfit(problem, cure, "faults") from error
        return self

    @model_validator(mode="after")
    def _causes_can_happen(self) -> Scenario:
        names = [one.name for one in armed(self.faults)]
        waiting: list[tuple[tuple[str | int, ...], Cause | None]] = [
            (("workload", "background", index), one.at) for index, one in enumerate(self.workload.background)
        ]
        waiting += [] if self.second_client is None else [(("second_client",), self.second_client.at)]
        for place, at in waiting:
            if at is not None and at.after_fault is not None and at.after_fault not in names:
                known = ", ".join(map(repr, names)) or "none"
                problem = f"waits for the fault {at.after_fault!r}, and there is none of that name"
                raise Misfit(problem, f"there are {known}", *place)
        begun = sum(one.run is not None for one in self.workload.background)
        begun += sum(self.script_of(client).count("run") for client in self.clients)
        for place, cause in self._causes():
            if cause.step is not None:
                played = [name_of(one) for one in self.script_of(cause.step.client)].count(cause.step.name)
                if (cause.step.nth or 1) > played:
                    whose = "the script" if self.second_client is None else f"the script of client {cause.step.client}"
                    problem = f"names step {cause.step}, and {whose} has {played} of that name"
                    raise Misfit(problem, "name one that is played", *place)
            runs = () if cause.run is None else (cause.run,) if isinstance(cause.run, int) else cause.run
            for run in runs:
                if run > begun:
                    problem = f"names run {run}, and the script and the background begin {begun}"
                    raise Misfit(problem, "name one of these" if begun else "begin one", *place)
        return self

    @model_validator(mode="after")
    def _work_is_bounded(self) -> Scenario:
        copies = 1
        for fault in self.faults:
            copies *= 1 + getattr(fault, "copies", 0)
        events, size_bytes = self.workload.size()
        if events * copies > EVENTS_MAX:
            problem = f"{events * copies:,} events would be sent, and {EVENTS_MAX:,} are the most"
            raise Misfit(problem, "lower history_events, actions or copies", "workload")
        if size_bytes * copies > PAYLOAD_BYTES_MAX:
            sent_mb, most_mb = size_bytes * copies >> 20, PAYLOAD_BYTES_MAX >> 20
            problem = f"events of {sent_mb:,} MB would be sent, and {most_mb:,} MB are the most"
            raise Misfit(problem, "lower payload_bytes, or the number of events", "workload")
        return self

    def _causes(self) -> Iterator[tuple[tuple[str | int, ...], Cause | Match]]:
        """Each cause, and where in the file it is."""
        for index, one in enumerate(self.workload.background):
            if one.at is not None:
                yield ("workload", "background", index, "at"), one.at
        if self.second_client is not None and self.second_client.at is not None:
            yield ("second_client", "at"), self.second_client.at
        for index, fault in enumerate(self.faults):
            place = ("faults", index)
            yield (*place, "match"), fault.match
            if fault.match.until is not None:
                yield (*place, "match", "until"), fault.match.until
            for name in ("at", "until"):
                cause = getattr(fault, name, None)
                if cause:
                    yield (*place, name), cause

    @property
    def clients(self) -> tuple[ClientNumber, ...]:
        """The numbers of the clients."""
        return (1,) if self.second_client is None else (1, 2)

    def script_of(self, client: ClientNumber) -> tuple[Step, ...]:
        """The script of a client; empty when there is no such client."""
        if client == 1:
            return self.script
        return () if self.second_client is None else self.second_client.script

    def seen_by(self, client: ClientNumber) -> Scenario:
        """The scenario as one client is judged by it: with its own script."""
        return self if client == 1 else self.model_copy(update={"script": self.script_of(client)})

    def variants(self) -> tuple[tuple[ServerGeneration, CursorMode], ...]:
        """The pairs of generation and cursor mode in which this can happen, in the order of GENERATIONS and CURSORS."""
        return tuple(
            (generation, cursor)
            for generation in GENERATIONS
            if generation in self.generations
            for cursor in CURSORS
            if cursor in self.cursors
        )


def name_of(step: Step) -> StepName:
    """What a cause calls a step of the script."""
    match step:
        case Send():
            return "send"
        case Sleep():
            return "sleep"
        case Restart():
            return "restart"
        case Suspend():
            return "suspend"
        case Answer():
            return "answer"
        case Navigate():
            return "navigate"
        case _:
            return step
