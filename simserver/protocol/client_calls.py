"""Calls that published clients make beside those of `rest`: settings, questions to the agent, branches, the catalog.

The simulated agent has no model, profiles, goals or hooks. Calls about those are taken, answered in the real server's
shape, and change nothing. Calls that change the conversation do: a confirmation, a new HEAD, a title.
"""

from __future__ import annotations

import json
from typing import Any

from gapless.simserver.conversation.event_bodies import encode
from gapless.simserver.protocol import wire
from gapless.simserver.protocol.rest import RestAnswer, RestRequest, info
from gapless.simserver.protocol.served_world import ServedWorld


def confirm(world: ServedWorld, asked: RestRequest) -> RestAnswer:
    """``POST …/events/respond_to_confirmation``. 409 when nothing waits for an answer."""
    body = _object(asked)
    if not isinstance(body.get("accept"), bool):
        return _missing("accept")
    world.confirm(accept=body["accept"], reason=str(body.get("reason", "User rejected the action.")))
    return RestAnswer(200, wire.SUCCESS)


def navigate(world: ServedWorld, asked: RestRequest) -> RestAnswer:
    """``POST …/navigate``: HEAD moves to an event, or before the first one when ``event_id`` is null."""
    event_id = _object(asked).get("event_id")
    if event_id is not None and world.archive.view().index_of(str(event_id)) is None:
        return RestAnswer(404, wire.detail(f"Unknown event_id: {event_id}"))
    world.navigate_to(None if event_id is None else str(event_id))
    return RestAnswer(200, encode(info(world, runtime=True)))


def fork(world: ServedWorld, asked: RestRequest) -> RestAnswer:
    """``POST …/fork``. The copy has an id of its own, and is not served."""
    copy = world.fork()
    origin = {"forked_from_conversation_id": world.agent.conversation_id, "forked_from_event_id": world.agent.leaf}
    return RestAnswer(201, encode({**info(world, runtime=False), "id": copy, **origin}))


def patch(world: ServedWorld, asked: RestRequest) -> RestAnswer:
    """``PATCH`` of the conversation: its title."""
    title = _object(asked).get("title")
    if title is not None:
        world.agent.title = str(title)[:200]
    return RestAnswer(200, wire.SUCCESS)


def ask_agent(world: ServedWorld, asked: RestRequest) -> RestAnswer:
    """``POST …/ask_agent``: a question that does not change the conversation."""
    if not isinstance(_object(asked).get("question"), str):
        return _missing("question")
    return RestAnswer(200, encode({"response": "I am simulated."}))


def final_response(world: ServedWorld, asked: RestRequest) -> RestAnswer:
    """``GET …/agent_final_response``. The simulated agent never says anything, so it is empty, as before an answer."""
    return RestAnswer(200, encode({"response": ""}))


def taken(world: ServedWorld, asked: RestRequest) -> RestAnswer:
    """A call about what the simulated agent does not have. It changes nothing."""
    return RestAnswer(200, wire.SUCCESS)


def hooks(world: ServedWorld, asked: RestRequest) -> RestAnswer:
    """``POST /api/hooks``: there are none."""
    return RestAnswer(200, encode({"hook_config": None}))


def trajectory(world: ServedWorld, asked: RestRequest) -> RestAnswer:
    """``GET /api/file/download-trajectory/{id}``. The real server sends a zip file; this is the log as JSON."""
    log = world.archive.view()
    return RestAnswer(200, f"[{','.join(log.text_at(index) for index in log.readable())}]", len(log))


def several_events(world: ServedWorld, asked: RestRequest) -> RestAnswer:
    """``GET …/events?ids=``: null for an event that is not there."""
    log, texts = asked.view(world), []
    for event_id in asked.query.getlist("ids"):
        index = log.index_of(event_id)
        texts.append("null" if index is None or index in log.unreadable else log.text_at(index))
    return RestAnswer(200, f"[{','.join(texts)}]", len(texts))


def several_conversations(world: ServedWorld, asked: RestRequest) -> RestAnswer:
    """``GET /api/conversations?ids=``: null for a conversation that is not there."""
    found = [
        info(world, runtime=True) if world.has_conversation(conversation_id) else None
        for conversation_id in asked.query.getlist("ids")
    ]
    return RestAnswer(200, encode(found))


def search_conversations(world: ServedWorld, asked: RestRequest) -> RestAnswer:
    """``GET /api/conversations/search``: the one conversation of the world."""
    items = [info(world, runtime=True)] if _is_listed(world, asked) else []
    return RestAnswer(200, encode({"items": items, "next_page_id": None}))


def count_conversations(world: ServedWorld, asked: RestRequest) -> RestAnswer:
    """``GET /api/conversations/count``."""
    return RestAnswer(200, str(int(_is_listed(world, asked))))


def _is_listed(world: ServedWorld, asked: RestRequest) -> bool:
    status = asked.query.get("status")
    return world.has_conversation(world.agent.conversation_id) and status in (None, world.agent.status)


def _object(asked: RestRequest) -> dict[str, Any]:
    try:
        body = json.loads(asked.body or b"{}")
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def _missing(name: str) -> RestAnswer:
    problem = {"type": "missing", "loc": ["body", name], "msg": "Field required", "input": {}}
    return RestAnswer(422, encode({"detail": [problem]}))
