"""The published server itself in a world. Slow, and skipped where its environment cannot be had."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import pytest

from gapless import scenarios
from gapless.scenarios.definition.catalogue import find_one
from gapless.scenarios.definition.loading import load_file
from gapless.scenarios.realserver.environment import NoServer, parse_server
from gapless.scenarios.realserver.warm_up import prepare
from gapless.scenarios.running.runner import RunRequest, RunResult, perform
from gapless.scenarios.running.suite import Unit, run_unit
from tests.likeness.comparison import compared
from tests.likeness.reasons import is_same

SERVER = "openhands-agent-server==1.58.2"
FINDINGS = Path(__file__).parents[2] / "docs" / "server-findings"
pytestmark = pytest.mark.slow


@cache
def _missing() -> str | None:
    try:
        prepare(parse_server(SERVER))
    except NoServer as error:
        return str(error)
    return None


@pytest.fixture(autouse=True)
def _environment() -> None:
    reason = _missing()
    if reason is not None:
        pytest.skip(reason)


def _request(name: str, client: str = "gapless", *, server: str = SERVER) -> RunRequest:
    return RunRequest(find_one(name), "session", "inclusive", client, server=server)


def _appended(result: RunResult) -> list[str]:
    rows = [json.loads(line) for line in result.lines]
    return [row["kind"] for row in rows if (row["place"], row["what"]) == ("log", "append") and row["branch"]]


@pytest.mark.parametrize("name", ["clean-run", "r34-disconnect-in-mid-run", "r33-restart-in-mid-run"])
def test_a_run_is_the_same_in_a_second_process_and_its_baselines_fail(name: str) -> None:
    outcome = run_unit(Unit(_request(name), with_kills=True, twice=True))
    assert str(outcome.record.verdict) == "holds", outcome.record.violations


@pytest.mark.parametrize("client", ["gapless", "socket-only", "poll-then-return"])
def test_a_lost_tail_is_lost_as_on_the_simulated_server(client: str) -> None:
    simulated = perform(_request("r10-late-tail", client, server=""))
    published = perform(_request("r10-late-tail", client))
    assert published.record.verdict is simulated.record.verdict
    assert published.record.lost_events == simulated.record.lost_events
    assert _appended(published) == _appended(simulated)


def test_a_run_that_has_nothing_to_do_is_as_on_the_simulated_server() -> None:
    cell = compared("r18-taken-by-anothers-run", "gapless", SERVER)
    assert is_same(cell), cell
    assert cell.simulated.verdict == "holds"


def test_a_scenario_of_the_trees_socket_alone_is_as_on_the_simulated_server() -> None:
    cell = compared("r57-cursor-loop", "gapless", SERVER)
    assert is_same(cell), cell
    assert cell.published is not None
    assert cell.published.calls == 2


def test_a_restart_kills_the_run_and_the_server_says_so() -> None:
    lines = perform(_request("r33-restart-in-mid-run")).lines
    happened = [(row["place"], row["what"], row.get("status")) for row in map(json.loads, lines)]
    assert happened.index(("world", "restarting", None)) < happened.index(("agent", "status", "error"))
    assert ("agent", "run-ended", "error") in happened


def test_the_sdk_does_not_deliver_a_late_tail_of_its_own_server() -> None:
    program = Path(scenarios.__file__).parent / "examples" / "openhands_sdk.py"
    command = (str(parse_server(SERVER).python), str(program))
    request = RunRequest(
        find_one("r10-late-tail"), "session", "inclusive", "openhands-sdk", command=command, server=SERVER
    )
    found = {violation.oracle: violation.message for violation in perform(request).record.violations}
    assert found["delivered-once"].startswith("held, but never delivered: 2 events")


def test_a_post_that_meets_the_end_of_an_idle_connection_is_lost() -> None:
    scenario = load_file(FINDINGS / "post-meets-idle-close.toml")
    record = perform(RunRequest(scenario, "session", "inclusive", "gapless", server=SERVER)).record
    assert "SendUnconfirmed" in record.violations[0].message
