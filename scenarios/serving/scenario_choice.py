"""From names and options to the scenario and the variant that is served or checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gapless.scenarios.definition.catalogue import find, find_one
from gapless.scenarios.definition.loading import load_file
from gapless.scenarios.definition.scenario import GENERATIONS, Scenario
from gapless.scenarios.errors import UsageError
from gapless.scenarios.running.runner import RunRequest
from gapless.scenarios.wrong_values import WrongValue, validated

CLIENT = "over-http"


def named(scenario: str | Mapping[str, Any], offered: Sequence[Scenario] = ()) -> Scenario:
    """A scenario by name or race, or from its data. Names in ``offered`` come first. Raises UsageError."""
    if isinstance(scenario, str):
        own = next((one for one in offered if one.name == scenario), None)
        return own or find_one(scenario)
    try:
        return validated(Scenario, scenario, "scenario")
    except WrongValue as error:
        raise UsageError(str(error)) from None


def all_named(names: Sequence[str]) -> tuple[Scenario, ...]:
    """The scenarios that names, races and paths of TOML files stand for, each once.

    For a race, the scenarios that have it as their first race come before the others. Raises UsageError.
    """
    found: dict[Scenario, None] = {}
    for name in names:
        named_so = (load_file(Path(name)),) if name.endswith(".toml") else find(name)
        for one in sorted(named_so, key=lambda one: name.upper() not in one.races[:1]):
            found[one] = None
    return tuple(found)


def request_for(
    scenario: Scenario,
    generation: str | None,
    cursor: str | None,
    *,
    seed: int = 0,
    api_key: str | None = None,
    client: str = CLIENT,
) -> RunRequest:
    """The request for one variant. Without a generation, it is the newest in which the scenario can happen.

    ``api_key``: in place of the scenario's own. Raises UsageError when the scenario cannot happen in that variant.
    """
    variants = sorted(scenario.variants(), key=lambda variant: -GENERATIONS.index(variant[0]))
    fitting = [one for one in variants if generation in (None, one[0]) and cursor in (None, one[1])]
    if not fitting:
        possible = ", ".join("/".join(variant) for variant in scenario.variants())
        wanted = "/".join(one or "any" for one in (generation, cursor))
        raise UsageError(f"{scenario.name} cannot happen in {wanted}; it can in {possible}")
    if api_key is not None:
        scenario = scenario.model_copy(update={"server": scenario.server.model_copy(update={"api_key": api_key})})
    return RunRequest(scenario, *fitting[0], client, seed)
