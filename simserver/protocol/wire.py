"""The server's codec: envelopes, pages, answers and error details, as text. Pure.

The client has a codec of its own. They share no code on purpose: a bug in a shared codec could hide on both sides.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from pydantic import TypeAdapter, ValidationError

from gapless.simserver.conversation.event_bodies import encode

SUCCESS = '{"success":true}'


def durable_frame(seq: int, text: str) -> str:
    """The session socket's envelope around a persisted event."""
    return f'{{"type":"durable","seq":{seq},"event":{text}}}'


def transient_frame(text: str) -> str:
    """The session socket's envelope around an event that is not in the log."""
    return f'{{"type":"transient","event":{text}}}'


def delta_frame(item_id: str, text: str) -> str:
    """The session socket's frame for a token delta. Other sockets send deltas as events."""
    return encode({"type": "delta", "item_id": item_id, "delta": text})


def sync_frame(from_seq: int | None, through_seq: int | None, *, truncated_at: int | None = None) -> str:
    """The session socket's first frame. A number that is None gets no key.

    truncated_at: the first number that is replayed, when the server no longer has all that was asked for (R75).
    """
    frame: dict[str, Any] = {"type": "sync"}
    if from_seq is not None:
        frame["from_seq"] = from_seq
    if through_seq is not None:
        frame["through_seq"] = through_seq
    if truncated_at is not None:
        frame |= {"truncated": True, "first_seq": truncated_at}
    return encode(frame)


def page(texts: Iterable[str], next_page_id: str | None) -> str:
    """A page of events, from their JSON texts."""
    return f'{{"items":[{",".join(texts)}],"next_page_id":{encode(next_page_id)}}}'


def detail(text: str) -> str:
    """An error body in FastAPI's shape."""
    return encode({"detail": text})


def invalid(adapter: TypeAdapter[Any], value: object, *where: str) -> str | None:
    """The body of a 422 in FastAPI's shape when the value is not valid, else None. ``where``: its path in ``loc``."""
    try:
        adapter.validate_python(value)
    except ValidationError as error:
        problems = []
        for problem in error.errors(include_url=False):
            shown: dict[str, Any] = {
                "type": problem["type"],
                "loc": [*where, *problem["loc"]],
                "msg": problem["msg"],
                "input": problem["input"],
            }
            if "ctx" in problem:
                shown["ctx"] = {
                    key: text if isinstance(text, int | str) else str(text) for key, text in problem["ctx"].items()
                }
            problems.append(shown)
        return encode({"detail": problems})
    return None


def naive_timestamp(text: str) -> str | None:
    """A timestamp filter, written as the log writes timestamps. None when the text is not a timestamp."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    if at.tzinfo is not None:
        at = at.astimezone(UTC).replace(tzinfo=None)
    return at.isoformat(timespec="microseconds")
