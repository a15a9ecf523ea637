"""Drawn worlds: every world is valid data, only integers are drawn, and each kind of fault can fire."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from hashlib import sha256

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from gapless.scenarios.capsules import capsule
from gapless.scenarios.definition.loading import parse
from gapless.scenarios.definition.scenario import GENERATIONS
from gapless.scenarios.definition.toml_writing import render
from gapless.scenarios.explore.shrink_search import Primed
from gapless.scenarios.explore.steering import DrawnWorld, Table, Target, draw_world
from gapless.scenarios.explore.strategies import HypothesisSource, worlds
from gapless.scenarios.explore.trial import Block, planned, try_block
from gapless.scenarios.explore.worlds import KINDS, ListSource, plan
from gapless.scenarios.judging.coverage import FAULT_KINDS
from gapless.simserver.choices import Choices
from gapless.simserver.errors import TapeError

BLOCKS_MAX = 60
# A table of a campaign that has begun: a pair that is rare, and a world to vary.
TABLE = Table((Target("clock-step", "run", 1),), {"run": (draw_world("gapless", 3, 8, None).drawn,)})
SOME = settings(max_examples=60, derandomize=True, database=None, deadline=None)


def test_every_kind_of_fault_can_be_drawn() -> None:
    assert sorted(KINDS) == sorted(FAULT_KINDS)


@given(worlds("gapless"))
@SOME
def test_every_world_is_a_scenario_that_can_be_written_down(world: DrawnWorld) -> None:
    scenario = world.request.scenario
    data = json.loads(json.dumps(capsule.scenario_data(scenario), allow_nan=False))
    assert type(scenario).model_validate(data) == scenario


@given(worlds("gapless"))
@SOME
def test_every_world_is_a_file_that_loads_again(world: DrawnWorld) -> None:
    scenario = world.request.scenario
    assert parse(render(scenario), "drawn.toml") == scenario


@given(worlds("gapless"))
@SOME
def test_the_same_numbers_are_the_same_world(world: DrawnWorld) -> None:
    assert planned("gapless", world.drawn) == world.request


@pytest.mark.parametrize("is_steered", [False, True])
def test_hypothesis_draws_a_world_of_a_campaign_from_the_same_numbers(is_steered: bool) -> None:
    table = TABLE if is_steered else None
    for number in range(12):
        world = draw_world("gapless", 5, number, table)
        again = by_hypothesis(world.drawn)
        assert again.drawn == world.drawn
        assert again.request == planned("gapless", world.drawn)
        assert replace(again.request, scenario=world.request.scenario) == world.request
        assert again.request.scenario.model_copy(update={"origin": ""}) == world.request.scenario.model_copy(
            update={"origin": ""}
        )


def test_a_seed_gives_the_same_worlds_in_another_process() -> None:
    code = "from tests.scenarios.explore.test_worlds import fingerprint; print(fingerprint())"
    environment = {**os.environ, "PYTHONHASHSEED": "123"}
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60, env=environment
    )
    assert ended.stdout.strip() == fingerprint()


def fingerprint() -> str:
    """A digest of worlds of one seed, steered and not: of their numbers, and of all that was made of them."""
    drawn = [draw_world("gapless", 5, number, table) for table in (None, TABLE) for number in range(20)]
    told = [(one.drawn, capsule.scenario_data(one.request.scenario), one.request.seed) for one in drawn]
    return sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def by_hypothesis(drawn: tuple[int, ...]) -> DrawnWorld:
    """The world that Hypothesis draws when it is given these numbers."""
    found: list[DrawnWorld] = []

    @settings(max_examples=1, database=Primed(drawn), phases=(Phase.reuse,), suppress_health_check=list(HealthCheck))
    @seed(0)
    @given(worlds("gapless"))
    def look(world: DrawnWorld) -> None:
        found.append(world)

    look()
    return found[0]


def test_the_plainest_world_has_one_run_and_no_fault() -> None:
    scenario = plan(Choices(_Zeros()), "gapless").scenario
    assert scenario.faults == ()
    assert len(scenario.workload.runs) == 1
    assert "heal" not in scenario.script


def test_numbers_that_do_not_fit_are_told() -> None:
    with pytest.raises(TapeError, match="the list ends after 1 numbers"):
        plan(Choices(ListSource([0])), "gapless")
    with pytest.raises(TapeError, match="9 is not between 0 and 2"):
        plan(Choices(ListSource([9])), "gapless")


@given(st.data(), st.integers(-5, 5), st.integers(0, 10))
@settings(max_examples=50, derandomize=True, database=None)
def test_hypothesis_draws_within_the_range_that_was_asked_for(data: st.DataObject, low: int, span: int) -> None:
    source = HypothesisSource(data.draw)
    choices = Choices(source)
    assert low <= choices.integer("a", low, low + span) <= low + span
    assert low <= choices.number("b", low, low + span) <= low + span
    assert all(type(one) is int for one in source.drawn)


@pytest.mark.slow
def test_each_kind_of_fault_fires_in_every_generation() -> None:
    missing = {("fired", kind, generation) for kind in KINDS for generation in GENERATIONS}
    for number in range(BLOCKS_MAX):
        missing -= set(try_block(Block("gapless", 15 * number, 15)).tally)
        if not missing:
            return
    assert sorted(missing) == []


class _Zeros:
    """Always draws the least number."""

    def integer(self, stream: str, low: int, high: int) -> int:
        return low

    def number(self, stream: str, low: float, high: float) -> float:
        return low
