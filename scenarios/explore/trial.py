"""Run drawn worlds in blocks. Arguments and results can be pickled, so any executor can do the work.

A world depends on the seed of the campaign, its number, and the table of its round; see `steering`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from gapless.reports.records.record import Verdict, Violation
from gapless.scenarios.definition.scenario import Navigate, Restart, Scenario, Suspend
from gapless.scenarios.errors import GaplessError, WorldBroke
from gapless.scenarios.explore.client_state import fired_in
from gapless.scenarios.explore.steering import DrawnWorld, Table, draw_world
from gapless.scenarios.explore.symptom import Symptom, symptom_of, symptoms_in, violation_of
from gapless.scenarios.explore.worlds import ListSource, plan
from gapless.scenarios.running.runner import RunRequest, RunResult, perform
from gapless.simserver.choices import Choices
from gapless.simserver.errors import ConfigError, TapeError

# Counts. The first part of a key names what is counted:
#   ("world", generation)                              worlds
#   ("planned", kind, generation), ("fired", kind, generation)   worlds in which a kind of fault was planned, or fired
#   ("state", kind, state)                             firings of a kind of fault in a state of the client
#   ("broke",)                                         worlds that broke down
#   ("oracle", name), ("path", name)                   worlds in which an oracle judged, or a path was taken
TrialCounts = Counter[tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class WorldFailure:
    """A symptom in a world.

    ``drawn``: the numbers that were drawn for the world
    ``message``: the message of the violation, or of the error with which the world broke down
    ``breaks``: its verdict; HOLDS when the world broke down, which says nothing of the client
    ``kinds``: the kinds of the faults that fired; what is as hard as a fault, such as ``script-restart`` for a step of
    the script; ``thread-switch`` when the schedule of the client's threads was another than first come, first served
    ``seed``, ``number``: which world it was; None when it was not recorded
    """

    drawn: tuple[int, ...]
    symptom: Symptom
    message: str
    breaks: Verdict
    kinds: tuple[str, ...]
    generation: str
    cursor: str
    seed: int | None = None
    number: int | None = None


@dataclass(frozen=True, slots=True)
class Block:
    """Worlds to try: ``worlds`` of them, from the number ``first`` on. ``table``: see `steering`.

    ``command``: of a client that is one. ``judge``: names of the oracles that judge; empty: all. ``server``: a
    published one in place of the simulated one; empty without one.
    """

    client: str
    first: int
    worlds: int
    seed: int = 0
    table: Table | None = None
    command: tuple[str, ...] = ()
    judge: tuple[str, ...] = ()
    server: str = ""


@dataclass(frozen=True, slots=True)
class WorldMet:
    """What a world met, for the steering. ``places``: the states in which faults fired, and the paths of our client."""

    drawn: tuple[int, ...]
    places: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BlockResult:
    """The result of a block. ``met``: what each of its worlds met."""

    block: Block
    worlds: int
    tally: TrialCounts = field(default_factory=Counter)
    failures: tuple[WorldFailure, ...] = ()
    met: tuple[WorldMet, ...] = ()


def try_block(block: Block) -> BlockResult:
    """Try the worlds of a block. A world that breaks down is one of its failures."""
    tally, failures, met = TrialCounts(), list[WorldFailure](), list[WorldMet]()
    for number in range(block.first, block.first + block.worlds):
        world = draw_world(block.client, block.seed, number, block.table, block.command, block.server)
        try:
            counted, failed = _tried(world, block.judge)
        except WorldBroke as error:
            counted, failed = TrialCounts({("broke",): 1}), (_broken(world, error),)
        tally.update(counted)
        failures.extend(replace(one, seed=block.seed, number=number) for one in failed)
        met.append(WorldMet(world.drawn, _places(counted)))
    return BlockResult(block, block.worlds, tally, tuple(failures), tuple(met))


def _tried(world: DrawnWorld, judge: tuple[str, ...]) -> tuple[TrialCounts, tuple[WorldFailure, ...]]:
    with breaking_down(world.request):
        result = perform(world.request)
        return tally_of(result), failures_of(world, result, judge)


@contextmanager
def breaking_down(request: RunRequest) -> Iterator[None]:
    """Within the block, an error that is nobody's mistake but ours is raised as WorldBroke."""
    try:
        yield
    except (GaplessError, TapeError, ConfigError):
        raise
    except Exception as error:
        raise WorldBroke(
            f"judging broke down in {request.scenario.name} ({request.generation}, {request.cursor}, client "
            f"{request.client}, seed {request.seed}): {type(error).__name__}: {error}"
        ) from error


