"""One script of requests and socket sessions, as data, to be played to any server of the contract."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from tests.interop.model_endpoint import order

Key = Literal["right", "wrong", "none"]
SocketKind = Literal["events", "session"]

ANOTHER = "00000000-0000-0000-0000-000000000000"
ONE = "/api/conversations/{conversation}"


@dataclass(frozen=True, slots=True)
class Call:
    """One request. body: None for none; creates: its answer names the conversation.

    In its path, and in the queries of sockets, ``{conversation}`` is the conversation's id, ``{event N}`` the id of the
    log's Nth event, ``{action}`` that of the first action, ``{last}`` its last index, ``{message time}`` the time of
    the last message.
    """

    name: str
    method: str
    path: str
    body: Any = None
    key: Key = "right"
    creates: bool = False


@dataclass(frozen=True, slots=True)
class Open:
    """A socket that is opened, and stays open until the script's `Close` of the same name."""

    name: str
    kind: SocketKind
    query: str = ""


@dataclass(frozen=True, slots=True)
class Close:
    """What came over that socket, once the conversation has come to rest."""

    name: str


@dataclass(frozen=True, slots=True)
class Listen:
    """A socket for as long as something comes: all frames in order, and how it was closed, if it was. first: what the
    client says first, in place of a key in a header.
    """

    name: str
    kind: SocketKind
    query: str = ""
    key: Key = "right"
    first: str | None = None
    conversation: str = "{conversation}"


@dataclass(frozen=True, slots=True)
class Rest:
    """Wait until the agent does nothing and the open sockets are silent. Then the log is read, for the ids in it."""

    name: str = "rest"


Step = Call | Open | Close | Listen | Rest


def _get(name: str, path: str, key: Key = "right") -> Call:
    return Call(name, "GET", path, key=key)


def _say(name: str, text: str, *, run: bool = False) -> Call:
    return Call(
        name, "POST", f"{ONE}/events", {"role": "user", "content": [{"type": "text", "text": text}], "run": run}
    )


def _search(name: str, query: str) -> Call:
    return _get(f"search, {name}", f"{ONE}/events/search?{query}")


def _count(name: str, query: str) -> Call:
    return _get(f"count, {name}", f"{ONE}/events/count?{query}")


@dataclass(frozen=True, slots=True)
class Script:
    """The steps; creation: the body that creates a conversation, where the server needs one."""

    steps: tuple[Step, ...]
    creation: dict[str, Any] = field(default_factory=dict)


