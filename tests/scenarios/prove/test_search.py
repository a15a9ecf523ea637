"""The exhaustive search: counts exactly, loses no schedule by reduction, and bites."""

from __future__ import annotations

import dataclasses
import itertools
import math
import pickle
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from gapless import syncclient
from gapless.reports.records.record import Verdict
from gapless.scenarios.cli.main import main
from gapless.scenarios.machines.machine import (
    AttachStep,
    Effect,
    FrameArrived,
    HandshakeDone,
    Input,
    RestCall,
    RunStep,
    Timer,
)
from gapless.scenarios.machines.ours import GaplessMachine
from gapless.scenarios.machines.registry import bounded
from gapless.scenarios.prove.moves import FAULTS, WorldState
from gapless.scenarios.prove.report_text import statement
from gapless.scenarios.prove.search import Bounds, Question, brute_force, examine, prove, rising, smallest, world
from gapless.scenarios.prove.state_identity import canonical, frozen
from gapless.scenarios.prove.verdict import STUCK

ONE_OF_EACH = Bounds(0, **dict.fromkeys(FAULTS, 1), together=1)
BASELINES = ("socket-only", "poll-then-return", "tail-cursor", "full-rescan")


def small(client: str = "gapless", generation: str = "tree", **bounds: int) -> Question:
    return Question(client, generation, "inclusive", Bounds(bounds.pop("events", 0), **bounds), history_events=0)


@pytest.mark.parametrize(
    "question",
    [
        small(),
        small(generation="legacy"),
        small("socket-only", generation="legacy"),
        pytest.param(small("tail-cursor"), marks=pytest.mark.slow),
        pytest.param(small(losses=1), marks=pytest.mark.slow),
        pytest.param(small(forgotten=1, generation="legacy"), marks=pytest.mark.slow),
        pytest.param(small("full-rescan", losses=1, generation="legacy"), marks=pytest.mark.slow),
    ],
    ids=str,
)
def test_reduction_counts_each_schedule_and_finds_what_walking_through_them_one_by_one_finds(
    question: Question,
) -> None:
    schedules, found = brute_force(world(question), question.certainty)
    states, reduced_schedules, reduced_found = by_states(question)
    assert states < schedules
    assert (reduced_schedules, reduced_found) == (schedules, found)


def by_states(question: Question) -> tuple[int, int, frozenset[str]]:
    """What `brute_force` returns, with each state visited once; and how many states there are."""
    small_world = world(question)
    counts: dict[WorldState, int] = {}
    found: list[str] = []

    def count(state: WorldState) -> int:
        if state not in counts:
            violation, moves = examine(small_world, state, question.certainty)
            if violation is not None:
                found.append(f"{violation.oracle}: {violation.message}")
            counts[state] = sum(count(after) for _, after in moves) or 1
        return counts[state]

    schedules = count(small_world.begin())
    return len(counts), schedules, frozenset(found)


def test_the_search_counts_what_it_covers() -> None:
    question = small(losses=1)
    finding = prove(question)
    assert finding.is_complete
    assert finding.counterexample is None
    assert (finding.states, finding.schedules) == by_states(question)[:2]


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("generation", ["legacy", "tree", "session"])
def test_our_client_survives_every_placement_of_any_one_fault(generation: str, fault: str) -> None:
    finding = prove(Question("gapless", generation, "inclusive", Bounds(0, **{fault: 1}), history_events=0))
    assert finding.counterexample is None
    assert finding.is_complete


@pytest.mark.parametrize("generation", ["legacy", "tree", "session"])
def test_our_client_survives_every_placement_of_one_loss(generation: str) -> None:
    finding = prove(Question("gapless", generation, "exclusive", Bounds(1, losses=1), history_events=2))
    assert finding.counterexample is None
    assert finding.is_complete


@pytest.mark.parametrize("client", BASELINES)
@pytest.mark.parametrize("cursor", ["inclusive", pytest.param("exclusive", marks=pytest.mark.slow)])
def test_each_baseline_has_a_counterexample_of_one_fault(client: str, cursor: str) -> None:
    found = prove(Question(client, "tree", cursor, ONE_OF_EACH)).counterexample
    assert found is not None
    assert found.violation.breaks is Verdict.UNSAFE
    assert sum(move.fault >= 0 for move in found.moves) <= 1


def test_a_counterexample_spends_as_few_faults_as_there_can_be() -> None:
    question = Question("socket-only", "tree", "inclusive", Bounds(1, losses=2, disconnects=1))
    found = smallest(question, breaks=Verdict.UNSAFE)
    assert found is not None
    spent = sum(found.bounds.faults())
    for bounds in rising(question.bounds):
        if sum(bounds.faults()) < spent:
            assert prove(dataclasses.replace(question, bounds=bounds)).counterexample is None or spent == 0


def test_smaller_bounds_come_first_and_the_bound_itself_last() -> None:
    bounds = list(rising(Bounds(1, losses=2, delays=1)))
    assert bounds[0] == Bounds(0)
    assert bounds[-1].faults() == Bounds(1, losses=2, delays=1).faults()
    assert [sum(one.faults()) for one in bounds] == sorted(sum(one.faults()) for one in bounds)


def test_of_many_kinds_only_the_bounds_that_may_be_are_made() -> None:
    bounds = list(rising(Bounds(0, **dict.fromkeys(FAULTS, 2), together=2)))
    kinds = len(FAULTS)
    assert len(bounds) == 1 + kinds + kinds * (kinds + 1) // 2
    assert len(set(bounds)) == len(bounds)


def test_a_client_that_forgets_an_event_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    held = GaplessMachine.held
    monkeypatch.setattr(GaplessMachine, "held", lambda self: held(self)[:1])
    found = prove(small()).counterexample
    assert found is not None
    assert found.violation.oracle == "no-tail-loss"