def _places(tally: TrialCounts) -> tuple[str, ...]:
    states = {key[2] for key in tally if key[0] == "state"}
    return tuple(sorted(states | {key[1] for key in tally if key[0] == "path"}))


def shown(request: RunRequest) -> Mapping[Symptom, Violation]:
    """The symptoms of a run, as `symptoms_in` has them. A world that breaks down has one of its own."""
    try:
        with breaking_down(request):
            return symptoms_in(perform(request))
    except WorldBroke as error:
        violation = violation_of(error)
        return {symptom_of(violation): violation}


def retry_world(
    client: str,
    drawn: Sequence[int],
    command: tuple[str, ...] = (),
    judge: tuple[str, ...] = (),
    server: str = "",
) -> tuple[WorldFailure, ...]:
    """The failures of a world that was drawn before. Empty when the numbers no longer fit the code that draws."""
    try:
        request = planned(client, drawn, command, server)
    except TapeError:
        return ()
    world = DrawnWorld(request, tuple(drawn))
    try:
        return _tried(world, judge)[1]
    except WorldBroke as error:
        return (_broken(world, error),)


def still_shows(request: RunRequest, symptom: Symptom) -> bool:
    """Whether a run shows a symptom."""
    return symptom in shown(request)


def planned(client: str, drawn: Sequence[int], command: tuple[str, ...] = (), server: str = "") -> RunRequest:
    """The run that these numbers draw. Raises TapeError when they no longer fit the code that draws."""
    return plan(Choices(ListSource(drawn)), client, command=command, server=server)


def failures_of(world: DrawnWorld, result: RunResult, judge: tuple[str, ...] = ()) -> tuple[WorldFailure, ...]:
    """The failures of a world, one for each symptom; only those that oracles in ``judge`` see, unless it is empty."""
    record = result.record
    kinds = {fault.kind for fault in record.faults if fault.fired} | _script_faults(world.request.scenario)
    if result.switched:
        kinds.add("thread-switch")
    variant = record.generation, record.cursor
    return tuple(
        WorldFailure(world.drawn, symptom, one.message, one.breaks, tuple(sorted(kinds)), *variant)
        for symptom, one in symptoms_in(result).items()
        if not judge or symptom.oracle in judge or one.breaks is Verdict.VACUOUS
    )


def _broken(world: DrawnWorld, error: WorldBroke) -> WorldFailure:
    """A world that broke down, as a failure. Which faults fired is not known, so all that were planned are named."""
    request, violation = world.request, violation_of(error)
    kinds = {fault.kind for fault in request.scenario.faults} | _script_faults(request.scenario)
    variant = request.generation, request.cursor
    symptom = symptom_of(violation)
    return WorldFailure(world.drawn, symptom, violation.message, violation.breaks, tuple(sorted(kinds)), *variant)


def _script_faults(scenario: Scenario) -> set[str]:
    """What is no fault, and as hard for a client as one: steps of the script, what others do, what the server is."""
    others, script = scenario.workload.background, scenario.script
    signs = {
        "script-restart": any(isinstance(step, Restart) for step in script),
        "script-disconnect": "disconnect" in script,
        "script-lease": any(isinstance(step, Restart) and step.lease_s for step in script),
        "script-suspend": any(isinstance(step, Suspend) for step in script) or any(one.suspend_s for one in others),
        "script-reopen": "reopen" in script,
        "script-navigate": any(isinstance(step, Navigate) for step in script) or any(one.navigate for one in others),
        "history-before-tree": scenario.workload.history_before_tree,
        "bounded-replay": scenario.server.replay_events_max is not None,
        "epochs": scenario.server.epochs,
    }
    return {name for name, is_there in signs.items() if is_there}


def tally_of(result: RunResult) -> TrialCounts:
    """The counts of one run."""
    record = result.record
    tally = TrialCounts({("world", record.generation): 1})
    tally.update({("oracle", judged.oracle): 1 for judged in record.judged if judged.count})
    tally.update({("path", name): 1 for name in record.taken})
    tally.update({("planned", kind, record.generation): 1 for kind in {fault.kind for fault in record.faults}})
    tally.update({("fired", fault.kind, record.generation): 1 for fault in record.faults if fault.fired})
    for (kind, state), times in fired_in(result.lines).items():
        tally["state", kind, state] += times
    return tally
