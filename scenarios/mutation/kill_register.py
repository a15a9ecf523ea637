"""The kill register: which broken clients each scenario kills. A client is killed when an oracle fails it.

A scenario is justified if it kills a client that no simpler scenario kills.

A mutant has one bug, so at most one kill of it is recorded for each scenario. A baseline has many bugs. For example, it
may make too many calls in every scenario and lose an event in only one. So each oracle that fails it counts as a
separate kill.

Running all clients in all scenarios would take hours. Two rules reduce that to minutes:

- A client that a simpler scenario kills is not tried.
- A mutant is not tried in a variant in which the real client never calls the function that the mutant changes: the
  two runs would be equal, event for event. To find that out, the real client is run once and watched.

The result is stored in ``kill_register.json``, with the clients that were tried in each scenario. Only those that are
new since then are tried, unless everything is tried afresh. A search that was interrupted keeps what it has finished,
and what was known of the rest.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gapless.scenarios.clients.registry import DEFAULT, MUTANT, find_mutant
from gapless.scenarios.definition.catalogue import catalogue
from gapless.scenarios.definition.scenario import Scenario
from gapless.scenarios.mutation.kill_check import broken_clients, killers
from gapless.scenarios.mutation.mutants import MUTANTS
from gapless.scenarios.mutation.planting import Rewritten, Watched, planted
from gapless.scenarios.mutation.simplicity import simpler_than
from gapless.scenarios.running.client_comparison import HISTORY_UNNAMED_MAX
from gapless.scenarios.running.runner import RunRequest, perform

PATH = Path(__file__).parent / "kill_register.json"
SCHEMA = "gapless/kills/2"

_BY = " by "

VariantKey = tuple[str, str]
Kills = dict[str, str]
"""The kills of one scenario.

A key is a mutant, or a baseline and an oracle, such as ``socket-only by no-holes``. A value is the variant, and the
oracle that reported the gravest violation, such as ``tree/inclusive budget``.
"""


@dataclass(frozen=True, slots=True)
class Attempt:
    """A scenario, and the clients to try in it."""

    scenario: Scenario
    clients: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Register:
    """The known kills.

    ``tried``: the clients that were tried in each scenario, or killed by a simpler one, by name of scenario
    ``by_scenario``: the kills by name of scenario
    """

    tried: Mapping[str, frozenset[str]] = field(default_factory=dict)
    by_scenario: Mapping[str, Kills] = field(default_factory=dict)

    def of(self, scenario: Scenario) -> Kills:
        """The known kills of a scenario."""
        return self.by_scenario.get(scenario.name, {})

    def kept(self, scenario: Scenario) -> Kills:
        """The known kills of a scenario, without clients that no longer exist."""
        return {who: how for who, how in self.of(scenario).items() if client_of(who) in broken_clients()}

    def with_found(self, found: Mapping[str, Kills]) -> Register:
        """What is known when every client has been tried in the scenarios of ``found``."""
        everybody = frozenset(broken_clients())
        return Register(
            {**self.tried, **dict.fromkeys(found, everybody)},
            {**self.by_scenario, **found},
        )

    def first_kills(self, scenario: Scenario) -> Kills:
        """The kills of a scenario that no simpler scenario has."""
        simpler = simpler_than(scenario, register_scenarios())
        return {who: how for who, how in self.of(scenario).items() if not any(who in self.of(one) for one in simpler)}


def register_scenarios() -> tuple[Scenario, ...]:
    """The scenarios of the register: all except those with so long a history that one run takes seconds."""
    return tuple(one for one in catalogue() if one.workload.history_events <= HISTORY_UNNAMED_MAX)


def client_of(who: str) -> str:
    """The client in a key of `Kills`."""
    return who.partition(_BY)[0]


def load(path: Path = PATH) -> Register:
    """The stored register. Empty when there is no file."""
    if not path.exists():
        return Register()
    kept = json.loads(path.read_text(encoding="utf-8"))
    clients, scenarios = kept["clients"], kept["scenarios"]
    tried = {name: frozenset(clients) - frozenset(one["untried"]) for name, one in scenarios.items()}
    return Register(tried, {name: one["kills"] for name, one in scenarios.items()})


def render(register: Register) -> str:
    """The register as JSON. Scenarios are in the order of the catalogue, clients in the order of their registries."""
    scenarios: dict[str, Any] = {
        one.name: {
            "untried": [client for client in broken_clients() if client not in register.tried.get(one.name, ())],
            "kills": dict(register.of(one)),
        }
        for one in register_scenarios()
        if one.name in register.by_scenario
    }
    return json.dumps({"schema": SCHEMA, "clients": broken_clients(), "scenarios": scenarios}, indent=1) + "\n"


def without_own_kill(register: Register, scenarios: Sequence[Scenario]) -> tuple[Scenario, ...]:
    """The scenarios without a kill of their own (`Register.first_kills`) that are not marked as documentation."""
    return tuple(one for one in scenarios if not one.documentation and not register.first_kills(one))


def layers(scenarios: Sequence[Scenario]) -> Iterator[tuple[Scenario, ...]]:
    """The scenarios in layers. Everything simpler than a scenario is in an earlier layer."""
    left = tuple(scenarios)
    while left:
        layer = tuple(one for one in left if not simpler_than(one, left))
        yield layer
        left = tuple(one for one in left if one not in layer)


def attempts(layer: Iterable[Scenario], known: Register, found: Mapping[str, Kills]) -> tuple[Attempt, ...]:
    """Which clients to try in each scenario of a layer: those not tried there yet that no simpler scenario kills.

    ``found``: the kills in all earlier layers
    """
    return tuple(Attempt(scenario, tuple(_to_try(scenario, known, found))) for scenario in layer)


def _to_try(scenario: Scenario, known: Register, found: Mapping[str, Kills]) -> Iterator[str]:
    tried = known.tried.get(scenario.name, frozenset())
    simpler = simpler_than(scenario, register_scenarios())
    for client in broken_clients():
        if client not in tried and not any(client in found[other.name] for other in simpler):
            yield client


def try_clients(ground: Attempt) -> Kills:
    """Run each client in the variants of the scenario, and return the first kill of each key."""
    scenario = ground.scenario
    if not ground.clients:
        return {}
    met = {variant: decisions_met(RunRequest(scenario, *variant, DEFAULT)) for variant in scenario.variants()}
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


def decisions_met(request: RunRequest) -> Mapping[str, None]:
    """The functions changed by mutants that the real client calls in a run, by the name of the target."""
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
    changes = find_mutant(client.removeprefix(MUTANT)).changes
    return any(not isinstance(change, Rewritten) or str(change.target) in met for change in changes)


def _has_one_bug(client: str) -> bool:
    """Whether it is a mutant of our client. Baselines, and mutants of baselines, have several bugs."""
    return client.startswith(MUTANT) and find_mutant(client.removeprefix(MUTANT)).base == DEFAULT
