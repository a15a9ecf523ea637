"""A second client in a script: its own connections, steps, store and judgement."""

from __future__ import annotations

import dataclasses
import json
import logging
from typing import Any

import pytest

from gapless.reports.one_run.mermaid import render_mermaid
from gapless.reports.one_run.timeline import read_timeline
from gapless.reports.records.record import RunRecord, Verdict
from gapless.scenarios.definition.catalogue import find_one
from gapless.scenarios.definition.loading import parse
from gapless.scenarios.definition.scenario import Scenario
from gapless.scenarios.definition.toml_writing import render
from gapless.scenarios.errors import ScenarioError, UsageError
from gapless.scenarios.running.runner import RunRequest, RunResult, perform
from gapless.scenarios.serving.session import Session

HEAD = 'name = "two"\ntitle = "Two"\norigin = "a test"\n'
LISTENS = "r79-two-devices-one-listens"


def scenario(body: str) -> Scenario:
    return parse(HEAD + body, "two.toml")


def played(one: Scenario, client: str = "gapless", generation: str = "tree") -> RunResult:
    return perform(RunRequest(one, generation, "inclusive", client))


def entries(result: RunResult, place: str, what: str) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in result.lines]
    return [one for one in found if (one["place"], one["what"]) == (place, what)]


def by_client(record: RunRecord) -> dict[int, Verdict]:
    return {one.client: one.verdict for one in record.clients}


def test_a_loss_of_one_client_is_no_loss_of_the_other() -> None:
    lost = scenario(
        """
second_client = { script = ["attach", { sleep_s = 5 }, { send = "Hello" }, "run"] }
[[faults]]
kind = "event-drop"
match = { client = 2, kind = "ObservationEvent", run = 1, nth = 1 }
"""
    )
    record = played(lost, "socket-only").record
    assert by_client(record) == {1: Verdict.UNSAFE, 2: Verdict.UNSAFE}  # it returns before the end: both are unsafe
    holes = [one.message for one in record.violations if one.oracle == "no-holes"]
    assert holes
    assert all(message.startswith("the second client: ") for message in holes)


def test_the_optimum_and_the_cost_are_sums_and_each_client_has_its_own_part() -> None:
    record = played(find_one(LISTENS), generation="legacy").record
    first, second = record.clients
    assert record.verdict is Verdict.HOLDS
    assert record.rest.calls == first.calls + second.calls
    assert record.rest.optimum_calls == first.optimum_calls + second.optimum_calls
    assert record.rest.bytes == first.bytes + second.bytes
    assert (first.calls, second.calls) == (3, 2)
    assert [line.partition(":")[0] for line in record.rest.basis].count("the second client") == 2
    assert [one.oracle for one in first.judged] == [one.oracle for one in second.judged]


def test_sockets_are_counted_for_each_client_apart() -> None:
    one = scenario(
        """
second_client = { script = ["attach", { sleep_s = 9 }] }
[[faults]]
kind = "link-reset"
name = "broken"
match = { client = 2, connection = 1, snapshot = true }
"""
    )
    result = played(one)
    assert by_client(result.record) == {1: Verdict.HOLDS, 2: Verdict.HOLDS}
    (struck,) = entries(result, "fault", "fired")
    assert struck["client"] == 2
    opened = [(one["connection"], one.get("client", 1)) for one in entries(result, "socket", "opened")]
    assert sorted(owner for _, owner in opened) == [1, 2, 2]
    assert len({number for number, _ in opened}) == 3


def test_a_fault_is_aimed_at_a_step_of_the_second_client() -> None:
    one = scenario(
        """
second_client = { script = ["attach", { sleep_s = 3 }, { send = "Hello" }, "run"] }
[[faults]]
kind = "link-reset"
at = { step = { name = "send", client = 2 } }
match = { client = 2 }
"""
    )
    result = played(one)
    assert [fault.fired for fault in result.record.faults] == [1]
    assert [one["client"] for one in entries(result, "fault", "fired")] == [2]


def test_a_script_whose_cause_does_not_come_makes_the_run_vacuous() -> None:
    one = scenario(
        'second_client = { at = { run = 1, event = 40 }, script = ["attach"] }\n',
    )
    record = played(one).record
    assert record.verdict is Verdict.VACUOUS
    assert "its script never began" in record.violations[0].message
    assert "event 40 of run 1" in record.violations[0].message


