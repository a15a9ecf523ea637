"""The words of a script, and what others do: sockets break, the server restarts, a run is paused, the world heals."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
from pydantic import ValidationError

from gapless.scenarios.clients.baselines.follower import Follower
from gapless.scenarios.clients.baselines.wire import BaselineError
from gapless.scenarios.clients.contract import Claim, ClientContext, ClientUnderTest
from gapless.scenarios.definition.scenario import Scenario
from gapless.scenarios.running.runner import RunRequest, RunResult, perform


def played(client: str, script: list[Any], **data: Any) -> list[dict[str, Any]]:
    request = RunRequest(scenario(script, **data), "tree", "inclusive", client)
    return [json.loads(line) for line in perform(request).lines]


def scenario(script: list[Any], **data: Any) -> Scenario:
    return Scenario.model_validate({"name": "x", "title": "x", "origin": "x", "script": script, **data})


def happened(entries: list[dict[str, Any]], place: str, what: str) -> list[dict[str, Any]]:
    return [entry for entry in entries if (entry["place"], entry["what"]) == (place, what)]


def test_disconnect_breaks_every_socket_and_the_client_comes_back() -> None:
    entries = played("socket-only", ["attach", {"sleep_s": 5}, "disconnect", {"sleep_s": 5}])
    (closed,) = [one for one in happened(entries, "socket", "closed") if one["by"] == "link"]
    assert (closed["t_s"], closed["code"]) == (5, None)
    assert len(happened(entries, "socket", "opened")) == 2


def test_restart_takes_the_server_away_for_a_while() -> None:
    entries = played("socket-only", ["attach", {"sleep_s": 5}, {"restart_s": 2}, {"sleep_s": 10}])
    (restarted,) = happened(entries, "world", "restarted")
    assert restarted["t_s"] == 7
    assert [one["code"] for one in happened(entries, "socket", "closed") if one["t_s"] == 5] == [1012]
    assert happened(entries, "socket", "opened")[-1]["t_s"] > 7


def test_somebody_else_can_pause_the_run() -> None:
    workload = {"runs": [{"actions": 10, "step_s": 1}], "background": [{"at_s": 8, "pause": True}]}
    entries = played("socket-only", ["attach", {"sleep_s": 5}, {"send": "Do it"}, "run"], workload=workload)
    (ended,) = happened(entries, "agent", "run-ended")
    assert ended["status"] == "paused"
    assert 8 <= ended["t_s"] < 9


def test_a_background_entry_does_something() -> None:
    with pytest.raises(ValidationError, match="needs a message, a run, or both; or pause = true"):
        scenario(["attach"], workload={"background": [{"at_s": 1}]})


class Refusing(Follower):
    """Gives up on every message and every run, in a typed way."""

    async def send(self, text: str) -> None:
        raise BaselineError("no")

    async def run(self) -> Claim:
        raise BaselineError("no")


@asynccontextmanager
async def refusing(context: ClientContext) -> AsyncIterator[ClientUnderTest]:
    async with trio.open_nursery() as nursery:
        yield Refusing(context, nursery)
        nursery.cancel_scope.cancel()


def refused(script: list[Any], errors_allowed: object) -> RunResult:
    request = RunRequest(scenario(script, expect={"errors_allowed": errors_allowed}), "tree", "inclusive", "refusing")
    return perform(request, factory=refusing)


def given_up(result: RunResult) -> list[str]:
    return [one.message for one in result.record.violations if one.oracle == "no-hang"]


def test_an_error_that_is_allowed_is_no_answer_any_more_when_the_world_has_healed() -> None:
    assert given_up(refused(["attach", "run"], True)) == []
    assert given_up(refused(["attach", "run", "heal", "run"], True)) == ["run() gave up: BaselineError: no"]


def test_errors_can_be_allowed_to_some_steps_only() -> None:
    script = ["attach", {"send": "Do it"}, "run"]
    assert given_up(refused(script, ["send", "run"])) == []
    assert given_up(refused(script, ["send"])) == ["run() gave up: BaselineError: no"], "the script went on to run"
    assert given_up(refused(script, False)) == ["send() gave up: BaselineError: no"]
