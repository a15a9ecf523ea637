"""The schedule of a client's threads as data: drawn, shrunk to the one switch that matters, kept, and replayed."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from pydantic import ValidationError

from gapless.scenarios.capsules import capsule
from gapless.scenarios.definition.catalogue import find_one
from gapless.scenarios.definition.loading import load_file
from gapless.scenarios.definition.scenario import Scenario, ThreadSwitch
from gapless.scenarios.definition.toml_writing import render
from gapless.scenarios.explore.database import Database
from gapless.scenarios.explore.finding_files import keep
from gapless.scenarios.explore.shrink import Shrinking, shrink_slice
from gapless.scenarios.explore.steering import DrawnWorld
from gapless.scenarios.explore.strategies import worlds
from gapless.scenarios.explore.trial import Block, WorldFailure, planned, retry_world, try_block
from gapless.scenarios.explore.worlds.swarm import SWITCH_EXPONENT_MAX, SWITCHES_MAX
from gapless.scenarios.running.runner import perform
from tests.scenarios.lockstep.programs import RACING, request

NAME = "racing_client.py"
BLOCKS_MAX = 12
WORLDS = 10


def with_switches(*switches: tuple[int, int], scenario: str = "clean-run") -> Scenario:
    found = find_one(scenario)
    return found.model_copy(update={"thread_switches": tuple(ThreadSwitch(point=a, choice=b) for a, b in switches)})


def test_switches_stand_in_a_scenario_file(tmp_path: Path) -> None:
    scenario = with_switches((49, 0), (1200, 2))
    text = render(scenario)
    assert "[[thread_switches]]\npoint = 49\n" in text
    path = tmp_path / "switched.toml"
    path.write_text(text, encoding="utf-8")
    assert load_file(path).thread_switches == scenario.thread_switches


@pytest.mark.parametrize("wrong", [{"point": 0}, {"point": 1, "choice": -1}, {"point": 1, "thread": "main"}])
def test_a_switch_that_cannot_be_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        ThreadSwitch.model_validate(wrong)


def test_the_client_has_no_race_first_come_first_served() -> None:
    result = perform(request(RACING))
    assert {one.oracle for one in result.record.violations} <= {"budget"}
    assert result.switched == 0


def test_other_clients_draw_the_same_worlds_as_before_and_no_switches() -> None:
    for world in drawn_worlds("gapless", ()):
        ours = world.request.scenario
        command = planned(NAME, (*world.drawn, *[0] * SWITCHES_MAX), RACING).scenario
        assert ours.thread_switches == command.thread_switches == ()
        assert ours == command.model_copy(update={"thread_switches": ()})


def drawn_worlds(client: str, command: tuple[str, ...]) -> list[DrawnWorld]:
    """Many worlds, of which none is run."""
    found: list[DrawnWorld] = []

    @seed(0)
    @settings(
        max_examples=100,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate,),
    )
    @given(worlds(client, command))
    def draw(world: DrawnWorld) -> None:
        found.append(world)

    draw()
    return found


@pytest.mark.slow
def test_a_planted_race_is_found_shrunk_to_one_switch_kept_and_replayed(tmp_path: Path) -> None:
    failure = first_race()
    shrinking = Shrinking(NAME, failure.symptom, failure.drawn, command=RACING)
    while not shrinking.done:
        shrinking = shrink_slice(shrinking)
    (smallest,) = (one for one in retry_world(NAME, shrinking.drawn, command=RACING) if one.symptom == failure.symptom)
    assert smallest.kinds == ("thread-switch",)
    kept = keep(NAME, smallest, "the-race", tmp_path, command=RACING)
    assert len(kept.request.scenario.thread_switches) == 1
    assert not kept.request.scenario.faults
    assert "1 thread switch" in kept.request.scenario.story

    loaded = capsule.load(kept.capsule)
    assert (loaded.request.command, len(loaded.request.scenario.thread_switches)) == (RACING, 1)
    again = perform(loaded.request)
    assert (again.record.digest, again.switched) == (loaded.digest, 1)
    assert "delivered more than once" in next(one.message for one in again.record.violations)
    assert load_file(kept.scenario).thread_switches == kept.request.scenario.thread_switches


def first_race() -> WorldFailure:
    """The plainest failure of the first block of worlds in which an event was delivered twice."""
    for number in range(BLOCKS_MAX):
        tried = try_block(Block(NAME, number, WORLDS, command=RACING))
        found = [one for one in tried.failures if one.symptom.oracle == "delivered-once"]
        if found:
            return min(found, key=lambda one: (len(one.drawn), one.drawn))
    raise AssertionError(f"the race was not found in {BLOCKS_MAX * WORLDS} worlds")


def test_at_most_two_switches_are_drawn_and_early_points_as_often_as_late_ones() -> None:
    drawn = [world.request.scenario.thread_switches for world in drawn_worlds(NAME, RACING)]
    assert {len(switches) for switches in drawn} == set(range(SWITCHES_MAX + 1))
    points = [one.point for switches in drawn for one in switches]
    assert all(1 <= point < 2**SWITCH_EXPONENT_MAX for point in points)
    early = sum(point < 2 ** (SWITCH_EXPONENT_MAX // 2) for point in points)
    assert 0.2 < early / len(points) < 0.8


def test_each_label_of_a_command_has_a_database_of_its_own(tmp_path: Path) -> None:
    one, two = (Database(tmp_path, label, command=RACING) for label in ("mine", "mine-2"))
    assert one.directory != two.directory
    campaign, _ = one.load()
    assert (campaign.client, campaign.command) == ("mine", RACING)
