"""What a real server can play of a scenario, and in which sentence the rest is refused."""

from __future__ import annotations

import pytest

from gapless.scenarios.definition.catalogue import catalogue, find_one
from gapless.scenarios.definition.scenario import Run, Scenario
from gapless.scenarios.errors import UsageError
from gapless.scenarios.explore.steering import draw_world
from gapless.scenarios.realserver import playable
from gapless.scenarios.realserver.environment import PublishedServer, parse_server
from gapless.scenarios.realserver.playable import as_playable, variant_of, variants_of, why_not
from gapless.scenarios.running.runner import RunRequest
from gapless.simserver.faults import KINDS

SERVER = PublishedServer("1.58.2")


def _scenario(**changes: object) -> Scenario:
    return Scenario.model_validate({"name": "one", "title": "one", "origin": "a test", **changes})


@pytest.mark.parametrize(("version", "generation"), [("1.58.2", "session"), ("1.45", "session"), ("1.43.1", "tree")])
def test_the_generation_follows_from_the_version(version: str, generation: str) -> None:
    assert variants_of(PublishedServer(version))[0] == (generation, "inclusive")


@pytest.mark.parametrize("text", ["openhands-agent-server", "openhands-agent-server>=1.58", "flask==3.0", ""])
def test_a_server_is_named_with_its_version(text: str) -> None:
    with pytest.raises(UsageError, match="names no server; name one"):
        parse_server(text)


def test_every_kind_of_fault_is_played_or_has_a_reason() -> None:
    kinds = {str(kind.model_fields["kind"].default) for kind in KINDS}
    assert kinds == playable._BETWEEN | playable._ONLY_A_FAKE.keys()
    assert not playable._BETWEEN & playable._ONLY_A_FAKE.keys()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (
            {"generations": ["legacy"]},
            "it is about servers of generation legacy, and the server is of session and tree",
        ),
        ({"workload": {"recording": "agent-server-1.57.0"}}, "writes its own log"),
        ({"workload": {"history_events": 60_000}}, "each of which is a file"),
        ({"workload": {"runs": [{"init_s": 5}]}}, "says running at once, not after 5 s"),
        ({"workload": {"background": [{"at_s": 1, "run": {"init_s": 2}}]}}, "not after 2 s"),
        ({"workload": {"runs": [{"actions": 0, "end_status": "paused"}]}}, "has an action at least"),
        ({"workload": {"runs": [{"end_status": "waiting_for_confirmation"}]}}, "no confirmation of thoughts"),
        ({"server": {"unknown_cursor": "not-found"}}, "natural beginning"),
        ({"workload": {"history_before_tree": True, "history_events": 9}}, "a server without a tree has written"),
        ({"workload": {"runs": [{"end_status": "none"}]}}, "without a status"),
        ({"server": {"replay_events_max": 9}}, "replays its log is its own affair"),
        ({"server": {"epochs": True}}, "replays its log is its own affair"),
        ({"script": ["attach", "confirm"]}, "nothing waits for an answer"),
        ({"script": ["attach", {"answer": "42"}]}, "no tools of a client"),
        ({"script": ["attach", {"restart_s": 1, "lease_s": 45}]}, "lease of a dead process"),
        ({"workload": {"background": [{"at_s": 1, "reject": True}]}}, "nothing waits for an answer"),
        ({"faults": [{"kind": "server-restart", "at_s": 1, "lease_s": 45}]}, "lease of a dead process"),
        ({"faults": [{"kind": "late-tail"}]}, "its own affair (late-tail)"),
        ({"faults": [{"kind": "server-restart", "at_s": 1, "leaf_lags": True}]}, "leaf_lags"),
    ],
)
def test_what_only_a_fake_can_do_is_refused_in_a_sentence(changes: dict[str, object], reason: str) -> None:
    scenario = _scenario(**changes)
    said = why_not(scenario, SERVER)
    assert said is not None
    assert reason in said
    variant = scenario.variants()[0]
    with pytest.raises(UsageError, match="one cannot be played on openhands-agent-server"):
        RunRequest(scenario, *variant, "gapless", server=str(SERVER))


def test_a_request_is_for_a_variant_of_the_server() -> None:
    with pytest.raises(UsageError, match="is session/inclusive or tree/inclusive, and not legacy/inclusive"):
        RunRequest(find_one("clean-run"), "legacy", "inclusive", "gapless", server=str(SERVER))


def test_a_scenario_is_played_in_the_newest_generation_in_which_it_can_happen() -> None:
    assert variant_of(find_one("clean-run"), SERVER) == ("session", "inclusive")
    assert variant_of(find_one("r71-html"), SERVER) == ("tree", "inclusive")
    assert variant_of(find_one("counted-doubt"), SERVER) is None


def test_most_of_the_catalogue_can_be_played() -> None:
    possible = [one.name for one in catalogue() if why_not(one, SERVER) is None]
    assert {"r10-late-tail", "r34-disconnect-in-mid-run", "r33-server-restart", "clean-run"} <= set(possible)
    assert len(possible) > 60


def test_a_scenario_about_another_release_is_refused() -> None:
    scenario = _scenario(server={"version": "1.58.2"}, generations=["session"])
    assert why_not(scenario, SERVER) is None
    assert why_not(scenario, PublishedServer("1.57.0")) == "it is about release 1.58.2 of the server"


def test_a_fault_that_waits_for_one_that_cannot_be_played_is_left_out_too() -> None:
    late = {"kind": "late-tail", "name": "late"}
    second = {"kind": "event-drop", "name": "second", "match": {"after_fault": "late"}}
    third = {"kind": "event-drop", "name": "third", "match": {"after_fault": "second"}}
    alone = {"kind": "event-drop", "name": "alone"}
    changed = as_playable(_scenario(faults=[late, second, third, alone]))
    assert [fault.name for fault in changed.faults] == ["alone"]


def test_a_restart_is_kept_without_what_only_the_simulated_one_does() -> None:
    faults = [{"kind": "server-restart", "at_s": 1, "leaf_lags": True, "lease_s": 45}]
    changed = as_playable(_scenario(faults=faults, script=["attach", {"restart_s": 2, "lease_s": 45}, "run"]))
    assert why_not(changed, SERVER) is None
    assert [fault.kind for fault in changed.faults] == ["server-restart"]
    assert len(changed.script) == 3


def test_every_drawn_world_is_one_that_a_scenario_file_could_have() -> None:
    for number in range(60):
        request = draw_world("gapless", 0, number, None, server=str(SERVER)).request
        assert (request.generation, request.cursor, request.server) == ("session", "inclusive", str(SERVER))
        again = Scenario.model_validate(request.scenario.model_dump(mode="json", exclude_unset=True))
        assert why_not(again, SERVER) is None


def test_a_drawn_world_is_made_playable_and_nothing_else_of_it_changes() -> None:
    kept, gone = {"kind": "event-drop"}, {"kind": "clock-step", "at_s": 1, "step_s": -5}
    runs = [{"init_s": 5, "actions": 0, "end_status": "paused"}, {"actions": 4}]
    scenario = _scenario(faults=[kept, gone], workload={"runs": runs, "history_events": 7})
    changed = as_playable(scenario)
    assert why_not(changed, SERVER) is None
    assert [fault.kind for fault in changed.faults] == ["event-drop"]
    assert changed.workload.runs == (Run(init_s=0.1, actions=1, end_status="paused"), Run(actions=4))
    assert changed.workload.history_events == 7
    assert as_playable(changed) == changed
