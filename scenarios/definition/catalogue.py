"""The scenario files that ship, and lookup by name or by race."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from gapless.scenarios.definition.file_index import CATALOGUE, race_index
from gapless.scenarios.definition.loading import load_file
from gapless.scenarios.definition.scenario import Scenario
from gapless.scenarios.errors import UsageError, did_you_mean


@cache
def catalogue() -> tuple[Scenario, ...]:
    """All scenarios, in the order of their file names."""
    return tuple(_called(name) for name in race_index())


@cache
def _called(name: str) -> Scenario:
    """One scenario. Only its file is read."""
    return load_file(CATALOGUE / f"{name}.toml")


def find(name: str) -> tuple[Scenario, ...]:
    """The scenario called ``name``, or all scenarios of the race ``name``. Case does not matter.

    Raises UsageError when there is none.
    """
    wanted, index = name.casefold(), race_index()
    if wanted in index:
        return (_called(wanted),)
    found = tuple(_called(one) for one, races in index.items() if wanted in (race.casefold() for race in races))
    if not found:
        known = (*index, *(race for races in index.values() for race in races))
        cure = did_you_mean(name, known, "`gapless list` shows what there is")
        raise UsageError(f"no scenario or race is called {name!r}; {cure}")
    return found


def find_one(name: str) -> Scenario:
    """The scenario called ``name``, or the only scenario of the race ``name``.

    Raises UsageError when there is none, or when the race has several.
    """
    found = find(name)
    if len(found) > 1:
        names = ", ".join(one.name for one in found)
        raise UsageError(f"{name!r} is {len(found)} scenarios; name one of {names}")
    return found[0]


def path_of(scenario: Scenario) -> Path:
    """The path of a scenario's file in the catalogue."""
    return CATALOGUE / f"{scenario.name}.toml"
