"""Trying: drawn worlds by the block, as work that any executor can do. Data in, data out, and both can be pickled.

Hypothesis draws the worlds of a block; the block's number is its seed, so that the same block is always the same worlds
(under the same version of Hypothesis and of this code).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from gapless.reports.records.record import Verdict
from gapless.scenarios.definition.scenario import Restart, Scenario
from gapless.scenarios.errors import WorldBroke
from gapless.scenarios.explore.client_state import fired_in
from gapless.scenarios.explore.symptom import Symptom, symptoms_in
from gapless.scenarios.explore.worlds import HypothesisSource, ListSource, plan
from gapless.scenarios.running.runner import Level, RunRequest, RunResult, perform
from gapless.simserver.choices import Choices
from gapless.simserver.errors import TapeError

T = TypeVar("T")
# What happened, and how often; the first part of a key says what is counted: ``world`` by generation, ``planned`` and
# ``fired`` worlds by kind of fault and generation, ``state`` firings by kind and state, ``oracle`` and ``path`` worlds.
TrialCounts = Counter[tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class WorldFailure:
    """A symptom in a world. ``drawn``: its numbers; ``kinds``: of the faults that fired, and
    what the script itself broke.
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
    """Worlds to try: ``worlds`` of them, drawn from the seed ``number``."""

    client: str
    number: int
    worlds: int
    level: Level = "wire"


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of a block. ``worlds``: how many were tried, for Hypothesis may have drawn one twice."""

    block: Block
    worlds: int
    tally: TrialCounts = field(default_factory=Counter)
    failures: tuple[WorldFailure, ...] = ()


def try_block(block: Block) -> Tried:
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
    @given(worlds(block.client))
    def attempt(world: DrawnWorld) -> None:
        if world.drawn in seen:
            return
        seen.add(world.drawn)
        try:
            result = performed(world.request, block.level)
        except WorldBroke as error:
            broken.append(error)  # raised below: here it would be a finding of Hypothesis
            return
        tally.update(tally_of(result))
        failures.extend(failures_of(world, result))

    attempt()
    if broken:
        raise WorldBroke(f"block {block.number}: {broken[0]}") from broken[0]
    return Tried(block, len(seen), tally, tuple(failures))


def performed(request: RunRequest, level: Level) -> RunResult:
    """A run at a level. At the model a seed shuffles what happens at one moment too, and 0 leaves it in order."""
    return perform(request, level=level, schedule=None if level == "wire" else request.seed or None)


def tried_again(client: str, drawn: Sequence[int], level: Level = "wire") -> tuple[WorldFailure, ...]:
    """What fails in a world that was drawn before; nothing when all holds, or the drawing has changed since."""
    try:
        request = planned(client, drawn)
    except TapeError:
        return ()
    return failures_of(DrawnWorld(request, tuple(drawn)), performed(request, level))


def still_shows(request: RunRequest, symptom: Symptom, level: Level = "wire") -> bool:
    """Whether a run shows a symptom."""
    return symptom in symptoms_in(performed(request, level))


@dataclass(frozen=True, slots=True)
class DrawnWorld:
    """A run to try, and every number that was drawn for it."""

    request: RunRequest
    drawn: tuple[int, ...]


@st.composite
def worlds(draw: st.DrawFn, client: str) -> DrawnWorld:
    """Any world, for Hypothesis to draw and to shrink."""
    source = HypothesisSource(draw)

    def together(make: Callable[[], Any]) -> Any:
        return draw(st.builds(make))

    request = plan(Choices(source), client, part=together)
    return DrawnWorld(request, tuple(source.drawn))


def planned(client: str, drawn: Sequence[int]) -> RunRequest:
    """The run that was drawn with these numbers. Raises TapeError when the drawing has changed since."""
    return plan(Choices(ListSource(drawn)), client)


def failures_of(world: DrawnWorld, result: RunResult) -> tuple[WorldFailure, ...]:
    """What failed in a world, one for each symptom."""
    record = result.record
    kinds = {fault.kind for fault in record.faults if fault.fired} | _staged(world.request.scenario)
    variant = record.generation, record.cursor
    return tuple(
        WorldFailure(world.drawn, symptom, one.message, one.breaks, tuple(sorted(kinds)), *variant)
        for symptom, one in symptoms_in(result).items()
    )


def _staged(scenario: Scenario) -> set[str]:
    """What the script itself does to the link and the server."""
    restarts = {"script-restart" for step in scenario.script if isinstance(step, Restart)}
    return restarts | {"script-disconnect" for step in scenario.script if step == "disconnect"}


def tally_of(result: RunResult) -> TrialCounts:
    """What one run adds to a tally."""
    record = result.record
    tally = TrialCounts({("world", record.generation): 1})
    tally.update({("oracle", judged.oracle): 1 for judged in record.judged if judged.count})
    tally.update({("path", name): 1 for name in record.taken})
    tally.update({("planned", kind, record.generation): 1 for kind in {fault.kind for fault in record.faults}})
    tally.update({("fired", fault.kind, record.generation): 1 for fault in record.faults if fault.fired})
    for (kind, state), times in fired_in(result.lines).items():
        tally["state", kind, state] += times
    return tally
