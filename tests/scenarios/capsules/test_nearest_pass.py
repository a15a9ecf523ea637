"""The nearest passing run: what is left out is what made the run fail, and nothing more."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner

from gapless.reports.one_run.divergence import first_divergence
from gapless.reports.records.record import Verdict
from gapless.scenarios.capsules.nearest_pass import TapeThenSeed, _with_dependents, nearest
from gapless.scenarios.cli.main import main
from gapless.scenarios.definition.catalogue import find_one
from gapless.scenarios.running.runner import RunRequest, RunResult, perform
from gapless.simserver.choices import SeededSource
from gapless.simserver.faults import parse_fault


def failed(name: str, client: str, generation: str, cursor: str, *faults: Mapping[str, object]) -> RunRequest:
    scenario = find_one(name)
    if faults:
        scenario = scenario.model_copy(update={"faults": tuple(parse_fault(one) for one in faults)})
    return RunRequest(scenario, generation, cursor, client)


def found(request: RunRequest) -> tuple[str, RunResult, RunResult]:
    result = perform(request)
    assert result.record.verdict is not Verdict.HOLDS
    other = nearest(request, result)
    assert other is not None
    return other.how, other.result, result


DROP: Mapping[str, object] = {"kind": "event-drop", "match": {"kind": "ActionEvent", "after_s": 5.3, "before_s": 5.4}}
SLOW: Mapping[str, object] = {"kind": "link-latency", "latency_s": 0.001}


def test_the_fault_that_made_it_fail_is_left_out_and_no_other() -> None:
    how, passing, failing = found(failed("r30-lost-frame", "socket-only", "legacy", "inclusive", SLOW, DROP))
    assert how == "the same run without the fault 'event-drop-1'"
    assert [fault.name for fault in passing.record.faults] == ["link-latency-1"]
    index = first_divergence(failing.lines, passing.lines)
    assert index is not None
    assert '"what":"fired"' in failing.lines[index]


def test_where_two_faults_are_each_enough_a_pair_is_left_out() -> None:
    other = {"kind": "event-drop", "match": {"kind": "ObservationEvent", "after_s": 5.3, "before_s": 5.6}}
    how, *_ = found(failed("r30-lost-frame", "socket-only", "legacy", "inclusive", SLOW, DROP, other))
    assert how == "the same run without the faults 'event-drop-1' and 'event-drop-2'"


def test_where_no_fault_is_to_blame_our_client_is_the_nearest() -> None:
    how, passing, _ = found(failed("r12-snapshot-as-cursor", "tail-cursor", "legacy", "inclusive"))
    assert how == "our client, gapless, in the same scenario"
    assert passing.record.verdict is Verdict.HOLDS


def test_a_tape_is_followed_as_far_as_it_goes() -> None:
    source = TapeThenSeed({"s": [1, 2], "t": [9]}, seed=3)
    assert (source.integer("s", 0, 9), source.integer("s", 0, 9)) == (1, 2)
    assert source.integer("s", 0, 9) == SeededSource(3).integer("s", 0, 9)
    assert source.number("t", 0, 1) == SeededSource(3).number("t", 0, 1)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("place")
def test_replay_shows_the_two_runs_side_by_side() -> None:
    arguments = ["--scenario", "r10-late-tail", "--client", "poll-then-return", "--generation", "tree", "--diff"]
    result = CliRunner().invoke(main, ["replay", *arguments])
    assert result.exit_code == 1
    assert "the nearest run in which no-tail-loss holds is the same run without the fault 'late-tail'" in result.output
    assert "this run: unsafe" in result.output


@pytest.mark.usefixtures("place")
def test_a_run_that_holds_has_nothing_to_be_compared_with() -> None:
    result = CliRunner().invoke(main, ["replay", "--scenario", "clean-run", "--diff"])
    assert result.exit_code == 0
    assert "the run holds: there is no failure to compare with a passing run" in result.output


def test_a_choice_that_was_unlucky_is_named_where_no_fault_can_be_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    chancy = {"kind": "event-drop", "match": {"kind": "ActionEvent", "nth": 2, "probability": 0.5}}
    request = failed("r30-lost-frame", "socket-only", "legacy", "inclusive", chancy)
    seeds = (dataclasses.replace(request, seed=seed) for seed in range(20))
    unlucky = next(one for one in seeds if perform(one).record.faults[0].fired)
    monkeypatch.setattr("gapless.scenarios.capsules.nearest_pass._without_faults", lambda request: iter(()))
    how, passing, failing = found(unlucky)
    (drawn,) = failing.tape["fault/event-drop-1"]
    assert how == f"the same run with choice 1 of stream 'fault/event-drop-1' at 1 instead of {drawn:g}"
    assert passing.tape["fault/event-drop-1"] == [1.0]


def test_leaving_out_a_fault_leaves_out_those_that_wait_for_it() -> None:
    faults = [
        parse_fault({"kind": "event-drop", "name": "lost", "match": {"run": 1}}),
        parse_fault({"kind": "link-reset", "name": "cut", "at": {"after_fault": "lost"}}),
        parse_fault({"kind": "link-refuse", "name": "away", "match": {"after_fault": "cut", "first": 1}}),
        parse_fault(
            {"kind": "link-latency", "name": "slow", "latency_s": 1, "match": {"until": {"after_fault": "away"}}}
        ),
    ]
    assert _with_dependents(faults[:1], faults) == ("lost", "cut", "away", "slow")
    assert _with_dependents(faults[2:3], faults) == ("away", "slow")
    assert _with_dependents(faults[3:], faults) == ("slow",)
