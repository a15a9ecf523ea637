"""The published server's store: a conversation's directory, written before the server starts and read while it runs.

A store is written from a `Template`: what this version of the server itself has written in two runs. So the history has
the shape that the version gives it. Ids are made up, and timestamps are a second apart before the world begins.
"""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from gapless.simserver.conversation.event_bodies import STATE_UPDATE, EventBody
from gapless.simserver.conversation.ids import Ids

DIRECTORY: Final = "@GAPLESS-DIRECTORY@"  # stands in a template for the directory of a kept server
CONVERSATION: Final = "@GAPLESS-CONVERSATION@"  # stands for the conversation's id as 32 hexadecimal digits
HISTORY_MAX: Final = 5_000  # each event is a file, which the server reads when it starts a run
_SPACING_S: Final = 1
_STEP_EVENTS: Final = 3  # an action, its observation, and what the model's call has cost


@dataclass(frozen=True, slots=True)
class Template:
    """What a server has written. ``meta``, ``new_state``: of a new conversation; ``state``: of one that has finished;
    ``events``: its log, with two runs in it."""

    meta: str
    new_state: str
    state: str
    events: tuple[EventBody, ...]

    def text(self) -> str:
        """As JSON."""
        fields = {"meta": self.meta, "new_state": self.new_state, "state": self.state, "events": self.events}
        return json.dumps(fields, indent=1)

    @classmethod
    def parse(cls, text: str) -> Template:
        """From JSON."""
        said = json.loads(text)
        return cls(said["meta"], said["new_state"], said["state"], tuple(said["events"]))


class ConversationStore:
    """The directory of one conversation. ``events``: its log, as far as it was read."""

    def __init__(self, conversations: Path, conversation_id: str) -> None:
        self._hex = uuid.UUID(conversation_id).hex
        self._home = conversations.parent
        self._directory = conversations / self._hex
        self.conversation_id = conversation_id
        self.events: list[EventBody] = []

    def __repr__(self) -> str:
        return f"ConversationStore({self.conversation_id}, {len(self.events)} events)"

    def write(self, template: Template, history_events: int, payload_bytes: int, epoch: datetime) -> None:
        """Write a conversation that is as long as this, and whose last run has finished."""
        log = tuple(_history(template, history_events, payload_bytes, Ids(self.conversation_id), epoch))
        (self._directory / "events").mkdir(parents=True)
        state = json.loads(template.state if log else template.new_state)
        if log:
            state["leaf_event_id"] = _last(log, lambda one: one["kind"] != STATE_UPDATE)
            state["last_user_message_id"] = _last(log, lambda one: one["kind"] == "MessageEvent")
        self._write("base_state.json", state)
        # The server has the tool already; its clients need not have it.
        self._write("meta.json", json.loads(template.meta) | {"tool_module_qualnames": {}})
        for index, event in enumerate(log):
            self._write(f"events/event-{index:05d}-{event['id']}.json", event)
        self.events = list(log)

    def read(self) -> list[EventBody]:
        """The events that were appended since last asked."""
        try:
            names = [one.name for one in os.scandir(self._directory / "events")]
        except FileNotFoundError:  # the conversation was deleted
            return []
        known = len(self.events)
        if len(names) <= known:
            return []
        new = sorted(name for name in names if name.startswith("event-") and int(name.split("-")[1]) >= known)
        found = [json.loads((self._directory / "events" / name).read_text(encoding="utf-8")) for name in new]
        self.events += found
        return found

    def template(self, new_state: str) -> Template:
        """What the server has written here. ``new_state``: what `state` said when the conversation was new."""
        self.read()
        events = json.loads(self._general(json.dumps(self.events)))
        return Template(self._general(self._text("meta.json")), new_state, self.state(), tuple(events))

    def state(self) -> str:
        """The saved state, without what is of this directory alone."""
        return self._general(self._text("base_state.json"))

    def _text(self, name: str) -> str:
        return (self._directory / name).read_text(encoding="utf-8")

    def _general(self, text: str) -> str:
        text = text.replace(str(self._home), DIRECTORY)
        return text.replace(self._hex, CONVERSATION).replace(self.conversation_id, _dashed(CONVERSATION))

    def _write(self, name: str, value: Mapping[str, Any]) -> None:
        text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
        text = text.replace(DIRECTORY, str(self._home)).replace(_dashed(CONVERSATION), self.conversation_id)
        (self._directory / name).write_text(text.replace(CONVERSATION, self._hex), encoding="utf-8")