def test_the_world_heals_when_both_scripts_are_over() -> None:
    one = scenario('second_client = { script = ["attach", { sleep_s = 500 }] }\n')
    result = played(one)
    healed = entries(result, "world", "healed")
    assert [entry["t_s"] >= 500 for entry in healed] == [True]
    assert result.record.virtual_s >= 500


def test_a_second_client_that_is_killed_has_a_store_and_connections_of_its_own() -> None:
    result = played(find_one("r78-second-device-reopened"))
    assert result.record.verdict is Verdict.HOLDS
    assert [one.get("client") for one in entries(result, "client", "killed")] == [2]
    returned = [one.get("client", 1) for one in entries(result, "client", "attach-returned")]
    assert returned.count(1) == 1
    assert returned.count(2) == 2


def test_a_second_client_that_is_frozen_does_not_hold_up_the_first() -> None:
    one = scenario(
        'second_client = { script = ["attach", { sleep_s = 1 }, { suspend_s = 60 }, { send = "Hello" }, "run"] }\n'
    )
    result = played(one)
    assert result.record.verdict is Verdict.HOLDS
    (suspended,) = entries(result, "client", "suspended")
    (resumed,) = entries(result, "client", "resumed")
    first = [one["t_s"] for one in entries(result, "client", "run-returned") if "client" not in one]
    assert first[0] < resumed["t_s"]
    during = [
        one
        for one in entries(result, "client", "delivered")
        if one.get("client") == 2 and suspended["t_s"] < one["t_s"] < resumed["t_s"]
    ]
    assert not during


def test_messages_and_runs_belong_to_the_client_that_asked_for_them() -> None:
    result = played(find_one("r79-two-devices-at-once"))
    assert result.record.verdict is Verdict.HOLDS
    by = [one["by"] for one in entries(result, "agent", "run-started")]
    assert set(by) == {"client", "client-2"}
    refused = [one for one in entries(result, "rest", "response") if one["status"] == 409]
    assert len(refused) == 1


def test_a_run_with_two_clients_is_the_same_twice_and_as_toml() -> None:
    one = find_one(LISTENS)
    again = parse(render(one), "again.toml")
    assert again == one
    assert played(one).lines == played(again).lines


def test_two_clients_whose_lives_overlap_leave_the_log_as_it_was(caplog: pytest.LogCaptureFixture) -> None:
    played(find_one(LISTENS))
    logging.getLogger("gapless.syncclient").warning("said afterwards")
    assert caplog.messages == ["said afterwards"]


def test_drawings_tell_the_clients_apart() -> None:
    result = played(find_one(LISTENS))
    steps = [step.name for step in read_timeline(result.lines).steps]
    assert {"run", "run (client 2)"} <= set(steps)
    drawn = render_mermaid(result.lines, result.record)
    assert "participant D as client 2" in drawn
    assert "S->>D" in drawn


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ('second_client = { script = ["run"] }\n', "must attach before anything else"),
        ('[[faults]]\nkind = "link-reset"\nmatch = { client = 2 }\n', "the scenario has one client"),
        (
            '[[workload.background]]\nat = { step = { name = "send", client = 2 } }\nmessage = "Hello"\n',
            "names step send (client = 2), and the script has 0 of that name",
        ),
        ('second_client = { at = { run = 7, begins = true }, script = ["attach"] }\n', "names run 7"),
    ],
)
def test_what_cannot_happen_is_refused_in_one_sentence(body: str, problem: str) -> None:
    with pytest.raises(ScenarioError, match=problem.replace("(", r"\(").replace(")", r"\)")) as raised:
        scenario(body)
    assert "\n" not in str(raised.value)


def test_a_port_serves_one_client() -> None:
    with pytest.raises(UsageError, match="has two clients, and a port serves one"):
        Session(RunRequest(find_one(LISTENS), "tree", "inclusive", "gapless"))


def test_the_budget_of_a_user_is_for_both_clients_together() -> None:
    from gapless.scenarios.judging.own_budget import OwnBudget

    request = RunRequest(find_one(LISTENS), "legacy", "inclusive", "gapless")
    tight = dataclasses.replace(request, own_budget=OwnBudget(4, 10_000_000, 10_000, "budget.toml"))
    over = perform(tight).record
    assert [one.message for one in over.violations] == ["5 REST calls; budget.toml has 4"]
