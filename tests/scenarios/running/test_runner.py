"""Runs: the same request gives the same run; the known broken clients break; silence means something."""

from __future__ import annotations

import dataclasses
import json
import pickle
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

from gapless.reports.records.record import RunRecord, Verdict
from gapless.scenarios.clients.baselines.follower import Follower
from gapless.scenarios.clients.contract import Claim, ClientContext, ClientUnderTest
from gapless.scenarios.definition.catalogue import catalogue, find_one
from gapless.scenarios.definition.scenario import CURSORS, GENERATIONS, Scenario
from gapless.scenarios.errors import UsageError
from gapless.scenarios.running.runner import RunRequest, perform, requests
from gapless.scenarios.running.suite import Unit, run_unit, run_units

R30 = "r30-lost-frame"


def request(name: str = R30, client: str = "gapless", generation: str = "tree", seed: int = 0) -> RunRequest:
    return RunRequest(find_one(name), generation, "inclusive", client, seed)


def oracles(record: RunRecord) -> set[str]:
    return {violation.oracle for violation in record.violations}


def test_the_same_request_gives_the_same_run() -> None:
    first, second = perform(request("recorded-link-latency")), perform(request("recorded-link-latency"))
    assert first.record == second.record
    assert first.lines == second.lines
    assert first.tape == second.tape


def test_another_seed_gives_another_run_where_something_is_drawn() -> None:
    first = perform(request("recorded-link-latency", seed=1))
    second = perform(request("recorded-link-latency", seed=2))
    assert first.record.digest != second.record.digest


def test_a_tape_replays_the_run_without_its_seed_of_choices() -> None:
    first = perform(request("recorded-link-latency", seed=3))
    replayed = perform(dataclasses.replace(request("recorded-link-latency", seed=3), tape=first.tape))
    assert replayed.record == first.record


def test_a_request_can_be_pickled() -> None:
    there_and_back = pickle.loads(pickle.dumps(request()))
    assert perform(there_and_back).record == perform(request()).record


def name_of(one: RunRequest) -> str:
    return f"{one.scenario.name}-{one.generation}-{one.cursor}"


def is_second(one: RunRequest) -> bool:
    """Whether it is the second cursor mode of its generation, which is left to the slow suite."""
    return one.cursor == "exclusive" and (one.generation, "inclusive") in one.scenario.variants()


def biting(scenario: Scenario) -> list[RunRequest]:
    """Quick variants in which each planned kill is checked once. Each generation has its turn among the scenarios.

    That a scenario bites shows in one variant. The slow suite checks the kills of all the others.
    """
    quick = [one for one in variants_of((scenario,)) if not is_second(one)]
    turn = sum(scenario.name.encode()) % len(quick)
    found: list[RunRequest] = []
    for kill in scenario.kills:
        able = [one for one in (*quick[turn:], *quick[:turn]) if kill.applies(one.generation, one.cursor)]
        if able and not any(kill.applies(one.generation, one.cursor) for one in found):
            found.append(able[0])
    return found


def variants_of(scenarios: Sequence[Scenario]) -> tuple[RunRequest, ...]:
    return requests(scenarios, client="gapless", generations=GENERATIONS, cursors=CURSORS)


# It has no kills and takes seconds.
SCENARIOS = [scenario for scenario in catalogue() if scenario.name != "cost-attach-60000"]
BITING = [one for scenario in SCENARIOS for one in biting(scenario)]
NAMES = frozenset(map(name_of, BITING))
OTHERS = [one for one in variants_of(SCENARIOS) if name_of(one) not in NAMES]
# The rows of the cost table hold in `test_cost_table.py`, which runs each of them.
HOLDING = [one for one in OTHERS if not is_second(one) and not one.scenario.name.startswith("cost-")]


def assert_holds(record: RunRecord) -> None:
    """Every call above the optimum is one that the scenario gives a reason for."""
    assert record.violations == ()
    assert record.rest.calls <= record.rest.allowed_calls
    assert record.rest.calls <= record.rest.optimum_calls or record.rest.because


def assert_holds_and_kills(one: RunRequest) -> None:
    record = run_unit(Unit(one, with_kills=True)).record
    assert [kill for kill in record.kills if not kill.killed] == []
    assert record.kills or one.scenario.documentation
    assert_holds(record)