def _dashed(placeholder: str) -> str:
    return f"{placeholder}-dashed"


# --- the history -----------------------------------------------------------------------------------------------------


def _last(log: Sequence[EventBody], wanted: Any) -> str | None:
    return next((str(event["id"]) for event in reversed(log) if wanted(event)), None)


def _history(template: Template, length: int, payload_bytes: int, ids: Ids, epoch: datetime) -> Iterator[EventBody]:
    """The first events of a log: a system prompt, and then finished runs. Early ones are longer, to fill it up."""
    chosen = _chosen(template, length)
    last_branch: str | None = None
    actions: dict[str, str] = {}
    message: str | None = None
    for index, body in enumerate(chosen):
        event_id = ids.make(index)
        at = epoch + timedelta(seconds=_SPACING_S * (index - length))
        event = json.loads(json.dumps(body))
        event |= {"id": event_id, "timestamp": at.isoformat(timespec="microseconds")}
        if "parent_id" in event or last_branch is not None:
            event["parent_id"] = last_branch
        if event["kind"] == "ActionEvent":
            _name_call(event, f"history-{index}", payload_bytes)
            actions[event["tool_call_id"]] = event_id
        elif event["kind"] == "ObservationEvent":
            event["tool_call_id"] = next(reversed(actions))
            event["action_id"] = actions[event["tool_call_id"]]
        elif event.get("key") == "last_user_message_id":
            event["value"] = message
        if event["kind"] == "MessageEvent":
            message = event_id
        if event["kind"] != STATE_UPDATE:
            last_branch = event_id
        yield event


def _name_call(event: EventBody, call_id: str, payload_bytes: int) -> None:
    """Let an action have a call of its own, with filler in it."""
    event["tool_call_id"] = event["tool_call"]["id"] = call_id
    event["llm_response_id"] = f"completion-{call_id}"
    if payload_bytes and "thought" in event["action"]:
        event["action"]["thought"] += " " + "x" * payload_bytes
        event["tool_call"]["arguments"] = json.dumps(
            {name: value for name, value in event["action"].items() if name != "kind"}
        )


def _chosen(template: Template, length: int) -> list[EventBody]:
    """The bodies of a history, from what the server has written."""
    if not length:
        return []
    log = template.events
    woken = next(number for number, one in enumerate(log) if one.get("value") == "idle")
    first = list(log[1:woken])
    later = [log[woken], *first]
    told = _position(first, "last_user_message_id")
    greeting, stats = first[: told + 1], next(one for one in log if one.get("key") == "stats")
    left = length - 1
    runs = max(0, (left - len(_shortest(first))) // len(later))
    left -= runs * len(later)
    if left < len(_shortest(first)):  # too short for a run: messages that were never answered
        messages = [*greeting * (left // len(greeting)), *[stats] * (left % len(greeting))]
        return [log[0], *messages]
    steps, rest = divmod(left - len(_shortest(first)), _STEP_EVENTS)
    extra = greeting if rest == len(greeting) else [stats] * rest
    return [log[0], *extra, *_with_steps(first, steps), *(one for _ in range(runs) for one in later)]


def _position(events: Sequence[EventBody], key: str) -> int:
    return next(number for number, one in enumerate(events) if one.get("key") == key)


def _shortest(run: Sequence[EventBody]) -> list[EventBody]:
    """A run without its steps: its last action finishes it."""
    return _with_steps(run, 0)


def _with_steps(run: Sequence[EventBody], steps: int) -> list[EventBody]:
    begin = next(number for number, one in enumerate(run) if one["kind"] == "ActionEvent")
    finish = next(number for number, one in enumerate(run) if one.get("tool_name") == "finish")
    return [*run[:begin], *(list(run[begin : begin + _STEP_EVENTS]) * steps), *run[finish:]]
