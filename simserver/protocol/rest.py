"""What the REST calls answer: one function for each call. `rest_calls.py` performs them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from starlette.datastructures import QueryParams

from gapless.simserver.conversation.archive import LogView
from gapless.simserver.conversation.event_bodies import encode
from gapless.simserver.faults.verdicts import (
    CapPage,
    EmptyPage,
    FaultVerdict,
    ForgetCursor,
    ItemShape,
    LoopCursor,
    SpoilItem,
    StaleView,
)
from gapless.simserver.protocol import pages, validation, wire
from gapless.simserver.protocol.pages import Filters, SearchPage
from gapless.simserver.protocol.served_world import ServedWorld
from gapless.simserver.protocol.validation import SentMessage, TextContent

# What stands in the place of an item that cannot be decoded.
SPOILED: Final[dict[ItemShape, str]] = {
    "null": "null",
    "text": '"event 17"',
    "no-id": '{"kind":"MessageEvent","source":"user","timestamp":"never"}',
}

# Empty fields, by kind. The real server writes them when a single event is asked for, and leaves them out elsewhere.
_EMPTY: Final[dict[str, tuple[str, ...]]] = {
    "SystemPromptEvent": ("dynamic_context",),
    "MessageEvent": ("llm_response_id", "sender", "critic_result"),
    "ActionEvent": ("critic_result", "reasoning_content", "responses_reasoning_item"),
}
_EMPTY_INSIDE: Final[dict[str, tuple[str, ...]]] = {
    "llm_message": ("tool_calls", "tool_call_id", "name", "reasoning_content", "responses_reasoning_item"),
    "tool_call": ("responses_item_id",),
}
_ALREADY_RUNNING: Final = "Conversation already running. Wait for completion or pause first."


@dataclass(frozen=True, slots=True)
class RestRequest:
    """A call.

    event_id: from the path, if it has one; query, body: as received; verdicts: of the faults; cursor_before: the
    ``page_id`` of the search before this one; client: which client asks.
    """

    event_id: str | None
    query: QueryParams
    body: bytes
    verdicts: Sequence[FaultVerdict] = ()
    cursor_before: str | None = None
    client: int = 1

    @property
    def by(self) -> str:
        """Who asks, as the journal says it of a run."""
        return "client" if self.client == 1 else f"client-{self.client}"

    def view(self, world: ServedWorld) -> LogView:
        """The log as this call sees it: an older one, when a fault says so."""
        lags_s = (verdict.lag_s for verdict in self.verdicts if isinstance(verdict, StaleView))
        return world.archive.view(max(lags_s, default=0.0), now_s=world.now_s())


@dataclass(frozen=True, slots=True)
class RestAnswer:
    """An answer.

    status: of HTTP; text: the JSON body; events_read: how many events the server read; page: of a search, for the
    journal.
    """

    status: int
    text: str
    events_read: int = 0
    page: SearchPage | None = None
    media_type: str = "application/json"


def create(world: ServedWorld, asked: RestRequest) -> RestAnswer:
    """``POST /api/conversations``. Returns the one conversation of the world.

    The newest release honours the body: ``conversation_id`` is the id of a conversation in which nothing is yet, and
    ``initial_message`` is appended and starts a run. Earlier ones are simulated as if they ignored both.
    """
    if world.settings.is_newest:
        try:
            body = json.loads(asked.body or b"{}")
        except (ValueError, RecursionError):
            return RestAnswer(422, wire.detail("body: expected JSON"))
        if not isinstance(body, dict):
            return RestAnswer(422, wire.detail("body: expected an object"))
        wanted, first = body.get("conversation_id"), body.get("initial_message")
        if wanted is not None:
            problem = wire.invalid(validation.ID, wanted, "body", "conversation_id")
            if problem is not None:
                return RestAnswer(422, problem)
            world.adopt(str(wanted))
        if first is not None and not isinstance(first, dict):
            return RestAnswer(422, wire.detail("initial_message: expected an object"))
        if first is not None:
            sent = message(world, RestRequest(None, asked.query, encode({"run": True, **first}).encode()))
            if sent.status != 200:
                return sent
    return RestAnswer(201, encode(info(world, runtime=False)))


def conversation(world: ServedWorld, asked: RestRequest) -> RestAnswer:
    """``GET /api/conversations/{id}``."""
    return RestAnswer(200, encode(info(world, runtime=True)))


def delete(world: ServedWorld, asked: RestRequest) -> RestAnswer:
    """``DELETE /api/conversations/{id}``."""
    world.delete()
    return RestAnswer(200, wire.SUCCESS)


def message(world: ServedWorld, asked: RestRequest) -> RestAnswer:
    """``POST …/events``: a user message, which may also start a run."""
    try:
        body = json.loads(asked.body)
    except (ValueError, RecursionError):
        return RestAnswer(422, wire.detail("body: expected JSON"))
    problem = wire.invalid(validation.MESSAGE, body, "body")
    if problem is not None:
        return RestAnswer(422, problem)
    sent: SentMessage = validation.MESSAGE.validate_python(body)
    text = "".join(part.text for part in sent.content if isinstance(part, TextContent))
    world.send_message(text, client=asked.client)
    if sent.run:
        world.runs.begin(by=asked.by)  # False when a run is in progress, which then takes the message
    return RestAnswer(200, wire.SUCCESS)


def run(world: ServedWorld, asked: RestRequest) -> RestAnswer:
    """``POST …/run``. 409 while a run is in progress."""
    if not world.runs.begin(by=asked.by):
        return RestAnswer(409, wire.detail(_ALREADY_RUNNING))
    return RestAnswer(200, wire.SUCCESS)


def pause(world: ServedWorld, asked: RestRequest) -> RestAnswer:
    """``POST …/pause`` and ``POST …/interrupt``."""
    world.runs.pause()
    return RestAnswer(200, wire.SUCCESS)


def setting(world: ServedWorld, asked: RestRequest) -> RestAnswer:
    """``POST`` of secrets, a confirmation policy or a security analyzer. The simulated agent ignores them."""
    return RestAnswer(200, wire.SUCCESS)


def search(world: ServedWorld, asked: RestRequest) -> RestAnswer:
    """``GET …/events/search``: one page of the log."""
    query, log, settings = asked.query, asked.view(world), world.settings
    for adapter, name, default in (
        (validation.LIMIT, "limit", "100"),
        (validation.ORDER, "sort_order", "TIMESTAMP"),
    ):
        problem = wire.invalid(adapter, query.get(name, default), "query", name)
        if problem is not None:
            return RestAnswer(422, problem)
    filters = _filters(query)
    if isinstance(filters, RestAnswer):
        return filters
    start = None
    page_id = query.get("page_id")
    if page_id is not None:
        forgotten = any(isinstance(verdict, ForgetCursor) for verdict in asked.verdicts)
        start = None if forgotten else log.index_of(page_id)
        if start is None and settings.unknown_cursor != "natural":
            status = 404 if settings.unknown_cursor == "not-found" else 400
            return RestAnswer(status, wire.detail(f"Unknown page_id: {page_id}"))
    limit = int(query.get("limit", "100"))
    caps = [one for one in asked.verdicts if isinstance(one, CapPage)]
    page = pages.search(
        log,
        start=start,
        limit=min(limit, *(one.items_max or 100 for one in caps), 100),
        descending=query.get("sort_order") == "TIMESTAMP_DESC",
        cursor=settings.cursor,
        filters=filters,
        bytes_max=min((one.bytes_max for one in caps if one.bytes_max is not None), default=None),
    )
    for verdict in asked.verdicts:
        if isinstance(verdict, EmptyPage):
            page = SearchPage((), None if verdict.blank else page_id, page.events_read)
        elif isinstance(verdict, LoopCursor):
            page = SearchPage(page.indices, _looped(verdict, asked, page, log), page.events_read)
    texts = [log.text_at(index) for index in page.indices]
    for verdict in asked.verdicts:
        if isinstance(verdict, SpoilItem) and texts:
            texts[min(verdict.item, len(texts) - 1)] = SPOILED[verdict.shape]
    text = wire.page(texts, page.next_page_id)
    return RestAnswer(200, text, page.events_read, page)


def _looped(verdict: LoopCursor, asked: RestRequest, page: SearchPage, log: LogView) -> str | None:
    """The next cursor of a page that leads back."""
    if verdict.period == 2:
        return asked.cursor_before or page.next_page_id
    first = log.id_at(page.indices[0]) if page.indices else None
    return asked.query.get("page_id") or first


def count(world: ServedWorld, asked: RestRequest) -> RestAnswer:
    """``GET …/events/count``: how many events the log has, or how many pass the filters."""
    filters = _filters(asked.query)
    if isinstance(filters, RestAnswer):
        return filters
    log = asked.view(world)
    if not filters.any:
        return RestAnswer(200, str(len(log)))  # reads no record, so it counts unreadable ones too (R59)
    return RestAnswer(200, str(len(pages.matching(log, filters))), len(log))


def event(world: ServedWorld, asked: RestRequest) -> RestAnswer:
    """``GET …/events/{event_id}``."""
    log, event_id = asked.view(world), asked.event_id or ""
    index = log.index_of(event_id)
    if index is None or index in log.unreadable:
        if world.settings.is_newest:
            return RestAnswer(404, wire.detail("Not Found"))
        # Measured on agent-server 1.57.0: an unknown id gets 500, not 404.
        failure = {
            "detail": "Internal Server Error",
            "exception": f"'Unknown event_id: {event_id}'",
            "error_id": hashlib.sha256(event_id.encode()).hexdigest()[:32],
        }
        return RestAnswer(500, encode(failure))
    found = log[index]
    full = {name: found[name] for name in ("id", "timestamp", "source")}
    if world.settings.has_tree:
        full["parent_id"] = None
    full |= dict.fromkeys(_EMPTY.get(found["kind"], ()))
    full |= {name: value for name, value in found.items() if name != "kind"}
    for name, empty in _EMPTY_INSIDE.items():
        if name in full:
            full[name] = dict.fromkeys(empty) | full[name]
    return RestAnswer(200, encode(full | {"kind": found["kind"]}), 1)


def _filters(query: QueryParams) -> Filters | RestAnswer:
    moments: dict[str, str | None] = {}
    for name in ("timestamp__gte", "timestamp__lt"):
        text = query.get(name)
        problem = None if text is None else wire.invalid(validation.TIME, text, "query", name)
        if problem is not None:
            return RestAnswer(422, problem)
        moments[name] = None if text is None else wire.naive_timestamp(text)
    return Filters(
        kind=query.get("kind"),
        source=query.get("source"),
        body=query.get("body"),
        since=moments["timestamp__gte"],
        before=moments["timestamp__lt"],
    )


def info(world: ServedWorld, *, runtime: bool) -> dict[str, Any]:
    """A ConversationInfo in the shape of the recordings. ``runtime``: whether ``runtime_info`` is filled in."""
    agent = world.agent
    result: dict[str, Any] = {
        "id": agent.conversation_id,
        "workspace": {"working_dir": "/workspace", "kind": "LocalWorkspace"},
        "persistence_dir": "/persistence",
        "max_iterations": 500,
        "stuck_detection": True,
        "execution_status": agent.status,
        "confirmation_policy": {"kind": "NeverConfirm"},
        "security_analyzer": None,
        "activated_knowledge_skills": [],
        "invoked_skills": [],
        "blocked_actions": {},
        "blocked_messages": {},
        "last_user_message_id": agent.last_user_message_id,
    }
    if world.settings.has_tree:
        result["leaf_event_id"] = agent.leaf
    created, updated = agent.epoch, agent.epoch + timedelta(seconds=world.now_s())
    result |= {"stats": {"usage_to_metrics": {}}, "secret_registry": {"secret_sources": {}}, "agent_state": {}}
    result |= {"hook_config": None, "title": agent.title, "metrics": None}
    result |= {"created_at": f"{created.isoformat()}Z", "updated_at": f"{updated.isoformat()}Z"}
    result |= {"forked_from_conversation_id": None, "forked_from_event_id": None}
    result |= {"parent_conversation_id": None, "sub_conversation_ids": [], "tags": {}}
    result |= {"current_model_id": None, "available_models": [], "supports_runtime_model_switch": False}
    result |= {"launched_agent_profile": None, "agent": {"kind": "Agent", "llm": {"model": "simulated"}}}
    result |= {"client_tools": [], "tool_module_qualnames": {}, "runtime_info": None}
    if runtime:
        is_there = world.runtime == "available"
        result["runtime_info"] = {
            "runtime_status": world.runtime,
            "can_resume": is_there or world.can_resume,
            "runtime_error": None,
        }
    return result


Decide = Callable[["ServedWorld", RestRequest], RestAnswer]
