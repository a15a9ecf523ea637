"""Drawn worlds: every world is valid data, only integers are drawn, and each kind of fault can fire."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gapless.scenarios.capsules import capsule
from gapless.scenarios.definition.loading import parse
from gapless.scenarios.definition.scenario import GENERATIONS
from gapless.scenarios.definition.toml_writing import render
from gapless.scenarios.explore.steering import DrawnWorld
from gapless.scenarios.explore.trial import Block, planned, try_block, worlds
from gapless.scenarios.explore.worlds import KINDS, HypothesisSource, ListSource, plan, plans
from gapless.scenarios.judging.coverage import FAULT_KINDS
from gapless.scenarios.running.runner import RunRequest
from gapless.simserver.choices import Choices
from gapless.simserver.errors import TapeError

BLOCKS_MAX = 60
SOME = settings(max_examples=60, derandomize=True, database=None, deadline=None)


def test_every_kind_of_fault_can_be_drawn() -> None:
    assert sorted(KINDS) == sorted(FAULT_KINDS)


@given(plans("gapless"))
@SOME
def test_every_world_is_a_scenario_that_can_be_written_down(request: RunRequest) -> None:
    data = json.loads(json.dumps(capsule.scenario_data(request.scenario), allow_nan=False))
    assert type(request.scenario).model_validate(data) == request.scenario


@given(plans("gapless"))
@SOME
def test_every_world_is_a_file_that_loads_again(request: RunRequest) -> None:
    assert parse(render(request.scenario), "drawn.toml") == request.scenario


@given(worlds("gapless"))
@SOME
def test_the_same_numbers_are_the_same_world(world: DrawnWorld) -> None:
    assert planned("gapless", world.drawn) == world.request


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
