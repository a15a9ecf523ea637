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
    with pytest.raises(ValidationError, match="does nothing: add a message, a run, pause = true or the like"):
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


# --- what somebody else does, and what happens to the client ------------------------------------------------

WAITING = [{"actions": 1, "end_status": "waiting_for_confirmation"}, {"actions": 1}]


@pytest.mark.parametrize("word", ["pause", "interrupt", "delete", "fork"])
def test_somebody_else_does_what_the_client_cannot(word: str) -> None:
    entries = played("socket-only", ["attach", {"sleep_s": 5}, word, {"sleep_s": 1}])
    assert [one["what"] for one in entries if one["place"] == "other"] == [word]
    told = {"pause": "paused", "interrupt": "paused", "delete": "deleting", "fork": None}[word]
    assert [one["status"] for one in happened(entries, "agent", "status")][-1:] == ([told] if told else [])


@pytest.mark.parametrize(("word", "status"), [("confirm", "finished"), ("reject", "idle")])
def test_a_question_is_answered_and_the_run_goes_on_or_not(word: str, status: str) -> None:
    script = ["attach", {"send": "Do it"}, "run", word, "wait_for_end", {"sleep_s": 1}]
    entries = played("tail-cursor", script, workload={"runs": WAITING})
    assert happened(entries, "agent", "status")[-1]["status"] == status


def test_a_confirmation_that_nobody_waits_for_is_refused_and_recorded() -> None:
    (refused_,) = happened(played("socket-only", ["attach", "confirm"]), "other", "refused")
    assert refused_["asked"] == "confirm"


def test_a_client_tool_is_answered_and_the_run_goes_on() -> None:
    entries = played("tail-cursor", ["attach", {"send": "Do it"}, "run", {"answer": "42"}, "wait_for_end"])
    assert len(happened(entries, "agent", "run-ended")) == 2


@pytest.mark.parametrize("target", [2, "root"])
def test_head_can_be_moved_by_the_script_and_in_the_background(target: object) -> None:
    workload = {"history_events": 20, "background": [{"at_s": 8, "navigate": target}]}
    entries = played("socket-only", ["attach", {"navigate": target}, {"sleep_s": 10}], workload=workload)
    moved = happened(entries, "agent", "navigated")
    assert [one["t_s"] for one in moved] == [0, 8]
    assert all((one["leaf"] is None) == (target == "root") for one in moved)


def test_what_others_do_is_no_call_of_the_client() -> None:
    entries = played("socket-only", ["attach", "pause", "fork", {"navigate": 1}], workload={"history_events": 20})
    assert [one["method"] for one in happened(entries, "rest", "request")] == ["GET"]


class Pausing(Follower):
    """Has a pause of its own."""

    async def pause(self) -> None:
        await self.wire._call("POST", "/pause")


@asynccontextmanager
async def pausing(context: ClientContext) -> AsyncIterator[ClientUnderTest]:
    async with trio.open_nursery() as nursery:
        yield Pausing(context, nursery)
        nursery.cancel_scope.cancel()


def test_a_client_that_can_pause_is_asked_to() -> None:
    request = RunRequest(scenario(["attach", "pause"]), "tree", "inclusive", "pausing")
    entries = [json.loads(line) for line in perform(request, factory=pausing).lines]
    assert happened(entries, "client", "pause-returned")
    assert not [one for one in entries if one["place"] == "other"]


class Ticking(Follower):
    """Notes the time each second, beside its steps."""

    ticks: list[float]

    async def attach(self) -> None:
        self.ticks = []
        self._nursery.start_soon(self._tick)

    async def _tick(self) -> None:
        while True:
            await trio.sleep(1)
            self.ticks.append(trio.current_time())

    async def run(self) -> Claim:
        began = trio.current_time()
        await trio.sleep(10)
        self.ran_s = trio.current_time() - began
        return Claim()


def ticked(script: list[Any], **data: Any) -> Ticking:
    made: list[Ticking] = []

    @asynccontextmanager
    async def factory(context: ClientContext) -> AsyncIterator[ClientUnderTest]:
        async with trio.open_nursery() as nursery:
            made.append(Ticking(context, nursery))
            yield made[0]
            nursery.cancel_scope.cancel()

    perform(RunRequest(scenario(script, **data), "tree", "inclusive", "ticking"), factory=factory)
    return made[0]


def test_a_suspended_client_does_nothing_and_goes_on_afterwards() -> None:
    ticks = ticked(["attach", {"sleep_s": 3.5}, {"suspend_s": 600}, {"sleep_s": 3}]).ticks
    assert [round(one, 3) for one in ticks[:6]] == [1, 2, 3, 603.5, 604.5, 605.5]


def test_a_client_can_be_suspended_in_the_middle_of_a_step() -> None:
    client = ticked(["attach", "run"], workload={"background": [{"at_s": 5, "suspend_s": 100}]})
    assert client.ran_s == 105


def test_the_world_goes_on_while_a_client_is_suspended() -> None:
    workload = {"background": [{"at_s": 10, "run": {"actions": 2}}]}
    entries = played("socket-only", ["attach", {"suspend_s": 60}], workload=workload)
    assert happened(entries, "agent", "run-ended")[0]["t_s"] < 11
    frames = [one["t_s"] for one in happened(entries, "socket", "delivered") if one["kind"] == "ActionEvent"]
    assert frames == [60, 60]


def test_a_client_that_is_reopened_attaches_again_and_finds_what_it_had_stored() -> None:
    stores: list[dict[str, Any]] = []

    @asynccontextmanager
    async def factory(context: ClientContext) -> AsyncIterator[ClientUnderTest]:
        assert context.store is not None
        stores.append(dict(context.store))
        context.store["seen"] = len(stores)
        async with trio.open_nursery() as nursery:
            yield Ticking(context, nursery)
            nursery.cancel_scope.cancel()

    perform(RunRequest(scenario(["attach", "reopen", "reopen"]), "tree", "inclusive", "x"), factory=factory)
    assert stores == [{}, {"seen": 1}, {"seen": 2}]


def test_our_client_goes_on_from_its_store_and_delivers_nothing_twice() -> None:
    script = ["attach", {"send": "Do it"}, "run", "reopen", {"sleep_s": 5}, {"send": "Go on"}, "run"]
    entries = played("gapless", script, workload={"history_events": 20, "runs": [{"actions": 2}, {"actions": 2}]})
    delivered = [one["id"] for one in happened(entries, "client", "delivered")]
    assert len(happened(entries, "client", "attach-returned")) == 2
    assert len(delivered) == len(set(delivered))


def test_a_script_without_reopen_gives_no_store() -> None:
    @asynccontextmanager
    async def factory(context: ClientContext) -> AsyncIterator[ClientUnderTest]:
        assert context.store is None
        async with trio.open_nursery() as nursery:
            yield Ticking(context, nursery)
            nursery.cancel_scope.cancel()

    assert perform(RunRequest(scenario(["attach"]), "tree", "inclusive", "x"), factory=factory).record.virtual_s == 0


def test_a_version_needs_the_generation_that_it_belongs_to() -> None:
    with pytest.raises(ValidationError, match="has a session socket"):
        scenario(["attach"], server={"version": "1.58.2"})
