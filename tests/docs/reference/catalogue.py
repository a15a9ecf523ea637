"""Scenarios by race, the oracles with what they catch, the broken clients with where they fail."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import dataclass

from gapless.scenarios.clients.registry import CLIENTS
from gapless.scenarios.definition.catalogue import catalogue
from gapless.scenarios.definition.scenario import Scenario
from gapless.scenarios.judging.oracles import ORACLES
from gapless.scenarios.mutation.mutants import MUTANTS, Mutant
from tests.docs.reference.schemas import plain


@dataclass(frozen=True, slots=True)
class Oracle:
    """One property: what its source says of it, and the scenarios in which it catches a baseline."""

    name: str
    about: str
    kills: int
    baselines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Baseline:
    """One client by name, what its source says of it, and how many scenarios kill it."""

    name: str
    about: str
    kills: int


@dataclass(frozen=True, slots=True)
class Race:
    """The scenarios of one race; of none, with an empty id."""

    name: str
    scenarios: tuple[Scenario, ...]


def oracles() -> Iterator[Oracle]:
    """Every oracle, the gravest first."""
    planned = [(scenario, kill) for scenario in catalogue() for kill in scenario.kills]
    for name, judge in ORACLES:
        by = [(scenario, kill) for scenario, kill in planned if kill.by == name]
        module = inspect.getmodule(judge)
        about = plain(module.__doc__ if module is not None else "")
        yield Oracle(
            name,
            about,
            len({scenario.name for scenario, _ in by}),
            tuple(sorted({kill.client for _, kill in by})),
        )


def clients() -> Iterator[Baseline]:
    """Every client that has a name."""
    for client in CLIENTS:
        module = inspect.getmodule(client.factory)
        kills = sum(any(kill.client == client.name for kill in scenario.kills) for scenario in catalogue())
        yield Baseline(client.name, plain(module.__doc__ if module is not None else ""), kills)


def mutants() -> tuple[Mutant, ...]:
    """Every planted bug."""
    return MUTANTS


def races() -> tuple[Race, ...]:
    """Every race that has a scenario, and the scenarios of none at the end."""
    names = sorted({race for scenario in catalogue() for race in scenario.races})
    found = [Race(name, tuple(one for one in catalogue() if name in one.races)) for name in names]
    return (*found, Race("", tuple(one for one in catalogue() if not one.races)))
