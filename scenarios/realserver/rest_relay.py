"""REST calls between a client and the real server: each is journaled, and the faults of the link act on it.

A fault that changes what the server is asked (a smaller page, an unknown cursor) changes the request; one that changes
the answer changes what the server has answered. The server itself knows of neither.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

from gapless.scenarios.realserver.http1 import HttpAnswer, RelayedRequest, plain
from gapless.simserver.conversation.event_bodies import encode
from gapless.simserver.faults.verdicts import (
    AnswerAsProxy,
    AnswerWith,
    CapPage,
    EmptyPage,
    FaultVerdict,
    ForgetCursor,
    LoopCursor,
    Malform,
    SpoilItem,
)
from gapless.simserver.protocol.rest import SPOILED
from gapless.simserver.protocol.rest_calls import LOGIN_PAGE, malformed

PAGE_ITEMS_MAX: Final = 100
FORGOTTEN: Final = "ffffffff-ffff-4fff-8fff-ffffffffffff"  # a cursor that no server knows


def query_of(target: str) -> dict[str, str]:
    """The parameters of the query."""
    return dict(parse_qsl(target.partition("?")[2], keep_blank_values=True))


def asks_for_run(name: str, request: RelayedRequest) -> bool:
    """Whether the call starts a run, if the server takes it."""
    if name == "run":
        return True
    if name != "message":
        return False
    try:
        return bool(json.loads(request.body).get("run"))
    except (ValueError, AttributeError):
        return False


def changed_request(request: RelayedRequest, verdicts: Sequence[FaultVerdict]) -> RelayedRequest:
    """The request as the faults let the server see it."""
    query = query_of(request.target)
    for verdict in verdicts:
        if isinstance(verdict, CapPage) and verdict.items_max is not None:
            asked = query.get("limit", str(PAGE_ITEMS_MAX))
            if asked.isdigit() and int(asked) > verdict.items_max:
                query["limit"] = str(verdict.items_max)
        elif isinstance(verdict, ForgetCursor) and "page_id" in query:
            query["page_id"] = FORGOTTEN
    if query == query_of(request.target):
        return request
    return RelayedRequest(request.method, f"{request.path}?{urlencode(query)}", request.headers, request.body)


def answer_instead(request: RelayedRequest, verdicts: Sequence[FaultVerdict]) -> HttpAnswer | None:
    """The answer of a fault, in place of the server's; None without one."""
    for verdict in verdicts:
        if isinstance(verdict, AnswerAsProxy):
            if verdict.answer == "html":
                return with_body(HttpAnswer(200, [(b"content-type", b"text/html")], b"", b""), LOGIN_PAGE.encode())
            return plain(307, "", extra=[(b"location", request.target.encode())])
        if isinstance(verdict, AnswerWith):
            after = verdict.retry_after_s
            extra = [] if after is None else [(b"retry-after", f"{after:g}".encode())]
            return plain(verdict.status, encode({"detail": "Service unavailable (simulated)"}), extra=extra)
    return None


def changed_answer(
    request: RelayedRequest, answer: HttpAnswer, verdicts: Sequence[FaultVerdict], cursor_before: str | None = None
) -> HttpAnswer:
    """The answer as the faults let the client see it. ``cursor_before``: of the search before this one."""
    for verdict in verdicts:
        match verdict:
            case Malform():
                answer = with_body(answer, malformed(answer.body.decode("utf-8", "replace"), verdict).encode())
            case LoopCursor() | EmptyPage() | CapPage() if answer.status == 200:
                page = json.loads(answer.body)
                cursor = query_of(request.target).get("page_id")
                if isinstance(verdict, EmptyPage):
                    page = {"items": [], "next_page_id": None if verdict.blank else cursor}
                elif isinstance(verdict, CapPage):
                    items = page["items"]
                    shown = len(items) if verdict.bytes_max is None else _within(items, verdict.bytes_max)
                    if shown == len(items):
                        continue
                    page = {"items": items[:shown], "next_page_id": items[shown]["id"]}
                elif verdict.period == 2:
                    page["next_page_id"] = cursor_before or page["next_page_id"]
                else:
                    first = page["items"][0]["id"] if page["items"] else None
                    page["next_page_id"] = cursor or first
                answer = with_body(answer, encode(page).encode())
    return answer


def with_version(request: RelayedRequest, answer: HttpAnswer, version: str) -> HttpAnswer:
    """What the server says of itself, with another version; as it is where ``version`` is empty."""
    if not version or answer.status != 200 or request.path != "/server_info":
        return answer
    return with_body(answer, encode(json.loads(answer.body) | {"version": version}).encode())


def spoiled(answer: HttpAnswer, verdicts: Sequence[FaultVerdict]) -> HttpAnswer:
    """The page with an item that cannot be decoded, where a fault asks for one."""
    for verdict in verdicts:
        if isinstance(verdict, SpoilItem) and answer.status == 200:
            page = json.loads(answer.body)
            if page["items"]:
                page["items"][min(verdict.item, len(page["items"]) - 1)] = json.loads(SPOILED[verdict.shape])
                answer = with_body(answer, encode(page).encode())
    return answer


def _within(items: Sequence[Any], bytes_max: int) -> int:
    """How many of the first events fit into ``bytes_max``, but at least one."""
    size_bytes = 0
    for number, item in enumerate(items):
        size_bytes += len(encode(item).encode())
        if size_bytes > bytes_max:
            return max(1, number)
    return len(items)


def with_body(answer: HttpAnswer, body: bytes) -> HttpAnswer:
    """The answer with another body, and the length of that."""
    kept = [one for one in answer.headers if one[0].lower() not in (b"content-length", b"transfer-encoding")]
    return HttpAnswer(answer.status, [*kept, (b"content-length", str(len(body)).encode())], body, answer.reason)


def read_fields(name: str, request: RelayedRequest, answer: HttpAnswer, log_length: int) -> dict[str, Any]:
    """What the journal says of an answer: how many events the server read for it, and of a page, which it shows.

    The server does not tell how many it read. What it reads was measured: a page and one event more; with a filter, the
    whole log.
    """
    if answer.status != 200 or name not in {"search", "count", "event"}:
        return {"events_read": 0}
    filters = set(query_of(request.target)) - {"limit", "page_id", "sort_order"}
    if name == "event":
        return {"events_read": 1}
    if name == "count":
        return {"events_read": log_length if filters else 0}
    try:
        page = json.loads(answer.body)
        items, next_page_id = page["items"], page["next_page_id"]
    except (ValueError, KeyError, TypeError):  # a fault has made it unusable
        return {"events_read": 0}
    read = log_length if filters else len(items) + (next_page_id is not None)
    fields: dict[str, Any] = {"events_read": read, "items": len(items)}
    if items:
        fields |= {"first": items[0]["id"], "last": items[-1]["id"]}
    return fields | {"next": next_page_id}
