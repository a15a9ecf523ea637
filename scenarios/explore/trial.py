"""Run drawn worlds in blocks. Arguments and results can be pickled, so any executor can do the work.

Hypothesis draws the worlds of a block. The number of the block is the seed, so a block always has the same worlds, as
long as the versions of Hypothesis and of this code are the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from gapless.reports.records.record import Verdict
from gapless.scenarios.definition.scenario import CursorMode, Restart, Scenario, ServerGeneration
from gapless.scenarios.errors import WorldBroke
from gapless.scenarios.explore.client_state import fired_in
from gapless.scenarios.explore.symptom import Symptom, symptoms_in
from gapless.scenarios.explore.worlds import HypothesisSource, ListSource, plan
from gapless.scenarios.realserver.environment import parse_server
from gapless.scenarios.realserver.playable import as_playable, variant_of
from gapless.scenarios.running.runner import Level, RunRequest, RunResult, perform
from gapless.simserver.choices import Choices
from gapless.simserver.errors import TapeError

T = TypeVar("T")
# Counts. The first part of a key names what is counted:
#   ("world", generation)                              worlds
#   ("planned", kind, generation), ("fired", kind, generation)   worlds in which a kind of fault was planned, or fired
#   ("state", kind, state)                             firings of a kind of fault in a state of the client
#   ("oracle", name), ("path", name)                   worlds in which an oracle judged, or a path was taken
TrialCounts = Counter[tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class WorldFailure:
    """A symptom in a world.

    ``drawn``: the numbers that were drawn for the world
    ``message``: the message of the violation
    ``breaks``: its verdict
    ``kinds``: the kinds of the faults that fired; ``script-restart`` and ``script-disconnect`` for steps of the script;
    ``thread-switch`` when the schedule of the client's threads was another than first come, first served
    """

    drawn: tuple[int, ...]
    symptom: Symptom
    message: str
    breaks: Verdict
    kinds: tuple[str, ...]
    generation: str
    cursor: str


@dataclass(frozen=True, slots=True)
class Block:
    """Worlds to try: up to ``worlds`` of them, drawn with the seed ``number``. ``command``: of a client that is one.
    ``server``: a published server in place of the simulated one; empty without one."""

    client: str
    number: int
    worlds: int
    level: Level = "wire"
    command: tuple[str, ...] = ()
    server: str = ""


@dataclass(frozen=True, slots=True)
class BlockResult:
    """The result of a block. ``worlds``: how many were tried; a world that Hypothesis drew twice is tried once."""

    block: Block
    worlds: int
    tally: TrialCounts = field(default_factory=Counter)
    failures: tuple[WorldFailure, ...] = ()


def try_block(block: Block) -> BlockResult:
    """Try the worlds of a block. Raises WorldBroke."""
    tally, failures, seen = TrialCounts(), list[WorldFailure](), set[tuple[int, ...]]()
    broken: list[WorldBroke] = []

    @seed(block.number)
    @settings(
        max_examples=block.worlds,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate,),
    )
    @given(worlds(block.client, block.command, block.server))
    def attempt(world: DrawnWorld) -> None:
        if world.drawn in seen:
            return
        seen.add(world.drawn)
        try:
            result = performed(world.request, block.level)
        except WorldBroke as error:
            broken.append(error)  # raised below: raised here, Hypothesis would treat it as a failing example
            return
        tally.update(tally_of(result))
        failures.extend(failures_of(world, result))

    attempt()
    if broken:
        raise WorldBroke(f"block {block.number}: {broken[0]}") from broken[0]
    return BlockResult(block, len(seen), tally, tuple(failures))


def performed(request: RunRequest, level: Level) -> RunResult:
    """Perform a run at a level.

    At the model level, a seed other than 0 also shuffles what happens at the same time. Seed 0 leaves it in order.
    """
    return perform(request, level=level, schedule=None if level == "wire" else request.seed or None)


def retry_world(
    client: str, drawn: Sequence[int], level: Level = "wire", command: tuple[str, ...] = (), server: str = ""
) -> tuple[WorldFailure, ...]:
    """The failures of a world that was drawn before. Empty when the numbers no longer fit the code that draws."""
    try:
        request = planned(client, drawn, command, server)
    except TapeError:
        return ()
    return failures_of(DrawnWorld(request, tuple(drawn)), performed(request, level))


def still_shows(request: RunRequest, symptom: Symptom, level: Level = "wire") -> bool:
    """Whether a run shows a symptom."""
    return symptom in symptoms_in(performed(request, level))


@dataclass(frozen=True, slots=True)
class DrawnWorld:
    """A run, and the numbers that were drawn for it."""

    request: RunRequest
    drawn: tuple[int, ...]


@st.composite
def worlds(draw: st.DrawFn, client: str, command: tuple[str, ...] = (), server: str = "") -> DrawnWorld:
    """A Hypothesis strategy for worlds."""
    source = HypothesisSource(draw)

    def together(make: Callable[[], Any]) -> Any:
        return draw(st.builds(make))

    variant = _variant(server)
    request = on_server(plan(Choices(source), client, part=together, command=command, variant=variant), server)
    return DrawnWorld(request, tuple(source.drawn))


def planned(client: str, drawn: Sequence[int], command: tuple[str, ...] = (), server: str = "") -> RunRequest:
    """The run that these numbers draw. Raises TapeError when they no longer fit the code that draws."""
    return on_server(plan(Choices(ListSource(drawn)), client, command=command, variant=_variant(server)), server)


def on_server(request: RunRequest, server: str) -> RunRequest:
    """The same world with a published server in it, without what only the simulated one can do."""
    return replace(request, scenario=as_playable(request.scenario), server=server) if server else request


def _variant(server: str) -> tuple[ServerGeneration, CursorMode] | None:
    return variant_of(parse_server(server)) if server else None


def failures_of(world: DrawnWorld, result: RunResult) -> tuple[WorldFailure, ...]:
    """The failures of a world, one for each symptom."""
    record = result.record
    kinds = {fault.kind for fault in record.faults if fault.fired} | _script_faults(world.request.scenario)
    if result.switched:
        kinds.add("thread-switch")
    variant = record.generation, record.cursor
    return tuple(
        WorldFailure(world.drawn, symptom, one.message, one.breaks, tuple(sorted(kinds)), *variant)
        for symptom, one in symptoms_in(result).items()
    )


def _script_faults(scenario: Scenario) -> set[str]:
    """The restarts and disconnects that the script itself makes."""
    restarts = {"script-restart" for step in scenario.script if isinstance(step, Restart)}
    return restarts | {"script-disconnect" for step in scenario.script if step == "disconnect"}


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
