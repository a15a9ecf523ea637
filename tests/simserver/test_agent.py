"""The pure model: order, parents, leaf, snapshots, histories and recordings; no trio."""

from __future__ import annotations

from typing import Any

import pytest

from gapless.simserver import (
    Agent,
    AgentStep,
    AgentWorkload,
    BackgroundAction,
    ConfigError,
    EndStatus,
    IllegalTransition,
    RunPlan,
    ServerSettings,
    pairs,
    recorded,
)
from gapless.simserver.conversation.event_bodies import STATE_UPDATE, action, observation
from gapless.simserver.conversation.ids import Ids
from gapless.simserver.protocol.outbox import Outbox, OutgoingFrame

TREE = ServerSettings("tree")


def agent(settings: ServerSettings = TREE, **workload: Any) -> Agent:
    return Agent(settings, AgentWorkload(**workload))


def test_a_message_is_published_after_the_state_update_that_follows_it() -> None:
    published = agent().message(0.0, "hello")
    assert [one.seq for one in published] == [0, 2, 1]
    assert [one.event["kind"] for one in published] == ["SystemPromptEvent", STATE_UPDATE, "MessageEvent"]


def test_parents_follow_the_branch_and_state_updates_are_not_on_it() -> None:
    model = agent()
    model.message(0.0, "hello")
    model.start_run(0.0)
    model.step(0.0, action("c", "ls"))
    model.step(0.0, observation("c", "x"))
    model.end_run(0.0, "finished")
    ids = model.log.ids()
    parents = [event.get("parent_id") for event in model.log]
    assert parents == [None, ids[0], ids[1], ids[1], ids[1], ids[4], ids[5]]
    assert "parent_id" not in model.log[0]
    assert model.leaf == ids[5]
    assert model.log[5]["action_id"] == ids[4]


def test_a_message_to_a_finished_conversation_makes_it_idle_first() -> None:
    model = agent(history_events=10)
    leaf = model.leaf
    idle, update, message = model.message(0.0, "again")
    assert (idle.event["value"], idle.event["parent_id"]) == ("idle", leaf)
    assert (message.event["parent_id"], update.event["parent_id"]) == (leaf, message.event["id"])
    assert model.status == "idle"


def test_snapshots_are_never_persisted_and_carry_the_leaf() -> None:
    model = agent()
    before = model.snapshot(0.0)
    assert "leaf_event_id" not in before.event["value"]
    model.message(0.0, "hello")
    snapshot = model.snapshot(0.0)
    assert (snapshot.seq, snapshot.durable) == (None, False)
    assert snapshot.event["value"]["leaf_event_id"] == model.leaf
    assert model.log.index_of(snapshot.event["id"]) is None
    assert "parent_id" not in snapshot.event


def test_a_legacy_server_knows_no_tree() -> None:
    model = agent(ServerSettings("legacy"), history_events=12)
    model.message(0.0, "hello")
    assert not any("parent_id" in event for event in model.log)
    assert "leaf_event_id" not in model.snapshot(0.0).event["value"]


@pytest.mark.parametrize("status", ["finished", "paused", "waiting_for_confirmation", "error", "stuck"])
def test_a_run_may_end_in_any_way(status: EndStatus) -> None:
    model = agent()
    model.message(0.0, "hello")
    model.start_run(0.0)
    published = model.end_run(0.0, status)
    assert published[0].event["value"] == model.status == status
    if status == "error":
        assert [one.event["kind"] for one in published] == [STATE_UPDATE, "ConversationErrorEvent"]
        assert model.leaf == published[1].event["id"]
    model.start_run(1.0)


def test_an_illegal_step_raises_and_changes_nothing() -> None:
    model = agent()
    with pytest.raises(IllegalTransition, match="cannot take a step while the conversation is idle"):
        model.step(0.0, action("c", "ls"))
    with pytest.raises(IllegalTransition, match="cannot end a run while the conversation is idle"):
        model.end_run(0.0, "finished")
    model.start_run(0.0)
    with pytest.raises(IllegalTransition, match="cannot start a run"):
        model.start_run(0.0)
    assert len(model.log) == 1


def test_timestamps_increase_also_at_one_instant_and_always_have_microseconds() -> None:
    model = agent(history_events=30)
    model.message(0.0, "hello")
    stamps = [event["timestamp"] for event in model.log]
    assert stamps == sorted(set(stamps))
    assert {len(stamp) for stamp in stamps} == {26}


@pytest.mark.parametrize("length", range(40))
def test_a_history_of_any_length_is_a_plausible_past(length: int) -> None:
    model = agent(history_events=length)
    log = list(model.log)
    assert len(log) == length == len(set(model.log.ids()))
    leaf = None
    for index, event in enumerate(log):
        assert event.get("parent_id") == leaf
        assert model.log.index_of(event["id"]) == index
        if event["kind"] != STATE_UPDATE:
            leaf = event["id"]
    assert model.leaf == leaf
    statuses = [event["value"] for event in log if event.get("key") == "execution_status"]
    assert model.status == (statuses[-1] if statuses and statuses[-1] == "finished" else "idle")
    messages = [event["id"] for event in log if event["kind"] == "MessageEvent"]
    assert model.last_user_message_id == (messages[-1] if messages else None)