def script(creation: dict[str, Any]) -> Script:
    """Everything that a client may ask of a conversation, in the order of one's life."""
    steps: tuple[Step, ...] = (
        _get("health", "/health", "none"),
        _get("alive", "/alive", "none"),
        _get("ready", "/ready", "none"),
        _get("server info", "/server_info", "none"),
        Call("create", "POST", "/api/conversations", creation, creates=True),
        _get("new, info", ONE),
        _get("new, search", f"{ONE}/events/search"),
        _get("new, count", f"{ONE}/events/count"),
        Listen("new, session socket, everything", "session", "?after_seq=-1"),
        Open("live events socket", "events"),
        Open("live session socket", "session"),
        _say("message", order(2)),
        Call("run", "POST", f"{ONE}/run"),
        Rest(),
        _say("message that runs", order(1, pace_s=0.5), run=True),
        Call("run while running", "POST", f"{ONE}/run"),
        Rest(),
        Close("live events socket"),
        Close("live session socket"),
        _get("info", ONE),
        _search("all", ""),
        _search("three", "limit=3"),
        _search("from an event", "page_id={event 5}&limit=2"),
        _search("backwards", "sort_order=TIMESTAMP_DESC&limit=3"),
        _search("backwards from an event", "sort_order=TIMESTAMP_DESC&limit=3&page_id={event 5}"),
        _search("last page", "page_id={event -2}&limit=5"),
        _search("unknown cursor", "page_id=no-such-event&limit=2"),
        _search("unknown cursor, backwards", "page_id=no-such-event&limit=2&sort_order=TIMESTAMP_DESC"),
        _search("limit 0", "limit=0"),
        _search("limit 101", "limit=101"),
        _search("limit that is no number", "limit=many"),
        _search("sort order that is none", "sort_order=SIDEWAYS"),
        _search("kind", "kind=MessageEvent"),
        _search("source", "source=user"),
        _search("text", "body=thought%201"),
        _search("since", "timestamp__gte={message time}&limit=3"),
        _search("before", "timestamp__lt={message time}&limit=3"),
        _search("time that is none", "timestamp__gte=yesterday"),
        _count("all", ""),
        _count("kind", "kind=ActionEvent"),
        _count("source", "source=environment"),
        _get("event 0", f"{ONE}/events/{{event 0}}"),
        _get("event 1", f"{ONE}/events/{{event 1}}"),
        _get("an action", f"{ONE}/events/{{action}}"),
        _get("unknown event", f"{ONE}/events/no-such-event"),
        _get("another conversation", f"/api/conversations/{ANOTHER}"),
        _get("another conversation, search", f"/api/conversations/{ANOTHER}/events/search"),
        _get("another conversation, count", f"/api/conversations/{ANOTHER}/events/count"),
        _get("no id", "/api/conversations/no-id"),
        _get("no id, search", "/api/conversations/no-id/events/search"),
        Call("run of another conversation", "POST", f"/api/conversations/{ANOTHER}/run"),
        Call("pause of another conversation", "POST", f"/api/conversations/{ANOTHER}/pause"),
        Call("interrupt of another conversation", "POST", f"/api/conversations/{ANOTHER}/interrupt"),
        Call("secrets of another conversation", "POST", f"/api/conversations/{ANOTHER}/secrets", {"secrets": {}}),
        Call("delete of another conversation", "DELETE", f"/api/conversations/{ANOTHER}"),
        Call("message to another conversation", "POST", f"/api/conversations/{ANOTHER}/events", {"content": []}),
        Call("message that is none", "POST", f"{ONE}/events", {"role": "user", "content": "text"}),
        Call("message in pieces that are none", "POST", f"{ONE}/events", {"content": [{"type": "smell"}]}),
        _get("no key", ONE, "none"),
        _get("wrong key", ONE, "wrong"),
        Listen("events socket", "events"),
        Listen("events socket, everything", "events", "?resend_mode=all"),
        Listen("events socket, since", "events", "?resend_mode=since&after_timestamp={message time}"),
        Listen("events socket, since nothing", "events", "?resend_mode=since"),
        Listen("events socket, since a time that is none", "events", "?resend_mode=since&after_timestamp=yesterday"),
        Listen("events socket, mode that is none", "events", "?resend_mode=some"),
        Listen("session socket", "session"),
        Listen("session socket, everything", "session", "?after_seq=-1"),
        Listen("session socket, from 5", "session", "?after_seq=5"),
        Listen("session socket, from the end", "session", "?after_seq={last}"),
        Listen("session socket, beyond the end", "session", "?after_seq=1000"),
        Listen("session socket, number that is none", "session", "?after_seq=some"),
        Listen("events socket, another conversation", "events", conversation=ANOTHER),
        Listen("session socket, another conversation", "session", conversation=ANOTHER),
        Listen("events socket, wrong key", "events", key="wrong"),
        Listen("session socket, wrong key", "session", key="wrong"),
        Listen("events socket, key in the query", "events", "?session_api_key=interop-key", key="none"),
        Listen("events socket, wrong key in the query", "events", "?session_api_key=no", key="none"),
        Listen("events socket, key in the first frame", "events", key="none", first="right"),
        Listen("events socket, wrong key in the first frame", "events", key="none", first="wrong"),
        Listen("session socket, key in the first frame", "session", key="none", first="right"),
        Call("secrets", "POST", f"{ONE}/secrets", {"secrets": {"NAME": "value"}}),
        Call("confirmation", "POST", f"{ONE}/confirmation_policy", {"policy": {"kind": "NeverConfirm"}}),
        Call("security analyzer", "POST", f"{ONE}/security_analyzer", {"security_analyzer": None}),
        Call("pause", "POST", f"{ONE}/pause"),
        Call("interrupt", "POST", f"{ONE}/interrupt"),
        _count("after them", ""),
        Call("delete", "DELETE", ONE),
        _get("deleted, info", ONE),
        _get("deleted, search", f"{ONE}/events/search"),
        Call("delete again", "DELETE", ONE),
        Listen("deleted, events socket", "events"),
    )
    return Script(steps, creation)
