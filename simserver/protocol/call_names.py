"""What a REST call is called, in faults and in the journal, where no route has named it: behind a proxy."""

from __future__ import annotations

from typing import Final

_CONVERSATIONS: Final = ["api", "conversations"]


def call_name(method: str, path: str) -> str:
    """The name of a call, by its path without the query; ``other`` for what is about no conversation."""
    parts = path.strip("/").split("/")
    if parts[:2] != _CONVERSATIONS or len(parts) < 3:
        return "create" if method == "POST" and parts == _CONVERSATIONS else "other"
    match method, parts[3:]:
        case "GET", []:
            return "conversation"
        case "GET", ["events", ("search" | "count") as name]:
            return name
        case "GET", ["events", _]:
            return "event"
        case "POST", ["events"]:
            return "message"
        case "DELETE", []:
            return "delete"
        case "POST", [name]:
            return name
        case _:
            return "other"
