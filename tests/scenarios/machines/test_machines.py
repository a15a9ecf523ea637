"""A machine does what the client of that name does at the wire, when it is given what that client received."""

from __future__ import annotations

import math

import pytest

from gapless.scenarios.definition.catalogue import catalogue, find, find_one
from gapless.scenarios.errors import UsageError
from gapless.scenarios.explore.worlds import plan
from gapless.scenarios.machines import baselines
from gapless.scenarios.machines.machine import DeliverEvent, FrameArrived, NoAnswer, SocketGone
from gapless.scenarios.machines.ours import GaplessMachine
from gapless.scenarios.machines.registry import resolve
from gapless.scenarios.running.runner import RunRequest, requests
from gapless.simserver.choices import Choices, SeededSource
from tests.scenarios.machines.wire_recording import Dialed, Ended, Requested, difference, is_playable, record, replay

BASELINES = ("socket-only", "poll-then-return", "tail-cursor", "full-rescan")
LONG = ("cost-attach-60000",)


def drawn(seed: int, client: str = "gapless") -> RunRequest:
    return plan(Choices(SeededSource(f"world/{seed}")), client)


def disagreements(client: str, seeds: range) -> tuple[int, dict[int, str]]:
    """How many drawn worlds were compared, and how the machine differs, by world."""
    compared = [seed for seed in seeds if is_playable(drawn(seed, client))]
    differences = {seed: difference(drawn(seed, client)) for seed in compared}
    return len(compared), {seed: differs for seed, differs in differences.items() if differs is not None}


def test_our_machine_does_what_our_client_does_in_drawn_worlds() -> None:
    compared, apart = disagreements("gapless", range(25))
    assert compared > 20
    assert apart == {}


@pytest.mark.slow
@pytest.mark.parametrize("block", range(8))
def test_our_machine_does_what_our_client_does_in_thousands_of_worlds(block: int) -> None:
    compared, apart = disagreements("gapless", range(250 * block, 250 * (block + 1)))
    assert compared > 220
    assert apart == {}


@pytest.mark.slow
@pytest.mark.parametrize("client", BASELINES)
def test_the_machine_of_a_baseline_is_that_baseline(client: str) -> None:
    compared, apart = disagreements(client, range(100))
    assert compared > 85
    assert apart == {}


@pytest.mark.parametrize("client", BASELINES)
@pytest.mark.parametrize("name", ["r10-late-tail", "r30-lost-frame", "r34-disconnect-in-mid-run"])
def test_the_machine_of_a_baseline_fails_as_it_does(client: str, name: str) -> None:
    assert difference(RunRequest(find_one(name), "tree", "exclusive", client)) is None


@pytest.mark.slow
@pytest.mark.parametrize("generation", ["legacy", "tree", "session"])
def test_our_machine_does_what_our_client_does_in_the_whole_catalogue(generation: str) -> None:
    every = [one for one in catalogue() if one.name not in LONG]
    apart = {
        request.scenario.name: differs
        for request in requests(every, client="gapless", generations=(generation,), cursors=("inclusive",))
        if is_playable(request) and (differs := difference(request)) is not None
    }
    assert apart == {}


def test_a_recording_has_what_was_received_and_what_was_done() -> None:
    recording = record(RunRequest(find_one("r34-disconnect-in-mid-run"), "tree", "inclusive", "gapless"))
    kinds = {type(entry) for _, entry in recording.entries}
    assert {Dialed, Requested, Ended, DeliverEvent, FrameArrived, SocketGone} <= kinds
    assert len(recording.held) == len(recording.outputs(DeliverEvent))
    assert replay(recording) is None


def test_an_answer_that_never_came_is_recorded() -> None:
    (scenario,) = find("recorded-rest-timeout")
    (request,) = requests((scenario,), client="gapless", generations=("tree",), cursors=("inclusive",))
    recording = record(request)
    assert any(isinstance(entry, NoAnswer) for _, entry in recording.entries)
    assert replay(recording) is None


def test_a_machine_that_hears_no_timer_is_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    request = RunRequest(find_one("r30-lost-frame"), "tree", "inclusive", "gapless")
    assert difference(request) is None
    monkeypatch.setattr(GaplessMachine, "wake_at_s", property(lambda self: math.inf))
    assert "timer is due" in str(difference(request))


def test_a_baseline_that_believes_nothing_is_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    request = RunRequest(find_one("r10-late-tail"), "tree", "inclusive", "poll-then-return")
    assert difference(request) is None
    monkeypatch.setattr(baselines, "ENDED", frozenset())
    assert difference(request, schedules_max=1) is not None


def test_a_client_that_has_no_machine_is_named_in_one_sentence() -> None:
    with pytest.raises(UsageError, match="no client called 'some:factory' can be searched; choose gapless"):
        resolve("some:factory")
