"""The catalogue is aimed by causes: a client that takes its time before a step meets the same faults."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gapless.reports.records.record import RunRecord, Verdict
from gapless.scenarios.clients.registry import CLIENTS, DEFAULT, resolve
from gapless.scenarios.definition.catalogue import catalogue
from gapless.scenarios.running.runner import RunRequest, perform
from tests.scenarios.running.slow_client import slow

EXAMPLE = "gapless.scenarios.examples.trio_client:factory"
OTHERS = (*(client.name for client in CLIENTS if client.name != DEFAULT), EXAMPLE)
SEEDS = (1, 2, 3)
# Short delays are as telling as long ones: a window of 100 ms is missed by 0.1 s.
FIXED_S = (0.1, 0.5, 3.0)


def requests(client: str) -> Iterator[RunRequest]:
    for scenario in catalogue():
        for generation, cursor in scenario.variants():
            yield RunRequest(scenario, generation, cursor, client)


def aimed() -> Iterator[RunRequest]:
    """One variant of each scenario in which something is aimed at the client, but for the rows of the cost table."""
    for scenario in catalogue():
        if (scenario.faults or scenario.workload.background) and not scenario.name.startswith("cost-"):
            yield RunRequest(scenario, *scenario.variants()[0], DEFAULT)


AIMED = tuple(aimed())
PARTS = 8


def slowed(request: RunRequest, seed: int) -> RunRecord:
    name = f"{seed}/{request.scenario.name}/{request.generation}/{request.cursor}"
    return perform(request, factory=slow(resolve(request.client), name)).record


def told(request: RunRequest, record: RunRecord) -> str:
    """What became of a run, and why."""
    why = record.violations[0].message if record.violations else ""
    return f"{request.scenario.name} {record.variant}: {record.verdict} {why}"


def holds(record: RunRecord) -> bool:
    return record.verdict is Verdict.HOLDS


def unfired(record: RunRecord) -> set[str]:
    return {fault.name for fault in record.faults if not fault.fired}


@pytest.mark.parametrize("part", range(PARTS))
def test_our_client_meets_every_fault_and_holds_when_it_takes_its_time_in_one_variant_of_each_scenario(
    part: int,
) -> None:
    runs = [(request, slowed(request, 0)) for request in AIMED[part::PARTS]]
    assert [told(*run) for run in runs if run[1].verdict is not Verdict.HOLDS] == []
    assert all(fault.fired for _, record in runs for fault in record.faults)


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_our_client_meets_every_fault_and_holds_when_it_takes_its_time(seed: int) -> None:
    runs = [(request, slowed(request, seed)) for request in requests(DEFAULT)]
    assert [told(*run) for run in runs if run[1].verdict is not Verdict.HOLDS] == []
    assert all(fault.fired for _, record in runs for fault in record.faults)


@pytest.mark.slow
@pytest.mark.parametrize("delay_s", FIXED_S)
def test_a_fixed_delay_before_each_step_makes_no_run_vacuous(delay_s: float) -> None:
    for request in requests(DEFAULT):
        late = slow(resolve(DEFAULT), "", delay_s_min=delay_s, delay_s_max=delay_s)
        record = perform(request, factory=late).record
        assert record.verdict is Verdict.HOLDS, told(request, record)


@pytest.mark.slow
@pytest.mark.parametrize("client", OTHERS)
def test_another_client_meets_the_same_faults_and_holds_or_fails_as_before_when_it_is_slow(client: str) -> None:
    """A broken client may break in another way when it is late. So only whether it holds is compared."""
    changed: list[str] = []
    for request in requests(client):
        at_once, late = perform(request).record, slowed(request, 1)
        if holds(late) != holds(at_once) or unfired(late) - unfired(at_once):
            changed.append(f"{told(request, late)}; at once {at_once.verdict}, unfired {sorted(unfired(at_once))}")
    assert changed == []


def test_the_comparison_bites() -> None:
    """A fault aimed by a window on the clock is missed by a client that takes its time."""
    scenario = next(one for one in catalogue() if one.name == "r30-lost-frame")
    data = scenario.model_dump(exclude_defaults=True)
    data["faults"] = [{"kind": "event-drop", "match": {"kind": "ActionEvent", "after_s": 5.3, "before_s": 5.4}}]
    request = RunRequest(type(scenario).model_validate(data), "tree", "inclusive", DEFAULT)
    assert perform(request).record.verdict is Verdict.HOLDS
    late = perform(request, factory=slow(resolve(DEFAULT), "", delay_s_min=0.1, delay_s_max=0.1)).record
    assert late.verdict is Verdict.VACUOUS
    assert unfired(late) == {"event-drop-1"}
