"""Requests as HTTP, and answers as events of the core. Pure; every driver uses it, so they cannot differ.

Whatever a server sends ends in an event: what cannot be read is a failed request, and never an exception.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from gapless.syncclient import wire
from gapless.syncclient.core import actions, events
from gapless.syncclient.decisions import decision
from gapless.syncclient.errors import ProtocolViolation

_BODY_SHOWN_CHARS = 200


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request to send; `path` begins with a slash."""

    method: str
    path: str
    query: dict[str, str] = field(default_factory=dict)
    body: object | None = None


def http(ask: actions.Ask, conversation_id: str) -> HttpRequest:
    """The request as HTTP."""
    path = f"/api/conversations/{conversation_id}"
    match ask:
        case actions.FetchPage(_, page_id, limit, descending):
            query = {"limit": str(limit)}
            if page_id is not None:
                query["page_id"] = page_id
            if descending:
                query["sort_order"] = "TIMESTAMP_DESC"
            return HttpRequest("GET", f"{path}/events/search", query)
        case actions.FetchInfo():
            return HttpRequest("GET", path)
        case actions.FetchCount():
            return HttpRequest("GET", f"{path}/events/count")
        case actions.FetchServerInfo():
            return HttpRequest("GET", "/server_info")
        case actions.PostMessage(_, text):
            content = [{"type": "text", "text": text}]
            return HttpRequest("POST", f"{path}/events", body={"role": "user", "content": content, "run": False})
        case actions.PostRun():
            return HttpRequest("POST", f"{path}/run")


def answered(
    ask: actions.Ask,
    status: int,
    body: bytes,
    retry_after_s: float | None,
    parse_page: Callable[[bytes], wire.Page] | None = None,
) -> events.Answer:
    """The event that an HTTP answer is. `parse_page` takes the place of the codec's own, for a driver that caches."""
    number, what = ask.request, type(ask).__name__
    if isinstance(ask, actions.PostMessage | actions.PostRun) and 200 <= status < 300:
        return events.PostTaken(number)
    if status != 200:
        reason = f"{what} was answered with status {status}"
        shown = body[: 4 * _BODY_SHOWN_CHARS].decode(errors="replace")[:_BODY_SHOWN_CHARS]
        return events.RequestFailed(number, status, is_transient(status), retry_after_s, reason, body=shown)
    try:
        match ask:
            case actions.FetchPage():
                return events.PageReceived(number, (parse_page or wire.parse_page)(body), len(body))
            case actions.FetchInfo():
                return events.InfoReceived(number, wire.parse_info(body), len(body))
            case actions.FetchCount():
                return events.CountReceived(number, wire.parse_count(body), len(body))
            case _:
                return events.GenerationReceived(number, wire.parse_generation(body))
    except ProtocolViolation as error:
        return events.RequestFailed(number, status, True, None, f"{what}: {error}")


def unanswered(ask: actions.Ask, reason: str, *, was_sent: bool) -> events.RequestFailed:
    """The event that a request without an answer is."""
    return events.RequestFailed(ask.request, None, True, None, reason, was_sent)


@decision("transient-failure")
def is_transient(status: int) -> bool:
    """Whether a GET with this status may succeed later. A redirect is a proxy's, and tells nothing (R71)."""
    return 300 <= status < 400 or status in (408, 425, 429) or status >= 500
