"""The published server itself in a world. Slow, and skipped where its environment cannot be had."""

from __future__ import annotations

import json
from functools import cache

import pytest

from gapless.scenarios.definition.catalogue import find_one
from gapless.scenarios.realserver.environment import NoServer, parse_server
from gapless.scenarios.realserver.warm_up import prepare
from gapless.scenarios.running.runner import RunRequest, RunResult, perform
from gapless.scenarios.running.suite import Unit, run_unit

SERVER = "openhands-agent-server==1.58.2"
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


def test_a_restart_kills_the_run_and_the_server_says_so() -> None:
    lines = perform(_request("r33-restart-in-mid-run")).lines
    happened = [(row["place"], row["what"], row.get("status")) for row in map(json.loads, lines)]
    assert happened.index(("world", "restarting", None)) < happened.index(("agent", "status", "error"))
    assert ("agent", "run-ended", "error") in happened
