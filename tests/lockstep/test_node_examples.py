"""The examples on Node, unmodified, go through races in virtual time: alike every time, with their verdicts."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gapless.reports.records.record import RunRecord
from gapless.scenarios.definition.catalogue import find_one
from gapless.scenarios.lockstep.client import factory
from gapless.scenarios.running.runner import RunRequest, perform
from tests.lockstep.nodes import EACH_MAJOR, nodes

EXAMPLES = Path(__file__).parents[2] / "scenarios" / "examples"
SCENARIOS = ("r10-late-tail", "r30-lost-frame", "r34-disconnect-in-mid-run")
LOST = {"no-tail-loss", "no-holes"}
TYPESCRIPT = "LOCKSTEP_TYPESCRIPT"  # names a folder in which @openhands/typescript-client and ws are installed
RUNS = 2


@pytest.fixture(params=EACH_MAJOR)
def node(request: pytest.FixtureRequest) -> str:
    """The newest of each major version."""
    found = nodes().get(request.param)
    if found is None:
        pytest.skip(f"no Node {request.param} was found")
    return found[-1]


def records(command: list[str], scenario: str, runs: int = RUNS) -> list[RunRecord]:
    request = RunRequest(find_one(scenario), "tree", "inclusive", "gapless", 0)  # the factory overrides the client
    return [perform(request, factory=factory(command)).record for _ in range(runs)]


def lost(record: RunRecord) -> set[str]:
    return {violation.oracle for violation in record.violations} & LOST


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_client_that_reads_the_log_loses_nothing(node: str, scenario: str) -> None:
    found = records([node, str(EXAMPLES / "node_client.mjs")], scenario)
    assert len({record.digest for record in found}) == 1
    assert not lost(found[0])


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_client_that_ignores_what_it_missed_loses_events(node: str, scenario: str) -> None:
    found = records([node, str(EXAMPLES / "node_ignores_reconnects.mjs")], scenario)
    assert len({record.digest for record in found}) == 1
    assert lost(found[0])


@pytest.mark.skipif(TYPESCRIPT not in os.environ, reason=f"{TYPESCRIPT} names no folder with the published client")
@pytest.mark.parametrize("wait", ["idle", "snapshot"])
def test_the_published_typescript_client_runs_alike_every_time(node: str, wait: str) -> None:
    command = [node, str(EXAMPLES / "openhands_typescript.mjs"), os.environ[TYPESCRIPT], wait]
    found = records(command, "r30-lost-frame", 2)
    assert len({record.digest for record in found}) == 1
    assert lost(found[0])
