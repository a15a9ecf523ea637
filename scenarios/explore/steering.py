"""Steer the drawing of worlds toward what is rare so far: pairs of a fault and a state, and paths of our client.

Worlds are numbered from 0, and drawn in rounds of `ROUND_WORLDS`. A round has one table: what is rare, with weights,
and worlds to vary. The table is made from the results of all rounds but the one before, so that workers need not wait
for each other. A world therefore depends on the seed, its number, the client, and this code, and on nothing else: the
number of processes and the order in which they finish play no part.

A third of the worlds is drawn without the table, so that nothing is ever out of reach. The first two rounds have none.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache

from gapless.scenarios.definition.scenario import Scenario
from gapless.scenarios.explore.client_state import STATES
from gapless.scenarios.explore.worlds import FOCI, KINDS, ListSource, PartedSource, RandomSource, VariedSource, plan
from gapless.scenarios.explore.worlds.choice_sources import Parts
from gapless.scenarios.explore.worlds.fault_timing import STARTING
from gapless.scenarios.running.runner import RunRequest
from gapless.simserver.choices import Choices

ROUND_WORLDS = 80
# How many worlds are kept for each state, and for each path. The newest replaces the oldest.
KEPT_FOR_STATE = 6
KEPT_FOR_PATH = 2
# A pair or path that occurred so often is no longer rare.
RARE_MAX = 60
# Weights are whole numbers, so that no rounding can differ between machines.
_WEIGHT = 100_000
# A pair that never occurred loses half of its weight with this many worlds in which its fault was planned: it may be
# impossible, as a frame cannot be dropped while no socket is open.
_PLANNED_HALF = 20
_UNSTEERED_ONE_IN = 3
# The parts of a world for its second fault, and for all of its faults; see `PartedSource`.
_SECOND = "second-focus 0"
_FAULT_PARTS = ("focus 0", _SECOND, "another-fault 0", "another-fault 1", "another-fault 2")
# The choices of `fault_timing.moment` with which a fault is likely to strike in a state.
_LIKELY = {
    "attach": (4,),
    "idle": (5,),
    "starting": (0, 1, 2),
    "run": (0, 1, 2),
    "tail": (3,),
    "reconnecting": (6, 7, 8, 9),
    "repairing": (6, 7, 8, 9),
}
# The choices of a run's phase that are likely to be in a state.
_PHASES = {"starting": STARTING, "run": 0}

Drawn = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Target:
    """What is rare. ``kind`` and ``state`` name a pair; without a kind, ``state`` is a path of our client."""

    kind: str
    state: str
    weight: int


@dataclass(frozen=True, slots=True)
class Table:
    """The weights of one round. ``worlds``: worlds to vary, by a state or a path that occurred in them."""

    targets: tuple[Target, ...] = ()
    worlds: Mapping[str, tuple[Drawn, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DrawnWorld:
    """A run, and the numbers that were drawn for it."""

    request: RunRequest
    drawn: Drawn


def draw_world(
    client: str, seed: int, number: int, table: Table | None, command: tuple[str, ...] = (), server: str = ""
) -> DrawnWorld:
    """The world of that number. ``table``: of its round; None draws without one."""
    generator = random.Random(f"{seed}/{number}")  # a string is hashed with SHA-512, the same everywhere
    varied = None
    if table is not None and table.targets and generator.randrange(_UNSTEERED_ONE_IN):
        varied = _varied(client, generator, table, command, server)
    if varied is not None:
        request = plan(Choices(varied), client, command=command, server=server, part=varied.together)
        drawn = varied.drawn
    else:
        source = RandomSource(generator)
        request, drawn = plan(Choices(source), client, command=command, server=server), source.drawn
    return DrawnWorld(replace(request, scenario=named(request.scenario, seed, number)), tuple(drawn))


def named(scenario: Scenario, seed: int, number: int) -> Scenario:
    """The scenario with its origin, so that each record and each capsule says of which seed it is."""
    return scenario.model_copy(update={"origin": f"drawn by gapless explore, seed {seed}, world {number}"})


def table_of(tally: Mapping[tuple[str, ...], int], paths: Iterable[str], kept: Mapping[str, list[Drawn]]) -> Table:
    """The table that follows from the counts so far. ``paths``: those of the client; ``kept``: worlds to vary."""
    planned = dict.fromkeys(KINDS, 0)
    for key, worlds in tally.items():
        if key[0] == "planned":
            planned[key[1]] += worlds
    targets = []
    for kind in KINDS:
        for state in STATES:
            times = tally.get(("state", kind, state), 0)
            if times < RARE_MAX and kept.get(state):
                halves = times + 1 if times else 1 + planned[kind] // _PLANNED_HALF
                targets.append(Target(kind, state, _WEIGHT // halves))
    for path in sorted(paths):
        times = tally.get(("path", path), 0)
        if 0 < times < RARE_MAX and kept.get(path):
            targets.append(Target("", path, _WEIGHT // (times + 1)))
    return Table(tuple(targets), {place: tuple(worlds) for place, worlds in sorted(kept.items())})


def keep_world(kept: dict[str, list[Drawn]], drawn: Drawn, met: Iterable[str]) -> None:
    """Keep a world for each state and path that it met. ``kept`` is changed."""
    for place in met:
        worlds = kept.setdefault(place, [])
        worlds.append(drawn)
        del worlds[: -(KEPT_FOR_STATE if place in STATES else KEPT_FOR_PATH)]


def _varied(
    client: str, generator: random.Random, table: Table, command: tuple[str, ...], server: str
) -> VariedSource | None:
    """A source that varies a world in which the state or the path of a rare target occurred."""
    target = _weighted(generator, table.targets)
    worlds = table.worlds.get(target.state, ())
    if not worlds:
        return None
    parts = _parts_of(client, worlds[generator.randrange(len(worlds))], command, server)
    if not target.kind:
        return VariedSource(generator, parts, {}, {})
    # The fault of the target comes second, so that it can strike soon after the first fault of the earlier world. Half
    # of the time it is put where the state is likely, otherwise at the time of a fault of the earlier world.
    numbers = [number for number, kind in enumerate(FOCI, start=1) if kind == target.kind]
    number = numbers[generator.randrange(len(numbers))]
    forced = {("", "is-second"): 3, ("", "second-focus"): number}
    instead = {}
    if generator.randrange(2):
        likely = _LIKELY[target.state]
        forced |= {(_SECOND, "where"): likely[generator.randrange(len(likely))], (_SECOND, "at-a-time"): 1}
        if target.state in _PHASES:
            forced[_SECOND, "phase"] = _PHASES[target.state]
    elif faults := [part for part in _FAULT_PARTS if part in parts]:
        instead[_SECOND] = faults[generator.randrange(len(faults))]
    return VariedSource(generator, parts, forced, instead)


def _weighted(generator: random.Random, targets: tuple[Target, ...]) -> Target:
    lot = generator.randrange(sum(one.weight for one in targets))
    for one in targets:
        lot -= one.weight
        if lot < 0:
            return one
    raise AssertionError("the weights are above zero")


@lru_cache(maxsize=512)
def _parts_of(client: str, drawn: Drawn, command: tuple[str, ...], server: str) -> Parts:
    source = PartedSource(ListSource(drawn))
    plan(Choices(source), client, command=command, server=server, part=source.together)
    return source.parts
