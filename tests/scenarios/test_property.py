"""The property: in every drawn world that can be survived, our client loses nothing, and says nothing untrue."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scenarios import capsule
from scenarios.properties import HypothesisSource, attempt, judged, plans, search, shrink
from scenarios.runner import RunRequest, perform
from simserver.choices import Choices


def test_our_client_holds_in_drawn_worlds(tmp_path: Path) -> None:
    found = search("gapless", examples=60, directory=tmp_path)
    assert found is None, found


@pytest.mark.slow
def test_our_client_holds_in_many_drawn_worlds(tmp_path: Path) -> None:
    found = search("gapless", examples=500, directory=tmp_path)
    assert found is None, found


@pytest.mark.parametrize("client", ["poll-then-return", "socket-only"])
def test_a_broken_client_is_found_shrunk_and_kept_in_a_capsule_that_replays(client: str, tmp_path: Path) -> None:
    found = search(client, examples=200, directory=tmp_path)
    assert found is not None
    kept = capsule.load(found.path)
    replayed = perform(kept.request)
    assert replayed.record.digest == kept.digest
    assert judged(replayed.record)[0] == found.violation
    assert len(kept.request.scenario.faults) <= 1, "shrunk to at most one fault"
    assert sum(run.actions for run in kept.request.scenario.workload.runs) <= 2


def test_what_a_seed_drew_is_shrunk_by_hypothesis(tmp_path: Path) -> None:
    seed = next(seed for seed in range(100) if attempt("socket-only", seed).violation)
    found = shrink("socket-only", attempt("socket-only", seed).drawn, tmp_path)
    assert found is not None
    kept = capsule.load(found.path)
    assert perform(kept.request).record.digest == kept.digest
    assert len(kept.request.scenario.workload.runs) == 1
    assert len(kept.request.scenario.faults) <= 1


def test_a_seed_is_always_the_same_world() -> None:
    first, second = attempt("gapless", 7), attempt("gapless", 7)
    assert first == second
    assert first.record.digest != attempt("gapless", 8).record.digest


def test_the_same_search_finds_the_same(tmp_path: Path) -> None:
    paths = []
    for name in ("first", "second"):
        found = search("socket-only", examples=30, directory=tmp_path / name)
        assert found is not None
        paths.append(found.path)
    first, second = (json.loads(path.read_text(encoding="utf-8")) for path in paths)
    assert first == second


@given(st.data(), st.integers(-5, 5), st.integers(0, 10))
@settings(max_examples=50, derandomize=True, database=None)
def test_hypothesis_draws_within_the_range_that_was_asked_for(data: st.DataObject, low: int, span: int) -> None:
    choices = Choices(HypothesisSource(data.draw))
    assert low <= choices.integer("a", low, low + span) <= low + span
    assert low <= choices.number("b", low, low + span) <= low + span


@given(plans())
@settings(max_examples=50, derandomize=True, database=None, deadline=None)
def test_every_plan_is_a_scenario_that_can_be_written_down(request: RunRequest) -> None:
    data = json.loads(json.dumps(capsule.scenario_data(request.scenario), allow_nan=False))
    assert type(request.scenario).model_validate(data) == request.scenario
