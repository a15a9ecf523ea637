"""The example clients are judged as they deserve."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
import trio
from click.testing import CliRunner

from gapless.reports.records.record import Verdict
from gapless.scenarios.checking.check import Checked, check
from gapless.scenarios.cli.main import main
from gapless.scenarios.definition.catalogue import find_one
from gapless.scenarios.definition.scenario import Scenario, Sleep
from gapless.scenarios.serving.scenario_choice import request_for

EXAMPLES = Path(__file__).parents[2] / "gapless" / "scenarios" / "examples"
NODE = shutil.which("node")
needs_node = pytest.mark.skipif(NODE is None, reason="there is no node on the path")
LIMIT_S = 60


def command(example: str) -> list[str]:
    if example.endswith(".py"):
        return [sys.executable, str(EXAMPLES / example)]
    return [NODE or "node", str(EXAMPLES / example)]


def with_real_time_deadline(scenario: Scenario) -> Scenario:
    """R34 with less waiting before it."""
    script = tuple(Sleep(sleep_s=1.0) if isinstance(one, Sleep) else one for one in scenario.script)
    run = scenario.workload.runs[0].model_copy(update={"actions": 12})
    workload = scenario.workload.model_copy(update={"runs": (run,)})
    expect = scenario.expect.model_copy(update={"step_deadline_s": 20.0})
    return scenario.model_copy(update={"script": script, "workload": workload, "expect": expect})


async def tried(example: str, scenario: str, generation: str | None = None) -> Checked:
    whole = find_one(scenario)
    request = request_for(with_real_time_deadline(whole) if scenario.startswith("r34") else whole, generation, None)
    shown: list[str] = []
    with trio.fail_after(LIMIT_S):
        result = await check(request, command(example), show=shown.append)
    assert shown == []
    return result


def test_they_are_listed_and_printed_wherever_the_package_lies() -> None:
    listed = CliRunner().invoke(main, ["examples"]).output
    assert f"in {EXAMPLES}\n" in listed
    for path in sorted(EXAMPLES.glob("[!_]*.*")):
        assert f"  {path.name} " in listed
        assert CliRunner().invoke(main, ["examples", path.name]).output == path.read_text()
    wrong = CliRunner().invoke(main, ["examples", "node_clint.mjs"])
    assert wrong.exit_code == 2
    assert "did you mean 'node_client.mjs'?" in wrong.output


async def test_the_python_client_on_websockets_holds_where_the_socket_numbers_its_events() -> None:
    result = await tried("python_websockets.py", "r34-disconnect-in-mid-run")
    assert (result.record.verdict, result.record.rest.calls) == (Verdict.HOLDS, 0)


@needs_node
async def test_the_node_client_that_reads_the_log_holds() -> None:
    result = await tried("node_client.mjs", "r34-disconnect-in-mid-run", "legacy")
    assert result.record.verdict is Verdict.HOLDS, result.record.violations
    assert result.record.rest.ratio == 1


@needs_node
async def test_the_node_client_that_ignores_reconnects_is_caught_by_r34() -> None:
    result = await tried("node_ignores_reconnects.mjs", "r34-disconnect-in-mid-run", "legacy")
    assert result.record.verdict is Verdict.UNSAFE
    assert "no-holes" in [one.oracle for one in result.record.violations]


@pytest.mark.slow
@needs_node
async def test_the_node_client_that_reads_the_log_spends_too_much_where_the_socket_proves_all() -> None:
    result = await tried("node_client.mjs", "clean-run", "session")
    assert result.record.verdict is Verdict.OVER_BUDGET


@pytest.mark.slow
async def test_the_python_client_is_stuck_where_there_is_no_session_socket() -> None:
    result = await tried("python_websockets.py", "r34-disconnect-in-mid-run", "legacy")
    assert result.record.verdict is Verdict.STUCK


@pytest.mark.slow
@needs_node
async def test_without_a_fault_the_client_that_ignores_reconnects_holds() -> None:
    result = await tried("node_ignores_reconnects.mjs", "clean-run", "legacy")
    assert result.record.verdict is Verdict.HOLDS
