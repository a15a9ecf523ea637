"""One run as a pure function of data: build the world, play the script with the client, judge the journal.

A `RunRequest` holds everything that determines a run. It can be pickled, so runs can be spread over processes. The same
request gives the same record, journal and tape in every process.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from gapless.reports.records.record import Clock, FaultFired, RunRecord, Verdict, Violation, gravest
from gapless.scenarios.clients.contract import Factory
from gapless.scenarios.clients.registry import resolve
from gapless.scenarios.definition.scenario import Scenario, Send
from gapless.scenarios.errors import GaplessError, UsageError, WorldBroke
from gapless.scenarios.judging.evidence import Evidence
from gapless.scenarios.judging.journal_reader import read
from gapless.scenarios.judging.judge import judge
from gapless.scenarios.judging.oracles.budget import cost, own_cost, under_own
from gapless.scenarios.judging.oracles.case import Case
from gapless.scenarios.judging.own_budget import OwnBudget, OwnBudgets
from gapless.scenarios.judging.run_outcome import run_outcome
from gapless.scenarios.running.joined_record import joined
from gapless.scenarios.running.other_party import OtherParty, SimulatedOtherParty
from gapless.scenarios.running.script_player import Meeting, ScriptPlayer, leaves
from gapless.scenarios.running.spin_watch import BusyWatch, CountingJournal, SpinWatch
from gapless.scenarios.running.world_setup import server_settings, workload
from gapless.simserver.cause import ClientNumber
from gapless.simserver.choices import Choices, Ranges, SeededSource, Source, Tape, TapeSource
from gapless.simserver.determinism import run_deterministic
from gapless.simserver.errors import JournalFull, TapeError
from gapless.simserver.journal import Journal, digest_of_lines
from gapless.simserver.messages import KeptMessages
from gapless.simserver.world import World
from gapless.syncclient.path_marks import listening

if TYPE_CHECKING:
    from gapless.scenarios.lockstep.client import Printed
    from gapless.scenarios.lockstep.command import CommandRun, RanOn
    from gapless.scenarios.realserver.world import RealServerWorld


@dataclass(frozen=True, slots=True)
class RunRequest:
    """One run: the scenario, the variant of the server, the client, and the source of choices.

    ``tape``: recorded choices to replay; None draws choices from ``seed``. ``ranges``: the range of each recorded
    choice, checked where given. ``command``: the client is this program, in virtual time; ``client`` is then only what
    to call it. ``judge``: names of the oracles that judge; empty: all. ``own_budget``: what the user wrote that this
    client may spend here. ``server``: a published server, as pip names it, in place of the simulated one.

    Raises UsageError when the scenario cannot happen in that variant, or not on that server.
    """

    scenario: Scenario
    generation: str
    cursor: str
    client: str
    seed: int = 0
    tape: Tape | None = None
    ranges: Ranges | None = None
    command: tuple[str, ...] = ()
    judge: tuple[str, ...] = ()
    own_budget: OwnBudget | None = None
    server: str = ""

    def __post_init__(self) -> None:
        if (self.generation, self.cursor) not in self.scenario.variants():
            possible = ", ".join(f"{generation}/{cursor}" for generation, cursor in self.scenario.variants())
            raise UsageError(
                f"{self.scenario.name} cannot happen in {self.generation}/{self.cursor}; it can in {possible}"
            )
        if self.server:
            from gapless.scenarios.realserver.playable import check_playable

            check_playable(self.scenario, self.server, self.generation, self.cursor)

    def check_one_client(self) -> None:
        """Raise UsageError when the scenario has two clients: on a port, nothing tells whose a connection is."""
        if self.scenario.second_client is not None:
            raise UsageError(
                f"{self.scenario.name} has two clients, and a port serves one; play it in virtual time, with "
                "`gapless run`, or with `gapless check` and a program in Python or Node"
            )


@dataclass(frozen=True, slots=True)
class RunResult:
    """What a run leaves: its record, the tape of its choices with their ranges, and its journal as canonical lines.

    ``printed``, ``ran_on``, ``switched``: of a client that is a command, what it printed beside its answers, its
    runtime and packages, and how many thread switches had an effect. ``messages``: what was on the wire, as lines of
    JSON; empty unless asked for. They are no part of the journal.
    """

    record: RunRecord
    tape: Tape
    ranges: Ranges
    lines: tuple[str, ...]
    printed: tuple[Printed, ...] = ()
    ran_on: RanOn | None = None
    switched: int = 0
    messages: tuple[str, ...] = ()

    @property
    def told(self) -> tuple[str, ...]:
        """The journal with what stands beside it: what the client printed, and what was on the wire."""
        if not self.printed:
            return (*self.lines, *self.messages)
        from gapless.scenarios.lockstep.command import with_printed  # only a command prints

        return (*with_printed(self.lines, self.printed), *self.messages)

    @property
    def says_deliveries(self) -> bool:
        """Whether the client says what reaches its application."""
        return not any('"what":"says-no-deliveries"' in line for line in self.lines)


def perform(
    request: RunRequest,
    *,
    source: Source | None = None,
    factory: Factory | None = None,
    schedule: int | None = None,
    until_busy: bool = False,
    with_messages: bool = False,
) -> RunResult:
    """Perform a run.

    ``source``: where choices come from, in place of the request's tape or seed. ``factory``: the client, in place of
    the request's; its ``watch``, if it has one, says when it spins. ``schedule``: the
    seed for the order of tasks that are ready at the same moment; the default is the request's seed. ``until_busy``:
    stop the client as soon as the oracle `bounded` has failed it. ``with_messages``: keep what is on the wire.

    Raises UsageError for an unknown client and for a command that cannot be in virtual time, TapeError when a tape does
    not fit, and WorldBroke when the simulation fails.
    """
    scenario = request.scenario
    command = _command(request) if factory is None else None
    given = source or _source(request)
    choices = Choices(given)
    world: World | RealServerWorld
    settings, work = server_settings(scenario, request.generation, request.cursor), workload(scenario)
    client = factory or command or resolve(request.client)
    other: OtherParty
    if request.server:  # what a published server needs is imported where it is chosen
        from gapless.scenarios.realserver.environment import parse_server
        from gapless.scenarios.realserver.world import RealServerWorld

        world = other = RealServerWorld(
            parse_server(request.server), scenario, request.seed, choices, request.generation
        )
    else:
        # Of two clients it is not known which is busy, so they are not stopped before their scripts are over.
        stops = until_busy and scenario.second_client is None
        journal = partial(CountingJournal, expect=scenario.expect) if stops else Journal
        world = World(settings, work, scenario.faults, choices, journal)
        other = SimulatedOtherParty(world)
    world.journal.messages = KeptMessages() if with_messages else None
    watch = getattr(client, "watch", SpinWatch)
    if isinstance(world.journal, CountingJournal):
        watch = partial(BusyWatch, journal=world.journal)
    meeting = Meeting(len(scenario.clients))
    player = ScriptPlayer(world, other, scenario, request.seed, watch, meeting=meeting)
    second: tuple[ScriptPlayer, Factory] | None = None
    second_command: CommandRun | None = None
    if scenario.second_client is not None:
        # A second process of the same command: one process in lockstep is one client.
        second_command = None if command is None else _command(request, has_switches=False)
        beside = ScriptPlayer(world, other, scenario, request.seed, watch, client=2, meeting=meeting)
        second = (beside, second_command or client)
    spun: str | None = None
    taken: dict[str, None] = {}
    try:
        with listening(lambda name: taken.update({name: None})):
            run_deterministic(
                lambda: player.perform(client, second), seed=request.seed if schedule is None else schedule
            )
    except Exception as error:  # a full journal is a finding; _sort_out raises everything else
        try:
            spun = _sort_out(error, request)
        except WorldBroke as broke:
            broke.tape, broke.ranges = choices.tape, choices.ranges
            raise
    commands = [one for one in (command, second_command) if one is not None]
    for one in commands:
        one.check_virtual()
    if isinstance(given, TapeSource):
        given.check_used_up()
    beside_it = None if second is None else second[0]
    result = _result(request, world, player, beside_it, choices, spun, tuple(sorted(taken)))
    if command is None:
        return result
    printed = command.printed() if second_command is None else both_printed(command, second_command)
    return replace(result, printed=printed, ran_on=command.ran_on(), switched=command.switched)


def _command(request: RunRequest, *, has_switches: bool = True) -> CommandRun | None:
    if not request.command:
        return None
    from gapless.scenarios.lockstep.command import CommandRun  # imported where it is used, as a published server is

    switches = request.scenario.thread_switches if has_switches else ()
    return CommandRun(request.command, tuple((one.point, one.choice) for one in switches))


def both_printed(first: CommandRun, second: CommandRun) -> tuple[Printed, ...]:
    """What two processes printed, in the order of time. What the second printed begins with its number."""
    of_second = [one._replace(text=f"[2] {one.text}") for one in second.printed()]
    return tuple(sorted((*first.printed(), *of_second), key=lambda one: one.t_s))


def _source(request: RunRequest) -> Source:
    return SeededSource(request.seed) if request.tape is None else TapeSource(request.tape, request.ranges)


def _sort_out(error: Exception, request: RunRequest) -> str:
    """The message of a full journal, which is a finding about the client.

    Raises a TapeError or an error of this package as it is, and WorldBroke for everything else. An error in the world's
    own tasks arrives as the cause of another error, so causes are searched too.
    """
    found = [*leaves(error), *(cause for one in leaves(error) if one.__cause__ for cause in leaves(one.__cause__))]
    for one in found:
        if isinstance(one, TapeError | GaplessError):
            raise one from error
    for one in found:
        if isinstance(one, JournalFull):
            return str(one)
    what = found[-1]  # the cause, when there is one
    raise WorldBroke(
        f"the simulated world broke down in {request.scenario.name} ({request.generation}, {request.cursor}, client "
        f"{request.client}, seed {request.seed}): {type(what).__name__}: {what}"
    ) from error


def _result(
    request: RunRequest,
    world: World | RealServerWorld,
    player: ScriptPlayer,
    second: ScriptPlayer | None,
    choices: Choices,
    spun: str | None,
    taken: tuple[str, ...],
) -> RunResult:
    journal = world.journal
    lines = tuple(journal.lines())
    faults, digest, texts = fired(world), digest_of_lines(lines), _texts(request.scenario)
    ended_s = max(player.ended_s, 0.0 if second is None else second.ended_s)

    def evidence(client: ClientNumber) -> Evidence:
        log = world.agent.log.outline() if isinstance(world, World) else world.agent.log
        return read(journal.entries, log, client=client)

    first, other = evidence(1), None if second is None else evidence(2)
    record = assess(
        request, first, faults, ended_s=ended_s, digest=digest, spun=spun, taken=taken, texts=texts, other=other
    )
    if second is not None and other is not None:
        beside = assess(request, other, (), ended_s=ended_s, digest=digest, texts=texts, client=2)
        if not second.has_begun:
            beside = _never_begun(beside, request.scenario)
        case = _case(request, first, texts)
        record = joined(record, beside, (own_cost(first, case), own_cost(other, case)))
    messages = () if journal.messages is None else tuple(journal.messages.lines())
    return RunResult(record, choices.tape, choices.ranges, lines, messages=messages)


def _never_begun(record: RunRecord, scenario: Scenario) -> RunRecord:
    """The record of a second client whose script did not begin: the run proves nothing about it."""
    at = None if scenario.second_client is None else scenario.second_client.at
    message = f"its script never began, for its cause did not come before the first client's script had ended: {at}"
    return replace(record, violations=(Violation("vacuity", message, breaks=Verdict.VACUOUS),), judged=())


def _case(
    request: RunRequest,
    evidence: Evidence,
    texts: tuple[str, ...] | None,
    client: int = 1,
    other: Evidence | None = None,
) -> Case:
    scenario = request.scenario
    return Case(
        evidence,
        request.generation,
        scenario.expect,
        scenario.budget,
        request.own_budget,
        texts,
        client=client,
        other=other,
    )


def _texts(scenario: Scenario) -> tuple[str, ...]:
    """The messages that the script and other parties send."""
    scripts = (step for client in scenario.clients for step in scenario.script_of(client))
    own = tuple(step.send for step in scripts if isinstance(step, Send))
    return (*own, *(one.message for one in scenario.workload.background if one.message is not None))


def fired(world: World | RealServerWorld) -> tuple[FaultFired, ...]:
    """How often each fault of a world acted, for a record."""
    return tuple(FaultFired(one.name, one.kind, one.fired, one.nearest) for one in world.fired())


def assess(
    request: RunRequest,
    evidence: Evidence,
    faults: tuple[FaultFired, ...],
    *,
    ended_s: float,
    digest: str,
    clock: Clock = "virtual",
    spun: str | None = None,
    taken: tuple[str, ...] = (),
    texts: tuple[str, ...] | None = None,
    client: ClientNumber = 1,
    other: Evidence | None = None,
) -> RunRecord:
    """The record of a run, judged by its evidence.

    ``ended_s``: when the script ended, in seconds of ``clock``. ``digest``: of the journal. ``spun``: the message about
    a client that filled the journal. ``taken``: the marked paths of our client that were taken.
    ``texts``: the messages that are sent, where the client was told what to send. ``client``: which of two it is about;
    ``other``: the evidence about the second, for the first.
    """
    scenario = request.scenario
    case = _case(request, evidence, texts, client, other)
    judgement = judge(case, scenario.seen_by(client), faults, request.judge)
    violations = judgement.violations
    if spun is not None and (not request.judge or "no-hang" in request.judge):
        violations = (Violation("no-hang", spun, breaks=Verdict.STUCK), *violations)
    outcome = run_outcome(case)
    return RunRecord(
        scenario=scenario.name,
        origin=scenario.origin,
        client=request.client,
        generation=request.generation,
        cursor=request.cursor,
        seed=request.seed,
        verdict=gravest(violation.breaks for violation in violations),
        violations=violations,
        judged=judgement.judged,
        rest=cost(case),
        faults=faults,
        virtual_s=round(ended_s, 6),
        digest=digest,
        clock=clock,
        lost_events=outcome.lost_events,
        return_s=outcome.return_s,
        never_returned=outcome.never_returned,
        races=scenario.races,
        title=scenario.title,
        history_events=scenario.workload.history_events,
        taken=taken,
        unjudged=judgement.unjudged,
        chosen=request.judge,
        under_budget=under_own(case),
    )


def requests(
    scenarios: Sequence[Scenario],
    *,
    client: str,
    seed: int = 0,
    generations: Sequence[str],
    cursors: Sequence[str],
    command: tuple[str, ...] = (),
    judge: tuple[str, ...] = (),
    budgets: OwnBudgets | None = None,
    server: str = "",
) -> tuple[RunRequest, ...]:
    """One request for each wanted variant of each scenario, in the order of `Scenario.variants`.

    ``judge``: names of the oracles that judge; empty: all. ``budgets``: those that the user wrote.
    """
    budgets = budgets or OwnBudgets()
    return tuple(
        RunRequest(
            scenario,
            generation,
            cursor,
            client,
            seed,
            command=command,
            judge=judge,
            own_budget=budgets.of(client, scenario.name, f"{generation}/{cursor}"),
            server=server,
        )
        for scenario in scenarios
        for generation, cursor in wanted_variants(scenario, generations, cursors, server)
    )


def wanted_variants(
    scenario: Scenario, generations: Sequence[str], cursors: Sequence[str], server: str = ""
) -> tuple[tuple[str, str], ...]:
    """The variants in which a scenario is run: those of the wanted ones in which it can happen.

    With a published server it is the newest of these that the server can be met in.
    """
    possible: tuple[tuple[str, str], ...] = scenario.variants()
    if server:
        from gapless.scenarios.realserver.environment import parse_server
        from gapless.scenarios.realserver.playable import variants_of

        possible = tuple(one for one in variants_of(parse_server(server)) if one in possible)
    wanted = tuple(one for one in possible if one[0] in generations and one[1] in cursors)
    return wanted[:1] if server else wanted