@pytest.mark.parametrize("has_tree", [False, True])
def test_the_outline_of_a_log_is_the_log(has_tree: bool) -> None:
    model = agent(ServerSettings("tree" if has_tree else "legacy"), history_events=31)
    model.message(0.0, "again")
    outlined = list(model.log.outline())
    assert [(event["id"], event["kind"]) for event in outlined] == [(one["id"], one["kind"]) for one in model.log]
    assert [(dict(event), len(event), list(event)) for event in outlined] == [
        (event, len(event), list(event)) for event in model.log
    ]


def test_ids_are_invertible_and_do_not_sort_like_the_log() -> None:
    ids = Ids("conversation")
    made = [ids.make(counter) for counter in range(1000)]
    assert [ids.counter_of(one) for one in made] == list(range(1000))
    assert made != sorted(made)
    assert ids.counter_of("no-such-event") is None
    assert ids.counter_of(made[0][:24] + "not-hexadeci") is None
    assert ids.counter_of(Ids("another").make(1)) is None


def test_an_id_that_was_never_given_out_is_unknown() -> None:
    model = agent(history_events=10)
    assert model.log.index_of(Ids(model.conversation_id).make(10)) is None


# --- recordings ---------------------------------------------------------------------------------------------


def replay(settings: ServerSettings, name: str) -> Agent:
    workload = recorded(name)
    model = Agent(settings, workload)
    for plan, text in zip(workload.runs, ("first message", "second message"), strict=False):
        model.message(0.0, text)
        model.start_run(0.0)
        for step in plan.steps:
            model.step(0.0, step.event)
        model.end_run(0.0, plan.end_status)
    return model


def test_a_recorded_event_is_taken_only_where_it_says_what_happens() -> None:
    model = Agent(ServerSettings("tree"), recorded("agent-server-1.57.0"))
    model.message(0.0, "another message")
    model.pause(0.0)
    told = [event for event in model.log if event["kind"] == "MessageEvent" or event.get("key") == "execution_status"]
    assert told[0]["llm_message"]["content"][0]["text"] == "another message"
    assert [event["value"] for event in told[1:]] == ["paused"]


def test_a_recorded_workload_is_the_recording_verbatim() -> None:
    model = replay(ServerSettings("tree"), "agent-server-1.57.0")
    assert len(model.log) == 14
    assert model.conversation_id == "ae15e9c1-edd3-4f7e-b701-f3f47b1a838d"
    assert model.log[1]["llm_message"]["content"][0]["text"] == "first message"
    assert model.log[8]["llm_message"]["content"][0]["text"] == "second message"
    assert model.leaf == "3d124592-f1a1-4ea4-ac52-b163a5278a04"


def test_a_recorded_workload_on_a_legacy_server_has_no_parents() -> None:
    assert not any("parent_id" in event for event in replay(ServerSettings("legacy"), "agent-server-1.57.0").log)


def test_beyond_a_recording_events_are_made_up() -> None:
    model = replay(ServerSettings("tree"), "session-socket-1.57.0")
    length = len(model.log)
    model.message(0.0, "one more")
    assert [event["kind"] for event in model.log[length:]] == [STATE_UPDATE, "MessageEvent", STATE_UPDATE]


def test_recorded_runs_take_as_long_as_they_took() -> None:
    first = recorded("agent-server-1.57.0").runs[0]
    assert [step.duration_s for step in first.steps] == pytest.approx([0.003765, 0.002042])


# --- senseless workloads ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("build", "says"),
    [
        (lambda: AgentWorkload(history_events=-1), "history_events is -1"),
        (lambda: AgentWorkload(history_events=10**9), "more than 1000000"),
        (lambda: RunPlan(end_status="done"), "end_status is 'done', not one of finished"),  # type: ignore[arg-type]
        (lambda: RunPlan(init_s=-1), "init_s is -1"),
        (lambda: AgentStep(float("nan"), action("c", "ls")), "duration_s is nan"),
        (lambda: AgentStep(0.0, {}), "at least `kind` and `source`"),
        (lambda: pairs(-1), "pairs is -1"),
        (lambda: BackgroundAction(-1, "x"), "at is -1"),
        (lambda: recorded("yesterday"), "no recording called 'yesterday'; there are agent-server-1.57.0"),
        (lambda: ServerSettings("new"), "generation is 'new', not one of legacy"),  # type: ignore[arg-type]
    ],
)
def test_a_senseless_workload_is_refused_in_one_sentence(build: Any, says: str) -> None:
    with pytest.raises(ConfigError) as refused:
        build()
    assert says in str(refused.value)


# --- the outbox ---------------------------------------------------------------------------------------------


def test_an_outbox_is_first_in_first_out_by_due_time() -> None:
    outbox = Outbox()
    frames = [OutgoingFrame(str(number), {}) for number in range(3)]
    for frame in frames:
        outbox.offer(frame, [], 1.0)
    assert outbox.pop(0.5) is None
    assert [outbox.pop(1.0) for _ in range(4)] == [*frames, None]
    assert outbox.next_due_s() == float("inf")
