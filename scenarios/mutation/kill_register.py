"""The kill register: which broken clients each scenario kills. A client is killed when an oracle fails it.

A scenario is justified if it kills a client that no simpler scenario kills.

A mutant has one bug, so at most one kill of it is recorded for each scenario. A baseline has many bugs. For example, it
may make too many calls in every scenario and lose an event in only one. So each oracle that fails it counts as a
separate kill.

Running all clients in all scenarios would take hours. Four rules reduce that to minutes:

- A client that a simpler scenario kills is not tried.
- In each scenario clients are tried until one dies there that no simpler scenario is known to kill. Those that are
  likely to die come first. Then that one is tried in the simpler scenarios in which it was not tried yet, and if one of
  them kills it, the search goes on.
- A scenario that is marked as documentation needs no kill. It is tried only where it is simpler than another.
- A mutant is not tried in a variant in which the real client never calls the function that the mutant changes: the
  two runs would be equal, event for event. To find that out, the real client is run once and watched.

The result is stored in ``kill_register.json``, with the clients that were tried in each scenario. Nothing is tried
twice, unless everything is tried afresh. A search that was interrupted keeps what it has found.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from gapless.scenarios.clients.registry import DEFAULT, MUTANT, find_mutant
from gapless.scenarios.definition.catalogue import catalogue, find_one
from gapless.scenarios.definition.scenario import Scenario
from gapless.scenarios.mutation.kill_check import broken_clients, killers, mutant_client
from gapless.scenarios.mutation.mutants import MUTANTS
from gapless.scenarios.mutation.planting import Rewritten, Watched, planted
from gapless.scenarios.mutation.simplicity import Demands, demands
from gapless.scenarios.running.client_comparison import HISTORY_UNNAMED_MAX
from gapless.scenarios.running.runner import RunRequest, perform

PATH = Path(__file__).parent / "kill_register.json"
SCHEMA = "gapless/kills/3"

_BY = " by "

VariantKey = tuple[str, str]
Kills = dict[str, str]
"""The kills of one scenario.

