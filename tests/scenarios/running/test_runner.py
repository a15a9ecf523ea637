"""Runs: the same request gives the same run; the known broken clients break; silence means something."""

from __future__ import annotations

import dataclasses
import json
import os
import pickle
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

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


def digests() -> list[list[str]]:
    """Of some runs: scenario, generation and digest."""
    scenarios = [
        find_one(name) for name in ("recorded-link-latency", "r31-overtaken-then-cut", "r01-event-before-subscribe")
    ]
    runs = requests(scenarios, client="gapless", generations=GENERATIONS, cursors=["exclusive"])
    return [[one.scenario.name, one.generation, perform(one).record.digest] for one in runs]


def test_digests_are_equal_in_another_process_with_another_hash_seed() -> None:
    program = "import json; from tests.scenarios.running.test_runner import digests; print(json.dumps(digests()))"
    environment = os.environ | {"PYTHONHASHSEED": "4711"}
    ended = subprocess.run([sys.executable, "-c", program], env=environment, check=True, capture_output=True, text=True)
    assert json.loads(ended.stdout) == digests()
    assert len(digests()) == 9


def variant(one: RunRequest) -> Any:
    """One variant of the catalogue; the second cursor mode of each is left to the slow suite."""
    is_second = one.cursor == "exclusive" and (one.generation, "inclusive") in one.scenario.variants()
    marks = (pytest.mark.slow,) if is_second else ()
    return pytest.param(one, id=f"{one.scenario.name}-{one.generation}-{one.cursor}", marks=marks)


# It has no kills, takes seconds, and is held by `test_cost_table.py`.
OF_THE_COST_TABLE = "cost-attach-60000"
SCENARIOS = [scenario for scenario in catalogue() if scenario.name != OF_THE_COST_TABLE]
VARIANTS = [variant(one) for one in requests(SCENARIOS, client="gapless", generations=GENERATIONS, cursors=CURSORS)]


@pytest.mark.parametrize("one", VARIANTS)
def test_every_variant_holds_for_our_client_and_kills_the_baselines_that_it_names(one: RunRequest) -> None:
    record = run_unit(Unit(one, with_kills=True)).record
    assert [kill for kill in record.kills if not kill.killed] == []
    assert record.kills or one.scenario.documentation
    assert record.violations == ()
    # Every call above the optimum is one that the scenario gives a reason for.
    assert record.rest.calls <= record.rest.allowed_calls
    assert record.rest.calls <= record.rest.optimum_calls or record.rest.because


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
