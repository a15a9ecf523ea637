"""The bodies of events, as agent-server 1.57.0 writes them.

A *template* is a body without id, timestamp and parent. `stamp` adds these, and puts the fields in the real server's
order.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Final

EventBody = dict[str, Any]

STATE_UPDATE: Final = "ConversationStateUpdateEvent"
STAMPED: Final = frozenset({"id", "timestamp", "source", "parent_id", "kind"})
_STAMPED_ANEW: Final = frozenset({"id", "timestamp", "parent_id"})

# No check for circles: event bodies are built here, from what was JSON or is literally written in this package.
encode: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False).encode
"""JSON as the real server writes it: no spaces, and non-ASCII characters as they are."""


def timestamp(epoch: datetime, offset_us: int) -> str:
    """A naive local ISO timestamp, always with microseconds."""
    seconds, us = divmod(epoch.microsecond + offset_us, 1_000_000)
    return f"{_whole_second(epoch, seconds)}.{us:06}"


@lru_cache(maxsize=256)
def _whole_second(epoch: datetime, seconds: int) -> str:
    return (epoch + timedelta(seconds=seconds)).isoformat(timespec="seconds")


def stamp(template: EventBody, event_id: str, at: str, parent_id: str | None) -> EventBody:
    """The template with id, timestamp and parent. Without a parent there is no key ``parent_id``."""
    event: EventBody = {"id": event_id, "timestamp": at, "source": template["source"]}
    if parent_id is not None:
        event["parent_id"] = parent_id
    if _STAMPED_ANEW.isdisjoint(template):
        event |= template
        event["kind"] = event.pop("kind")
        return event
    for name, value in template.items():
        if name not in STAMPED:
            event[name] = value
    event["kind"] = template["kind"]
    return event


# Fields that servers have since the tree generation, by kind. Older clients (SDK 1.11.0) reject events with them.
_SINCE_THE_TREE: Final = {"ObservationEvent": "extended_content", "AgentErrorEvent": "classification"}


def legacy(template: EventBody) -> EventBody:
    """The template as servers of the legacy generation write it."""
    later = _SINCE_THE_TREE.get(template["kind"])
    return {name: value for name, value in template.items() if name != later}


_SAID: Final = frozenset({"execution_status", "last_user_message_id"})


def meaning(event: EventBody) -> tuple[Any, ...]:
    """What an event says: its kind, the state that it names, and what a user or the conversation's state has said."""
    said = event.get("value") if event.get("key") in _SAID else None
    if event["kind"] == "MessageEvent" and event["source"] == "user":
        said = "".join(part.get("text", "") for part in event["llm_message"]["content"])
    return event["kind"], event.get("key"), said


def is_branch_event(event: EventBody) -> bool:
    """Whether the event becomes the leaf when it is persisted. All kinds but state updates do."""
    return bool(event["kind"] != STATE_UPDATE)


def system_prompt() -> EventBody:
    return {
        "kind": "SystemPromptEvent",
        "source": "agent",
        "system_prompt": {"cache_prompt": False, "type": "text", "text": "You are a simulated agent."},
        "tools": [],
    }


def user_message(text: str, *, source: str = "user") -> EventBody:
    return {
        "kind": "MessageEvent",
        "source": source,
        "llm_message": {
            "role": "user",
            "content": [{"cache_prompt": False, "type": "text", "text": text}],
            "thinking_blocks": [],
        },
        "activated_skills": [],
        "extended_content": [],
    }


def state_update(key: str, value: Any) -> EventBody:
    return {"kind": STATE_UPDATE, "source": "environment", "key": key, "value": value}


def rejection(reason: str) -> EventBody:
    """What stands in place of an observation when the user rejects an action."""
    return {
        "kind": "UserRejectObservation",
        "source": "environment",
        "tool_name": "terminal",
        "tool_call_id": "rejected",
        "rejection_reason": reason,
        "rejection_source": "user",
        "action_id": None,
    }


def conversation_error(code: str, detail: str) -> EventBody:
    return {"kind": "ConversationErrorEvent", "source": "environment", "code": code, "detail": detail}


def statistics(updates: int) -> EventBody:
    """The conversation's statistics after so many updates. Each update has its own cost, so an old one shows (R83)."""
    return {"usage_to_metrics": {"agent": {"accumulated_cost": updates / 100}} if updates else {}}


def agent_error(tool: str, call_id: str) -> EventBody:
    """The error that takes the place of an observation when the process died before the action was done."""
    return {
        "kind": "AgentErrorEvent",
        "source": "agent",
        "tool_name": tool,
        "tool_call_id": call_id,
        "error": "A restart occurred while this tool was in progress (simulated).",
        "classification": {"kind": "internal", "retryable": False, "user_action": "none"},
    }


def completion_log() -> EventBody:
    return {
        "kind": "LLMCompletionLogEvent",
        "source": "environment",
        "filename": "completion.json",
        "log_data": "{}",
        "model_name": "simulated",
        "usage_id": "agent",
    }


def delta(text: str) -> EventBody:
    return {"kind": "StreamingDeltaEvent", "source": "agent", "content": text, "reasoning_content": None}


def action(call_id: str, command: str, *, tool: str = "terminal") -> EventBody:
    arguments = json.dumps({"command": command})
    return {
        "kind": "ActionEvent",
        "source": "agent",
        "thought": [],
        "thinking_blocks": [],
        "action": {"command": command, "kind": "TerminalAction"},
        "tool_name": tool,
        "tool_call_id": call_id,
        "tool_call": {"id": call_id, "name": tool, "arguments": arguments, "origin": "completion"},
        "llm_response_id": f"response-{call_id}",
        "security_risk": "UNKNOWN",
        "summary": f"{tool}: {command}",
    }


def observation(call_id: str, text: str, *, tool: str = "terminal") -> EventBody:
    """The observation for an action. The agent fills in ``action_id`` when it appends the event."""
    return {
        "kind": "ObservationEvent",
        "source": "environment",
        "tool_name": tool,
        "tool_call_id": call_id,
        "observation": {
            "content": [{"cache_prompt": False, "type": "text", "text": text}],
            "is_error": False,
            "kind": "TerminalObservation",
        },
        "action_id": None,
        "extended_content": [],
    }
