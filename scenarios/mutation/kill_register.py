"""Deaths: for each broken client, the simplest scenarios that kill it. A scenario is there for those whom no simpler
one kills.

A mutant has one bug, so it dies once. A baseline has many, and may spend too much everywhere and lose an event here:
each oracle by which it fails is a death of its own.

All clients in all scenarios would take hours. Two things make it minutes. A client that a simpler scenario kills need
not be tried. And where the real client never comes to the place that a mutant changes, the mutant's run is the real
one, event for event: so the real client is run once, and watched.

What was found is kept in ``deaths.json``, beside this file; only what is new since then is tried, unless all is.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gapless.scenarios.clients.registry import DEFAULT, MUTANT, mutant_called
from gapless.scenarios.definition.catalogue import catalogue
from gapless.scenarios.definition.scenario import Scenario
from gapless.scenarios.mutation.kill_check import broken_clients, killers
from gapless.scenarios.mutation.mutants import MUTANTS
from gapless.scenarios.mutation.planting import Rewritten, Watched, planted
from gapless.scenarios.mutation.simplicity import simpler_than
from gapless.scenarios.running.client_comparison import HISTORY_UNNAMED_MAX
from gapless.scenarios.running.runner import RunRequest, perform

PATH = Path(__file__).parent / "kill_register.json"
SCHEMA = "gapless/deaths/1"

_BY = " by "

VariantKey = tuple[str, str]
Kills = dict[str, str]
"""By who died (a mutant, or ``socket-only by no-holes``): the variant, and the oracle that found the gravest of it, as
``tree/inclusive budget``.
"""


@dataclass(frozen=True, slots=True)
class Ground:
    """A scenario, and the clients that are to be tried in it."""

    scenario: Scenario
    clients: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Register:
    """What is known: which ``clients`` were tried, and by scenario who died; those that a simpler scenario kills were
    perhaps not tried.
    """

    clients: tuple[str, ...] = ()
    by_scenario: Mapping[str, Kills] | None = None

    def of(self, scenario: Scenario) -> Kills:
        """Who died in a scenario, as far as is known."""
        return (self.by_scenario or {}).get(scenario.name, {})

    def kept(self, scenario: Scenario) -> Kills:
        """The same, of those clients that there still are."""
        return {who: how for who, how in self.of(scenario).items() if client_of(who) in broken_clients()}

    def first_kills(self, scenario: Scenario) -> Kills:
        """Who dies in a scenario and in none that is simpler."""
        simpler = simpler_than(scenario, fighting())
        return {who: how for who, how in self.of(scenario).items() if not any(who in self.of(one) for one in simpler)}


def fighting() -> tuple[Scenario, ...]:
    """The scenarios that are tried: all but those whose history is so long that one run takes seconds."""
    return tuple(one for one in catalogue() if one.workload.history_events <= HISTORY_UNNAMED_MAX)


def client_of(who: str) -> str:
    """The client of whose death the register speaks."""
    return who.partition(_BY)[0]


def load(path: Path = PATH) -> Register:
    """What is kept; nothing when there is no file."""
    if not path.exists():
        return Register()
    kept = json.loads(path.read_text(encoding="utf-8"))
    return Register(tuple(kept["clients"]), kept["scenarios"])


def render(register: Register) -> str:
    """The file: clients in the order of the registries, scenarios in that of the catalogue."""
    scenarios: dict[str, Any] = {one.name: dict(register.of(one)) for one in fighting()}
    return json.dumps({"schema": SCHEMA, "clients": register.clients, "scenarios": scenarios}, indent=1) + "\n"


def unjustified(register: Register, scenarios: Sequence[Scenario]) -> tuple[Scenario, ...]:
    """Those that kill nobody whom no simpler scenario kills, and are not marked as documentation."""
    return tuple(one for one in scenarios if not one.documentation and not register.first_kills(one))


def layers(scenarios: Sequence[Scenario]) -> Iterator[tuple[Scenario, ...]]:
    """The scenarios in layers: whatever is simpler than one of them lies in a layer before its own."""
    left = tuple(scenarios)
    while left:
        layer = tuple(one for one in left if not simpler_than(one, left))
        yield layer
        left = tuple(one for one in left if one not in layer)


def grounds(layer: Iterable[Scenario], known: Register, found: Mapping[str, Kills]) -> tuple[Ground, ...]:
    """Whom to try where: who has not been tried there, and whom nothing simpler kills. ``found`` is of the layers
    before."""
    return tuple(Ground(scenario, tuple(_to_try(scenario, known, found))) for scenario in layer)


def _to_try(scenario: Scenario, known: Register, found: Mapping[str, Kills]) -> Iterator[str]:
    is_new = scenario.name not in (known.by_scenario or {})
    simpler = simpler_than(scenario, fighting())
    for client in broken_clients():
        was_tried = not is_new and client in known.clients
        if not was_tried and not any(client in found[other.name] for other in simpler):
            yield client


def fight(ground: Ground) -> Kills:
    """Who of the clients dies there, and in which variant first, in the house order."""
    scenario = ground.scenario
    if not ground.clients:
        return {}
    met = {variant: places_met(RunRequest(scenario, *variant, DEFAULT)) for variant in scenario.variants()}
    found: Kills = {}
    for client in ground.clients:
        variants = (variant for variant in scenario.variants() if _may_differ(client, met[variant]))
        for variant, by in _failures(scenario, client, variants):
            if _has_one_bug(client):
                found[client] = f"{'/'.join(variant)} {by[0]}"
                break
            found = {f"{client}{_BY}{oracle}": f"{'/'.join(variant)} {oracle}" for oracle in by} | found
    return found


def _failures(
    scenario: Scenario, client: str, variants: Iterable[VariantKey]
) -> Iterator[tuple[VariantKey, tuple[str, ...]]]:
    for variant in variants:
        by = killers(perform(RunRequest(scenario, *variant, client)).record.violations)
        if by:
            yield variant, by


def places_met(request: RunRequest) -> Mapping[str, None]:
    """Which of the places that mutants change the real client comes to in a run."""
    met: dict[str, None] = {}
    watched = {str(change.target): Watched(change.target, met) for change in _rewritten()}
    with planted(tuple(watched.values())):
        perform(request)
    return met


def _rewritten() -> Iterator[Rewritten]:
    for mutant in MUTANTS:
        if mutant.base == DEFAULT:
            yield from (change for change in mutant.changes if isinstance(change, Rewritten))


def _may_differ(client: str, met: Mapping[str, None]) -> bool:
    if not _has_one_bug(client):
        return True
    changes = mutant_called(client.removeprefix(MUTANT)).changes
    return any(not isinstance(change, Rewritten) or str(change.target) in met for change in changes)


def _has_one_bug(client: str) -> bool:
    """Whether it is a mutant of the real client; others are bundles of bugs."""
    return client.startswith(MUTANT) and mutant_called(client.removeprefix(MUTANT)).base == DEFAULT
