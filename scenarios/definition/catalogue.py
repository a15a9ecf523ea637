"""The scenario files that ship, and lookup by name or by race."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from gapless.scenarios.definition.loading import load_file
from gapless.scenarios.definition.scenario import Scenario
from gapless.scenarios.errors import UsageError, did_you_mean

CATALOGUE = Path(__file__).parents[1] / "catalogue"


@cache
def catalogue() -> tuple[Scenario, ...]:
    """All scenarios, in the order of their file names."""
    return tuple(_called(path.stem) for path in sorted(CATALOGUE.glob("*.toml")))


@cache
def _names() -> frozenset[str]:
    """The names of all scenarios, from the names of their files."""
    return frozenset(path.stem for path in CATALOGUE.glob("*.toml"))


@cache
def _called(name: str) -> Scenario:
    """One scenario. Only its file is read, for reading all of them takes a while."""
    return load_file(CATALOGUE / f"{name}.toml")


def find(name: str) -> tuple[Scenario, ...]:
    """The scenario called ``name``, or all scenarios of the race ``name``. Case does not matter.

    Raises UsageError when there is none.
    """
    wanted = name.casefold()
    if wanted in _names():
        return (_called(wanted),)
    found = tuple(one for one in catalogue() if wanted in (race.casefold() for race in one.races))
    if not found:
        known = (*(one.name for one in catalogue()), *(race for one in catalogue() for race in one.races))
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
