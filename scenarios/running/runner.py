"""The runner: one run as a pure function of data. Builds the world, puts the client through the script,
judges.

A ``RunRequest`` holds all there is to know, and can be pickled, so that runs may be spread over processes;
the same request gives the same record, journal and tape, whichever process performs it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from gapless.reports.records.record import Clock, FaultFired, RunRecord, Verdict, Violation, gravest
from gapless.scenarios.clients.contract import Factory
from gapless.scenarios.clients.registry import resolve
from gapless.scenarios.definition.scenario import Scenario
from gapless.scenarios.errors import GaplessError, UsageError, WorldBroke
from gapless.scenarios.judging.evidence import Evidence, read
from gapless.scenarios.judging.judge import judge
from gapless.scenarios.judging.oracles.budget import cost
from gapless.scenarios.judging.oracles.case import Case
from gapless.scenarios.judging.run_outcome import run_outcome
from gapless.scenarios.machines.event_loop import EventLoop, TurnWatch
from gapless.scenarios.machines.message_carrier import messages
from gapless.scenarios.machines.registry import resolve as machine
from gapless.scenarios.machines.shell import factory as machine_factory
from gapless.scenarios.running.script_player import ScriptPlayer, leaves
from gapless.scenarios.running.world_setup import server_settings, workload
from gapless.simserver.choices import Choices, Ranges, SeededSource, Source, Tape, TapeSource
from gapless.simserver.determinism import run_deterministic
from gapless.simserver.errors import JournalFull, TapeError
from gapless.simserver.world import World
from gapless.syncclient.path_marks import listening

Level = Literal["wire", "model"]


@dataclass(frozen=True, slots=True)
class RunRequest:
    """One run: what to try, on which server, with which client and choices.

    ``tape`` replays recorded choices, each from its range where ``ranges`` are given; without it they are drawn from
    ``seed``.
    """

    scenario: Scenario
    generation: str
    cursor: str
    client: str
    seed: int = 0
    tape: Tape | None = None
    ranges: Ranges | None = None

    def __post_init__(self) -> None:
        if (self.generation, self.cursor) not in self.scenario.variants():
            possible = ", ".join(f"{generation}/{cursor}" for generation, cursor in self.scenario.variants())
            raise UsageError(
                f"{self.scenario.name} cannot happen in {self.generation}/{self.cursor}; it can in {possible}"
            )


@dataclass(frozen=True, slots=True)
class RunResult:
    """What a run left: its record, the tape of its choices and their ranges, and its journal as canonical lines."""

    record: RunRecord
    tape: Tape
    ranges: Ranges
    lines: tuple[str, ...]


def perform(
    request: RunRequest,
    *,
    source: Source | None = None,
    factory: Factory | None = None,
    level: Level = "wire",
    schedule: int | None = None,
) -> RunResult:
    """Perform a run. ``source`` overrides where choices come from, ``factory`` the client; both serve tests. ``level``
    says what carries the messages: bytes, on trio, or nothing but the loop of `gapless.scenarios.machines`. ``schedule``
    is a seed of the order of what happens at one moment: at the wire the request's own unless given, at the model none.

    Raises UsageError for a client that does not exist, TapeError when a tape does not fit, and WorldBroke.
    """
    scenario = request.scenario
    given = source or _source(request)
    choices = Choices(given)
    settings, work = server_settings(scenario, request.generation, request.cursor), workload(scenario)
    if level == "wire":
        client = factory or resolve(request.client)
        world = World(settings, work, scenario.faults, choices)
        stage = ScriptPlayer(world, scenario, request.seed)
    else:
        loop = EventLoop(schedule)
        world = World(settings, work, scenario.faults, choices, loop, messages(loop))
        client = factory or machine_factory(world, machine(request.client))
        stage = ScriptPlayer(world, scenario, request.seed, TurnWatch)
    spun: str | None = None
    taken: dict[str, None] = {}
    try:
        with listening(lambda name: taken.update({name: None})):
            if level == "wire":
                run_deterministic(lambda: stage.perform(client), seed=request.seed if schedule is None else schedule)
            else:
                loop.run(lambda: stage.perform(client))
    except Exception as error:  # sorted out below: what the world says of itself, or a bug that must be seen
        spun = _sort_out(error, request)
    if isinstance(given, TapeSource):
        given.check_used_up()
    return _result(request, world, stage, choices, spun, tuple(sorted(taken)))


def _source(request: RunRequest) -> Source:
    return SeededSource(request.seed) if request.tape is None else TapeSource(request.tape, request.ranges)


def _sort_out(error: Exception, request: RunRequest) -> str:
    """The message of a full journal, which is a finding about the client. Raises TapeError, our own errors, and
    WorldBroke for everything else.

    What went wrong in the world's own tasks comes as the cause of the world's error.
    """
    found = [*leaves(error), *(cause for one in leaves(error) if one.__cause__ for cause in leaves(one.__cause__))]
    for one in found:
        if isinstance(one, TapeError | GaplessError):
            raise one from error
    for one in found:
        if isinstance(one, JournalFull):
            return str(one)
    what = found[-1]  # the cause, where there is one
    raise WorldBroke(
        f"the simulated world broke down in {request.scenario.name} ({request.generation}, {request.cursor}, client "
        f"{request.client}, seed {request.seed}): {type(what).__name__}: {what}"
    ) from error


def _result(
    request: RunRequest, world: World, stage: ScriptPlayer, choices: Choices, spun: str | None, taken: tuple[str, ...]
) -> RunResult:
    journal = world.journal
    faults = fired(world)
    record = assess(
        request,
        read(journal.entries, world.agent.log),
        faults,
        ended_s=stage.ended_s,
        digest=journal.digest(),
        spun=spun,
        taken=taken,
    )
    return RunResult(record, choices.tape, choices.ranges, tuple(journal.lines()))


def fired(world: World) -> tuple[FaultFired, ...]:
    """How often each fault of a world acted, for a record."""
    return tuple(FaultFired(one.name, one.kind, one.fired) for one in world.fired())


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
) -> RunRecord:
    """The record of a run, judged by what it left. ``clock``: which one ``ended_s`` is on; ``spun``: what to say of a
    client that filled the journal.
    """
    scenario = request.scenario
    case = Case(evidence, request.generation, scenario.expect, scenario.budget)
    violations, judged = judge(case, scenario, faults)
    if spun is not None:
        violations = (Violation("no-hang", spun, breaks=Verdict.STUCK), *violations)
    came_to = run_outcome(case)
    return RunRecord(
        scenario=scenario.name,
        origin=scenario.origin,
        client=request.client,
        generation=request.generation,
        cursor=request.cursor,
        seed=request.seed,
        verdict=gravest(violation.breaks for violation in violations),
        violations=violations,
        judged=judged,
        rest=cost(case),
        faults=faults,
        virtual_s=round(ended_s, 6),
        digest=digest,
        clock=clock,
        lost_events=came_to.lost_events,
        return_s=came_to.return_s,
        never_returned=came_to.never_returned,
        races=scenario.races,
        title=scenario.title,
        history_events=scenario.workload.history_events,
        taken=taken,
    )


def requests(
    scenarios: Sequence[Scenario],
    *,
    client: str,
    seed: int = 0,
    generations: Sequence[str],
    cursors: Sequence[str],
) -> tuple[RunRequest, ...]:
    """One request for each variant of each scenario that is wanted, in the house order."""
    return tuple(
        RunRequest(scenario, generation, cursor, client, seed)
        for scenario in scenarios
        for generation, cursor in scenario.variants()
        if generation in generations and cursor in cursors
    )