@pytest.mark.parametrize("one", BITING, ids=name_of)
def test_every_scenario_holds_for_our_client_and_kills_the_baselines_that_it_names(one: RunRequest) -> None:
    assert_holds_and_kills(one)


@pytest.mark.parametrize("one", HOLDING, ids=name_of)
def test_every_other_variant_holds_for_our_client_and_has_a_kill(one: RunRequest) -> None:
    assert_holds(perform(one).record)
    planned = [kill for kill in one.scenario.kills if kill.applies(one.generation, one.cursor)]
    assert planned or one.scenario.documentation


@pytest.mark.slow
@pytest.mark.parametrize("one", OTHERS, ids=name_of)
def test_every_other_variant_holds_for_our_client_and_kills_the_baselines_that_it_names(one: RunRequest) -> None:
    assert_holds_and_kills(one)


def test_each_kill_of_the_catalogue_that_a_quick_variant_has_is_checked_in_one() -> None:
    for scenario in SCENARIOS:
        checked = [one for one in BITING if one.scenario is scenario]
        for kill in scenario.kills:
            quick = [one for one in variants_of((scenario,)) if not is_second(one)]
            if any(kill.applies(one.generation, one.cursor) for one in quick):
                assert any(kill.applies(one.generation, one.cursor) for one in checked), (scenario.name, kill)
    assert {one.generation for one in BITING} == set(GENERATIONS)


def places_of(lines: Sequence[str], place: str, *whats: str) -> list[int]:
    entries = map(json.loads, lines)
    return [index for index, one in enumerate(entries) if one["place"] == place and one["what"] in whats]


def test_a_kill_by_bounded_is_stopped_when_it_has_failed_and_is_the_same_run_until_then() -> None:
    name, client = "r18-somebody-elses-run", "mutant:run-asked-again-at-once"
    whole, stopped = perform(request(name, client)), perform(request(name, client), until_busy=True)
    assert "bounded" in oracles(whole.record) & oracles(stopped.record)
    *_, too_many = requests_then = places_of(stopped.lines, "rest", "request")
    assert len(requests_then) == find_one(name).expect.calls_max + 1 < len(places_of(whole.lines, "rest", "request"))
    assert stopped.lines[:too_many] == whole.lines[:too_many]


def test_a_kill_by_bounded_is_stopped_for_its_sockets_too() -> None:
    name = "r81-closed-before-each-greeting"
    stopped = perform(request(name, "mutant:constant-backoff"), until_busy=True)
    assert oracles(stopped.record) >= {"bounded"}
    sockets = places_of(stopped.lines, "socket", "opened", "refused")
    assert len(sockets) == find_one(name).expect.sockets_max + 1


def test_a_client_within_the_bounds_is_not_stopped() -> None:
    assert perform(request(client="socket-only"), until_busy=True).lines == perform(request(client="socket-only")).lines


def test_poll_then_return_loses_the_tail_and_the_message_has_the_ids() -> None:
    record = perform(request("r10-late-tail", "poll-then-return")).record
    assert record.verdict is Verdict.UNSAFE
    lost = record.violations[0]
    assert lost.oracle == "no-tail-loss"
    assert len(lost.event_ids) == 2
    assert all(event_id in lost.message for event_id in lost.event_ids)


@pytest.mark.parametrize("generation", GENERATIONS)
def test_full_rescan_loses_nothing_in_r10_and_pays_for_it(generation: str) -> None:
    record = perform(request("r10-late-tail", "full-rescan", generation)).record
    assert oracles(record) == {"budget"}
    assert record.verdict is Verdict.OVER_BUDGET


def changed(scenario: Scenario, **changes: object) -> Scenario:
    return Scenario.model_validate(scenario.model_dump(exclude_unset=True) | changes)


def test_a_fault_that_never_fires_makes_a_run_vacuous() -> None:
    never = [{"kind": "event-drop", "name": "never", "match": {"kind": "NoSuchEvent"}}]
    scenario = changed(find_one(R30), faults=never)
    record = perform(dataclasses.replace(request(), scenario=scenario)).record
    assert record.verdict is Verdict.VACUOUS
    assert "'never' (event-drop) never fired" in record.violations[0].message


def test_a_kill_that_does_not_happen_makes_a_variant_vacuous() -> None:
    scenario = changed(find_one(R30), kills=[{"client": "full-rescan", "by": "no-holes"}])
    record = run_unit(Unit(dataclasses.replace(request(), scenario=scenario), with_kills=True)).record
    assert record.verdict is Verdict.VACUOUS
    assert "full-rescan was expected to fail here by no-holes" in record.violations[0].message