def test_a_client_that_waits_for_ever_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(GaplessMachine, "wake_at_s", property(lambda self: math.inf))
    found = prove(small(losses=1)).counterexample
    assert found is not None
    assert found.violation == STUCK


@pytest.fixture
def asks_once_too_often(monkeypatch: pytest.MonkeyPatch) -> None:
    spare = GaplessMachine.handle

    def handle(self: GaplessMachine, told: Input, now_s: float) -> list[Effect]:
        more: list[Effect] = [RestCall(10_000, "count")] if isinstance(told, RunStep) else []
        return [*spare(self, told, now_s), *more]

    monkeypatch.setattr(GaplessMachine, "handle", handle)


@pytest.mark.usefixtures("asks_once_too_often")
def test_a_client_that_asks_once_too_often_is_found_out() -> None:
    found = prove(small()).counterexample
    assert found is not None
    assert found.violation.breaks is Verdict.OVER_BUDGET
    assert found.is_smallest


@pytest.mark.usefixtures("asks_once_too_often")
def test_what_was_found_is_not_forgotten_when_the_time_ends_before_the_smallest_is() -> None:
    states = prove(small()).states
    looks = itertools.count(1)
    finding = prove(small(), lambda _: next(looks) > states)
    assert finding.is_complete, "it was no search of what follows that was cut short"
    found = finding.counterexample
    assert found is not None
    assert found.violation.breaks is Verdict.OVER_BUDGET
    assert not found.is_smallest
    assert "a counterexample of ≤ 0 events, not the smallest: budget:" in statement(finding)


def test_the_schedule_that_a_search_met_first_leads_to_what_it_found() -> None:
    question = small("socket-only", losses=1)
    looks = itertools.count(1)
    states = prove(question).states
    found = prove(question, lambda _: next(looks) > states).counterexample
    assert found is not None
    assert not found.is_smallest
    small_world = world(question)
    state = small_world.begin()
    for move in found.moves:
        state = dict(examine(small_world, state, question.certainty)[1])[move]
    assert examine(small_world, state, question.certainty)[0] == found.violation


def test_two_clients_that_differ_in_one_field_are_not_the_same() -> None:
    one, other = bounded("gapless", "tree", "branch"), bounded("gapless", "tree", "branch")
    assert canonical(one) == canonical(other)
    one.handle(AttachStep(), 0.0)
    other.handle(AttachStep(), 0.0)
    assert canonical(one) == canonical(other)
    other.handle(HandshakeDone(1), 0.0)
    assert canonical(one) != canonical(other)


def test_values_that_are_equal_are_written_alike_whichever_objects_they_are() -> None:
    one_text, other_text = "".join(("ev", "ent")), "".join(("e", "vent"))
    assert one_text is not other_text
    assert canonical([one_text, one_text]) == canonical([one_text, other_text])
    one: list[int] = [1]
    assert canonical([one, one]) != canonical([one, [1]]), "a part that is shared changes in both places"
    assert canonical([(1, 2)]) != canonical([1, 2])


def test_what_is_left_out_of_the_form_is_never_read_by_a_decision() -> None:
    sources = [path.read_text(encoding="utf-8") for path in Path(syncclient.__file__).parent.rglob("*.py")]
    reads = [line.strip() for text in sources for line in text.splitlines() if "._notes" in line or "._spent" in line]
    # How many notes there are decides whether another is taken, and nothing else.
    allowed = (
        "self._notes[text if",
        "if len(self._notes) < NOTES_MAX",
        "self._notes: dict",
        "notes=tuple(self._notes)",
        "self._spent = ",
        "spent=",
    )
    assert reads
    assert [line for line in reads if not line.startswith((*allowed, "spent = self._spent"))] == []


def test_a_copy_of_a_client_goes_on_as_the_client_does() -> None:
    client = bounded("gapless", "session", "branch")
    client.handle(AttachStep(), 0.0)
    copy = pickle.loads(frozen(client))
    for told in (HandshakeDone(1), FrameArrived(1, '{"type":"sync"}'), Timer()):
        assert client.handle(told, 1.0) == copy.handle(told, 1.0)
        assert canonical(client) == canonical(copy)


def test_the_command_says_what_was_covered() -> None:
    result = CliRunner().invoke(
        main, ["prove", "--generation", "tree", "--cursor", "inclusive", "--events", "0", "--losses", "1"]
    )
    assert result.exit_code == 0, result.output
    assert re.search(r"all [\d,]+ schedules of ≤ 0 events, ≤ 1 loss: nothing lost", result.output)
    assert "1 of 1 proven" in result.output


def test_the_command_prints_a_counterexample_and_exits_by_what_it_breaks() -> None:
    arguments = ["prove", "--client", "poll-then-return", "--generation", "tree", "--cursor", "inclusive"]
    result = CliRunner().invoke(main, [*arguments, "--events", "1", "--delays", "1"])
    assert result.exit_code == 1, result.output
    assert "before all that is on its way" in result.output
    assert "no-tail-loss: run() returned without" in result.output


def test_what_time_cuts_short_is_not_called_proven() -> None:
    arguments = ["prove", "--generation", "session", "--cursor", "inclusive", "--events", "4", "--faults", "3"]
    result = CliRunner().invoke(main, [*arguments, "--time", "1"])
    assert result.exit_code == 5, result.output
    assert "not proven" in result.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--client", "socket-onyl"], "did you mean 'socket-only'?"),
        (["--losses", "1", "--faults", "2"], "more than the kinds allow"),
    ],
)
def test_a_mistake_is_told_in_one_sentence(arguments: list[str], said: str) -> None:
    result = CliRunner().invoke(main, ["prove", *arguments])
    assert result.exit_code == 2
    assert said in result.output
