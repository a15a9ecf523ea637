"""The model level: the same scenario and tape have the same result as at the wire."""

from __future__ import annotations

import dataclasses
import math

import pytest

from gapless.scenarios.definition.catalogue import catalogue, find
from gapless.scenarios.errors import UsageError
from gapless.scenarios.explore.worlds import plan
from gapless.scenarios.machines import baselines
from gapless.scenarios.machines.ours import GaplessMachine
from gapless.scenarios.running.runner import RunRequest, perform, requests
from gapless.simserver.choices import Choices, SeededSource
from gapless.simserver.faults import EventDrop, Match
from tests.scenarios.machines.parity import CameTo, compare, is_comparable

BASELINES = ("socket-only", "poll-then-return", "tail-cursor", "full-rescan")
LONG = ("cost-attach-60000",)


def drawn(seed: int, client: str = "gapless") -> RunRequest:
    return plan(Choices(SeededSource(f"world/{seed}")), client)


def disagreements(client: str, seeds: range) -> tuple[int, list[int]]:
    """How many drawn worlds were compared, and those on which the levels disagree."""
    compared = [seed for seed in seeds if is_comparable(drawn(seed, client))]
    return len(compared), [seed for seed in compared if not compare(drawn(seed, client)).agrees]


def test_drawn_worlds_come_to_the_same_at_both_levels() -> None:
    compared, apart = disagreements("gapless", range(20))
    assert compared > 10
    assert apart == []


@pytest.mark.slow
@pytest.mark.parametrize("block", range(8))
def test_thousands_of_drawn_worlds_come_to_the_same_at_both_levels(block: int) -> None:
    compared, apart = disagreements("gapless", range(250 * block, 250 * (block + 1)))
    assert compared > 150
    assert apart == []


@pytest.mark.slow
@pytest.mark.parametrize("client", BASELINES)
def test_the_machine_of_a_baseline_is_that_baseline(client: str) -> None:
    compared, apart = disagreements(client, range(60))
    assert compared > 35
    assert apart == []


@pytest.mark.parametrize("client", BASELINES)
@pytest.mark.parametrize("name", ["r10-late-tail", "r30-lost-frame", "r34-disconnect-in-mid-run"])
def test_a_baseline_fails_by_the_same_scenarios_at_both_levels(client: str, name: str) -> None:
    (scenario,) = find(name)
    for request in requests((scenario,), client=client, generations=("tree",), cursors=("exclusive",)):
        assert compare(request).agrees, request.cursor


@pytest.mark.slow
@pytest.mark.parametrize("generation", ["legacy", "tree", "session"])
def test_the_whole_catalogue_comes_to_the_same_at_both_levels(generation: str) -> None:
    every = [one for one in catalogue() if one.name not in LONG]
    apart = [
        request.scenario.name
        for request in requests(every, client="gapless", generations=(generation,), cursors=("inclusive",))
        if is_comparable(request) and not compare(request).agrees
    ]
    assert apart == []


def test_a_run_at_the_model_is_always_the_same() -> None:
    first, second = (perform(drawn(3), level="model") for _ in range(2))
    assert first.lines == second.lines
    assert first.tape == second.tape


def test_other_schedules_of_the_model_are_other_runs() -> None:
    request = drawn(3)
    journals = {perform(request, level="model", schedule=seed).lines for seed in range(4)}
    assert len(journals) > 1


def test_a_tape_of_the_wire_plays_at_the_model() -> None:
    (scenario,) = find("r30-lost-frame")
    fault = EventDrop(match=Match(durable=True, after_s=1.0, probability=0.5))
    request = RunRequest(scenario.model_copy(update={"faults": (fault,)}), "tree", "inclusive", "gapless", seed=5)
    wire = perform(request)
    assert wire.tape
    replayed = perform(dataclasses.replace(request, tape=wire.tape, ranges=wire.ranges), level="model")
    assert CameTo.of(replayed) == CameTo.of(wire)
    assert replayed.tape == wire.tape


def test_parity_sees_a_client_that_differs_at_one_level(monkeypatch: pytest.MonkeyPatch) -> None:
    (scenario,) = find("r30-lost-frame")
    request = RunRequest(scenario, "tree", "inclusive", "gapless")
    assert compare(request).agrees
    deaf = property(lambda self: math.inf)
    monkeypatch.setattr(GaplessMachine, "wake_at_s", deaf)
    assert not compare(request, schedules_max=1).agrees


def test_parity_sees_a_baseline_that_believes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    (scenario,) = find("r10-late-tail")
    request = RunRequest(scenario, "tree", "inclusive", "poll-then-return")
    assert compare(request).agrees
    monkeypatch.setattr(baselines, "ENDED", frozenset())
    assert not compare(request, schedules_max=1).agrees


def test_a_client_that_the_model_does_not_have_is_named_in_one_sentence() -> None:
    (scenario,) = find("clean-run")
    with pytest.raises(UsageError, match="the model has no client called 'some:factory'"):
        perform(RunRequest(scenario, "tree", "inclusive", "some:factory"), level="model")
