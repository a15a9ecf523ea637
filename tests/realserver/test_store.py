"""A conversation's store: written in the shape of a template, and read while it grows."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import pytest

from gapless.scenarios.realserver.store import CONVERSATION, DIRECTORY, ConversationStore, Template
from gapless.simserver.conversation.event_bodies import STATE_UPDATE, EventBody

CONVERSATION_ID = "11111111-2222-4333-8444-555555555555"
EPOCH = datetime(2026, 1, 1, 12)  # noqa: DTZ001 - the real server's timestamps are naive


def _update(key: str, value: object) -> EventBody:
    return {"id": "x", "timestamp": "", "parent_id": "p", "kind": STATE_UPDATE, "key": key, "value": value}


def _pair(tool: str) -> list[EventBody]:
    call = {"id": "call-1", "name": tool, "arguments": "{}"}
    action = {"thought": "step", "kind": "ThinkAction"} if tool == "think" else {"message": "", "kind": "FinishAction"}
    return [
        {
            "id": "x",
            "timestamp": "",
            "parent_id": "p",
            "kind": "ActionEvent",
            "tool_name": tool,
            "tool_call_id": "call-1",
            "tool_call": call,
            "action": action,
        },
        {"id": "x", "timestamp": "", "parent_id": "p", "kind": "ObservationEvent", "tool_call_id": "call-1"},
    ]


_RUN = [
    {"id": "m", "timestamp": "", "parent_id": "p", "kind": "MessageEvent"},
    _update("last_user_message_id", "m"),
    _update("execution_status", "running"),
    *_pair("think"),
    _update("stats", {}),
    *_pair("finish"),
    _update("execution_status", "finished"),
    _update("stats", {}),
]
TEMPLATE = Template(
    json.dumps({"id": CONVERSATION, "workspace": f"{DIRECTORY}/workspace", "tool_module_qualnames": {"a": "b"}}),
    json.dumps({"execution_status": "idle"}),
    json.dumps({"execution_status": "finished", "leaf_event_id": "old", "last_user_message_id": "old"}),
    (
        {"id": "s", "timestamp": "", "kind": "SystemPromptEvent"},
        *_RUN,
        _update("execution_status", "idle"),
        *_RUN,
    ),
)


def _written(home: Path, length: int, payload_bytes: int = 0) -> ConversationStore:
    store = ConversationStore(home / "conversations", CONVERSATION_ID)
    store.write(TEMPLATE, length, payload_bytes, EPOCH)
    return store


@pytest.mark.parametrize("length", [0, 1, 2, 3, 7, 8, 9, 10, 20, 21, 22, 99, 300])
def test_a_history_of_any_length_is_one_branch_that_ends_finished(tmp_path: Path, length: int) -> None:
    log = _written(tmp_path, length).events
    assert len(log) == length
    leaf = None
    for event in log:
        assert event.get("parent_id") == leaf
        if event["kind"] != STATE_UPDATE:
            leaf = event["id"]
    assert len({event["id"] for event in log}) == length
    statuses = [event["value"] for event in log if event.get("key") == "execution_status"]
    assert statuses[-1:] == (["finished"] if length >= 8 else [])
    state = json.loads((tmp_path / "conversations" / CONVERSATION_ID.replace("-", "") / "base_state.json").read_text())
    assert state.get("leaf_event_id") == leaf


def test_observations_name_their_actions_and_updates_their_messages(tmp_path: Path) -> None:
    log = _written(tmp_path, 60, payload_bytes=500).events
    calls = {event["tool_call_id"]: event["id"] for event in log if event["kind"] == "ActionEvent"}
    observations = [event for event in log if event["kind"] == "ObservationEvent"]
    assert [calls[event["tool_call_id"]] for event in observations] == [event["action_id"] for event in observations]
    messages = [event["id"] for event in log if event["kind"] == "MessageEvent"]
    assert [event["value"] for event in log if event.get("key") == "last_user_message_id"] == messages
    assert any(len(json.dumps(event)) > 500 for event in log if event["kind"] == "ActionEvent")


def test_what_is_of_one_directory_stands_for_the_next_one(tmp_path: Path) -> None:
    _written(tmp_path, 20)
    meta = json.loads((tmp_path / "conversations" / CONVERSATION_ID.replace("-", "") / "meta.json").read_text())
    assert meta == {
        "id": CONVERSATION_ID.replace("-", ""),
        "workspace": f"{tmp_path}/workspace",
        "tool_module_qualnames": {},
    }
    assert Template.parse(TEMPLATE.text()) == TEMPLATE


def test_new_events_are_read_once_and_in_their_order(tmp_path: Path) -> None:
    store = _written(tmp_path, 20)
    events = tmp_path / "conversations" / CONVERSATION_ID.replace("-", "") / "events"
    assert store.read() == []
    for index in (21, 20):
        (events / f"event-{index:05d}-new{index}.json").write_text(json.dumps({"id": f"new{index}", "kind": "X"}))
    (events / ".eventlog-len-22.marker").touch()
    assert [event["id"] for event in store.read()] == ["new20", "new21"]
    assert store.read() == []
    assert len(store.events) == 22