def test_a_variant_without_a_kill_is_vacuous_unless_it_documents() -> None:
    scenario = changed(find_one(R30), kills=[])
    record = run_unit(Unit(dataclasses.replace(request(), scenario=scenario), with_kills=True)).record
    assert record.verdict is Verdict.VACUOUS
    documented = changed(scenario, documentation=True)
    record = run_unit(Unit(dataclasses.replace(request(), scenario=documented), with_kills=True)).record
    assert record.verdict is Verdict.HOLDS


def test_a_variant_that_cannot_happen_is_refused() -> None:
    with pytest.raises(UsageError, match="cannot happen in session/inclusive"):
        request("r63-slow-repair-fast-socket", generation="session")


def test_after_the_heal_step_no_fault_acts_and_the_client_can_close() -> None:
    drop = [{"kind": "event-drop", "name": "all-of-them", "match": {"kind": "ActionEvent"}}]
    script = ["attach", {"send": "One"}, "run", "heal", {"send": "Two"}, "run", {"sleep_s": 1}, "close"]
    runs = [{"actions": 1}, {"actions": 1}]
    scenario = changed(find_one("clean-run"), faults=drop, script=script, workload={"runs": runs})
    result = perform(dataclasses.replace(request("clean-run"), scenario=scenario))
    assert result.record.violations == ()
    assert result.record.faults[0].fired == 1
    assert sum('"what":"healed"' in line for line in result.lines) == 1


class Strange(Follower):
    """A baseline to break in a hundred ways; ``way`` says how."""

    way = ""

    async def run(self) -> Claim:
        if self.way == "hangs":
            await trio.sleep_forever()
        if self.way == "gives-up":
            raise self.errors[0]("no more")
        if self.way == "crashes":
            raise KeyError("a bug")
        if self.way == "dies":
            self._nursery.start_soon(self._die)
            await trio.sleep_forever()
        while True:
            await trio.lowlevel.checkpoint()

    async def _die(self) -> None:
        raise ZeroDivisionError("a bug in the background")


@pytest.mark.parametrize(
    ("way", "words"),
    [
        ("hangs", "had not ended 300 s after"),
        ("gives-up", "gave up: BaselineError: no more"),
        ("crashes", "crashed: KeyError: 'a bug'"),
        ("dies", "crashed: ZeroDivisionError: a bug in the background"),
        ("spins", "the client spun"),
    ],
)
def test_a_client_that_does_not_return_is_stuck_and_the_harness_is_not(way: str, words: str) -> None:
    @asynccontextmanager
    async def factory(context: ClientContext) -> AsyncIterator[ClientUnderTest]:
        async with trio.open_nursery() as nursery:
            client = Strange(context, nursery)
            client.way = way
            yield client
            nursery.cancel_scope.cancel()

    record = perform(request("clean-run"), factory=factory).record
    assert record.verdict is Verdict.STUCK
    assert any(words in violation.message for violation in record.violations), record.violations


def test_outcomes_come_in_the_order_of_the_units_from_any_number_of_processes() -> None:
    units = [Unit(one) for one in requests(catalogue()[:2], client="gapless", generations=GENERATIONS, cursors=CURSORS)]
    with run_units(units, 1) as alone:
        expected = [outcome.record for outcome in alone]
    with run_units(units, 2) as together:
        assert [outcome.record for outcome in together] == expected


def test_records_hold_everything_that_the_json_promises(tmp_path: Path) -> None:
    from gapless.reports.records.json import record_json

    document = json.loads(json.dumps(record_json(perform(request()).record)))
    promised = "scenario origin client generation cursor seed verdict violations rest faults virtual_s digest"
    assert set(promised.split()) <= set(document)
    assert set(document["rest"]) >= {"calls", "bytes", "events_read", "optimum_calls"}


@pytest.mark.parametrize("seed", [5, 6, 7])
def test_a_log_that_was_cut_is_noticed_however_late_the_first_socket_comes(seed: int) -> None:
    scenario = find_one("r41-attached-without-a-socket")
    assert perform(RunRequest(scenario, "session", "inclusive", "gapless", seed)).record.verdict is Verdict.HOLDS