A key is a mutant, or a baseline and an oracle, such as ``socket-only by no-holes``. A value is the variant, and the
oracle that reported the gravest violation, such as ``tree/inclusive budget``.
"""


@dataclass(frozen=True, slots=True)
class Attempt:
    """A scenario, and the clients to try in it, in order.

    ``known``: kills that simpler scenarios have; the first kill beside these ends the attempt. None: all are tried
    """

    scenario: Scenario
    clients: tuple[str, ...]
    known: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """The clients that were tried in a scenario, and its kills among them."""

    tried: frozenset[str]
    kills: Kills


@dataclass(frozen=True, slots=True)
class Register:
    """The known kills.

    ``tried``: the clients that were tried in each scenario, or killed by a simpler one, by name of scenario
    ``by_scenario``: the kills by name of scenario
    """

    tried: Mapping[str, frozenset[str]] = field(default_factory=dict)
    by_scenario: Mapping[str, Kills] = field(default_factory=dict)

    def of(self, scenario: Scenario) -> Kills:
        """The known kills of a scenario, without clients that no longer exist."""
        known = self.by_scenario.get(scenario.name, {})
        return {who: how for who, how in known.items() if client_of(who) in _everybody()}

    def was_tried(self, client: str, scenario: Scenario) -> bool:
        """Whether a client was tried in a scenario, or killed by a simpler one."""
        return client in self.tried.get(scenario.name, ())

    def with_found(self, scenario: Scenario, found: Found) -> Register:
        """The register with what was found in a scenario added."""
        name = scenario.name
        return Register(
            {**self.tried, name: self.tried.get(name, frozenset()) | found.tried},
            {**self.by_scenario, name: self.of(scenario) | found.kills},
        )

    def over(self, other: Register) -> Register:
        """What is known here, and in ``other`` about scenarios of which nothing is known here."""
        return Register({**other.tried, **self.tried}, {**other.by_scenario, **self.by_scenario})

    def likely_first_kills(self, scenario: Scenario) -> Kills:
        """The kills of a scenario that no simpler scenario is known to have."""
        simpler = _simpler(scenario)
        return {who: how for who, how in self.of(scenario).items() if not any(who in self.of(one) for one in simpler)}

    def first_kills(self, scenario: Scenario) -> Kills:
        """The kills of a scenario that no simpler scenario has: the client was tried in each of those."""
        simpler = _simpler(scenario)
        return {
            who: how
            for who, how in self.likely_first_kills(scenario).items()
            if all(self.was_tried(client_of(who), one) for one in simpler)
        }


def register_scenarios() -> tuple[Scenario, ...]:
    """The scenarios of the register: all except those with so long a history that one run takes seconds."""
    return tuple(one for one in catalogue() if one.workload.history_events <= HISTORY_UNNAMED_MAX)


def _simpler(scenario: Scenario) -> tuple[Scenario, ...]:
    return _simpler_by_name(scenario.name)


@cache
def _simpler_by_name(name: str) -> tuple[Scenario, ...]:
    asked = demands(find_one(name))
    return tuple(scenario for scenario, less in _demands_of_all() if less.are_less_than(asked))


@cache
def _demands_of_all() -> tuple[tuple[Scenario, Demands], ...]:
    return tuple((scenario, demands(scenario)) for scenario in register_scenarios())


@cache
def _everybody() -> frozenset[str]:
    return frozenset(broken_clients())


def client_of(who: str) -> str:
    """The client in a key of `Kills`."""
    return who.partition(_BY)[0]


def load(path: Path = PATH) -> Register:
    """The stored register. Empty when there is no file."""
    if not path.exists():
        return Register()
    kept = json.loads(path.read_text(encoding="utf-8"))
    everybody, scenarios = kept["clients"], kept["scenarios"]
    tried = {
        name: frozenset(one.get("tried", everybody)) - frozenset(one.get("untried", ()))
        for name, one in scenarios.items()
    }
    return Register(tried, {name: one["kills"] for name, one in scenarios.items()})


def render(register: Register) -> str:
    """The register as JSON. Scenarios are in the order of the catalogue, clients in the order of their registries.

    A scenario lists who was tried, or who was not, whichever is shorter.
    """
    scenarios: dict[str, Any] = {}
    for one in register_scenarios():
        if one.name not in register.tried:
            continue
        tried = [client for client in broken_clients() if register.was_tried(client, one)]
        untried = [client for client in broken_clients() if client not in tried]
        told = {"tried": tried} if len(tried) < len(untried) else {"untried": untried} if untried else {}
        scenarios[one.name] = {**told, "kills": register.of(one)}
    return json.dumps({"schema": SCHEMA, "clients": broken_clients(), "scenarios": scenarios}, indent=1) + "\n"


def without_own_kill(register: Register, scenarios: Sequence[Scenario]) -> tuple[Scenario, ...]:
    """The scenarios without a kill of their own (`Register.first_kills`) that are not marked as documentation."""
    return tuple(one for one in scenarios if not one.documentation and not register.first_kills(one))


def attempts(register: Register) -> tuple[Attempt, ...]:
    """What to try next. Empty when it is known of each scenario and of each client whether it has a kill.

    What is found by these attempts may ask for others.
    """
    wanted: dict[str, Attempt] = {}
    for scenario in register_scenarios():
        if scenario.documentation or register.first_kills(scenario):
            continue
        likely = next(iter(register.likely_first_kills(scenario)), None)
        if likely is None:
            candidates = tuple(_candidates(scenario, register))
            known = frozenset(who for one in _simpler(scenario) for who in register.of(one))
            if candidates:
                before = wanted.get(scenario.name, Attempt(scenario, ())).clients
                clients = tuple(dict.fromkeys((*before, *candidates)))
                wanted[scenario.name] = Attempt(scenario, clients, known)
            continue
        client = client_of(likely)
        for simpler in _simpler(scenario):
            if not register.was_tried(client, simpler):
                _add(wanted, simpler, client)
    dead = {client_of(who) for scenario in register_scenarios() for who in register.of(scenario)}
    for mutant in MUTANTS:
        scenario, client = find_one(mutant.killed.scenario), mutant_client(mutant)
        if client not in dead and not register.was_tried(client, scenario):
            _add(wanted, scenario, client)
    return tuple(wanted.values())


def _add(wanted: dict[str, Attempt], scenario: Scenario, client: str) -> None:
    """Want one client tried in a scenario, before the others that are wanted there."""
    others = wanted.get(scenario.name, Attempt(scenario, ()))
    wanted[scenario.name] = replace(others, clients=tuple(dict.fromkeys((client, *others.clients))))


def _candidates(scenario: Scenario, register: Register) -> Iterator[str]:
    """The clients to try in a scenario, the likeliest to die there first; none that a simpler scenario kills."""
    known = frozenset(who for one in _simpler(scenario) for who in register.of(one))
    left = [one for one in broken_clients() if not register.was_tried(one, scenario) and one not in known]
    yield from sorted(left, key=lambda client: _unlikelihood(client, scenario))


def _unlikelihood(client: str, scenario: Scenario) -> int:
    mutant = find_mutant(client.removeprefix(MUTANT)) if client.startswith(MUTANT) else None
    if mutant is not None and mutant.killed.scenario == scenario.name:
        return 0
    if any(kill.client == client for kill in scenario.kills):
        return 1
    if mutant is not None and set(mutant.races) & set(scenario.races):
        return 2
    return 3


def try_clients(attempt: Attempt) -> Found:
    """Run each client in the variants of the scenario, and return the first kill of each key."""
    scenario, known = attempt.scenario, attempt.known

    @cache
    def met(generation: str, cursor: str) -> Mapping[str, None]:
        return decisions_met(RunRequest(scenario, generation, cursor, DEFAULT))

    tried: dict[str, None] = {}
    found: Kills = {}
    for client in attempt.clients:
        tried[client] = None
        variants = (variant for variant in scenario.variants() if _may_differ(client, met, variant))
        for variant, by in _failures(scenario, client, variants):
            if _has_one_bug(client):
                found[client] = f"{'/'.join(variant)} {by[0]}"
                break
            found = {f"{client}{_BY}{oracle}": f"{'/'.join(variant)} {oracle}" for oracle in by} | found
        if known is not None and not known.issuperset(found):
            break
    return Found(frozenset(tried), found)


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


def _may_differ(client: str, met: Callable[[str, str], Mapping[str, None]], variant: VariantKey) -> bool:
    if not _has_one_bug(client):
        return True
    changes = find_mutant(client.removeprefix(MUTANT)).changes
    return any(not isinstance(change, Rewritten) or str(change.target) in met(*variant) for change in changes)


def _has_one_bug(client: str) -> bool:
    """Whether it is a mutant of our client. Baselines, and mutants of baselines, have several bugs."""
    return client.startswith(MUTANT) and find_mutant(client.removeprefix(MUTANT)).base == DEFAULT
