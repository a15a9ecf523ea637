"""The client's codec: JSON text to frames, pages and answers. Pure: no socket, no HTTP library.

It shares no code with the simulated server, since a bug in shared code would not be found. What the wire contract does
not allow raises `ProtocolViolation`, whatever its depth, type or size. On a page, an item that cannot be read costs
itself and not the page. Unknown frame types and unknown fields are ignored, as the contract requires.
"""

from __future__ import annotations

import json
import reprlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from gapless.syncclient.decisions import decision
from gapless.syncclient.errors import ProtocolViolation

LogEvent = Mapping[str, Any]
"""An event of a conversation as the server sent it: a JSON object with at least `id` and `kind`."""

Generation = Literal["legacy", "tree", "session"]

_DEPTH_MAX = 200
_ID_CHARS_MAX = 1000
_INDEX_MAX = 2**53
_MARKS = ("id", "kind", "parent_id", "source", "timestamp")
"""The fields of an event that its place in the log depends on."""

STATE_UPDATE = "ConversationStateUpdateEvent"
SYSTEM_PROMPT = "SystemPromptEvent"
_NEVER_PERSISTED = frozenset({"StreamingDeltaEvent", "ServerErrorEvent"})


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A `full_state` push: the state of the whole conversation at one moment. It is not in the log."""

    status: str | None
    leaf_id: str | None
    knows_leaf: bool
    """Whether snapshots of this generation have leaves. If so, a missing `leaf_id` means an empty branch."""
    timestamp: str = ""
    """When it was made, on the server's clock."""
    has_message: bool = False
    """Whether a user message was ever sent: then the log is not empty, even if the snapshot names no leaf."""


@dataclass(frozen=True, slots=True)
class Durable:
    """A persisted event. `seq` is its log index, which only the session generation sends."""

    event: LogEvent
    seq: int | None = None
    size_bytes: int = 0
    """Length of the frame's text, in characters."""


@dataclass(frozen=True, slots=True)
class Sync:
    """The first frame of a session socket: which events will be replayed.

    `from_seq` is the first log index of the replay, `through_seq` the highest log index, None if the log is empty.
    """

    from_seq: int | None
    through_seq: int | None


@dataclass(frozen=True, slots=True)
class Ignored:
    """A frame that says nothing about the log: token deltas, errors of the socket, unknown types."""

    what: str


Frame = Snapshot | Durable | Sync | Ignored


@dataclass(frozen=True, slots=True)
class Page:
    """One answer of `events/search`, with the items in the server's order."""

    items: tuple[LogEvent, ...]
    next_page_id: str | None
    size_bytes: int = 0
    """Length of the body, in bytes."""
    unreadable: tuple[str, ...] = ()
    """Why items of it could not be read, one each."""
    breaks: tuple[int, ...] = ()
    """How many readable items stand before each of those: what stands there in the log is not known."""


@dataclass(frozen=True, slots=True)
class Info:
    """The answer of `GET conversation`: execution status and leaf at one moment."""

    status: str
    leaf_id: str | None


def parse_events_frame(text: str, *, knows_leaf: bool) -> Frame:
    """A frame of `/sockets/events/{id}`: a bare event. Raises `ProtocolViolation`."""
    return _classify(_object(text, "frame"), seq=None, knows_leaf=knows_leaf, size_bytes=len(text))


def parse_session_frame(text: str) -> Frame:
    """A frame of `/sockets/session/{id}`: an envelope. Raises `ProtocolViolation`."""
    envelope = _object(text, "frame")
    match envelope.get("type"):
        case "sync":
            return Sync(_index(envelope, "from_seq"), _index(envelope, "through_seq"))
        case "durable":
            seq = _index(envelope, "seq")
            if seq is None:
                raise ProtocolViolation("a durable frame carries no seq")
            frame = _classify(_event(envelope.get("event"), "frame"), seq=seq, knows_leaf=True, size_bytes=len(text))
            if not isinstance(frame, Durable):
                raise ProtocolViolation(f"a durable frame (seq {seq}) carries an event that is never persisted")
            return frame
        case "transient":
            frame = _classify(_event(envelope.get("event"), "frame"), seq=None, knows_leaf=True)
            # Published before it was persisted: it may never get a seq, so it proves nothing and is no cursor (R52).
            return Ignored("transient event") if isinstance(frame, Durable) else frame
        case other:
            return Ignored(f"type {_shown(other)}")


@decision("parse-page")
def parse_page(body: bytes) -> Page:
    """The body of `events/search`. Raises `ProtocolViolation` if it is cut off, no JSON, or of another shape."""
    page = _object(body, "page")
    items, next_page_id = page.get("items"), page.get("next_page_id")
    if not isinstance(items, list):
        raise ProtocolViolation("a page has no list of items")
    if next_page_id is not None and not _is_id(next_page_id):
        raise ProtocolViolation(f"a page's next_page_id is {_shown(next_page_id)}, not an id")
    readable: list[LogEvent] = []
    unreadable: list[str] = []
    breaks: list[int] = []
    for item in items:
        try:
            readable.append(_event(item, "page"))
        except ProtocolViolation as violation:
            unreadable.append(str(violation))
            breaks.append(len(readable))
    return Page(tuple(readable), next_page_id, len(body), tuple(unreadable), tuple(breaks))


def parse_info(body: bytes) -> Info:
    """The body of `GET conversation`. Raises `ProtocolViolation`."""
    info = _object(body, "conversation")
    status, leaf_id = info.get("execution_status"), info.get("leaf_event_id")
    if not isinstance(status, str):
        raise ProtocolViolation("the conversation carries no execution_status")
    return Info(status, leaf_id if isinstance(leaf_id, str) else None)


def parse_count(body: bytes) -> int:
    """The body of `events/count`. Raises `ProtocolViolation`."""
    try:
        count = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ProtocolViolation(f"a count is not JSON: {error}") from None
    if not _is_index(count):
        raise ProtocolViolation(f"a count is {_shown(count)}, not a whole number")
    return int(count)


def parse_generation(body: bytes) -> Generation:
    """The protocol generation, by the `version` in `/server_info`: session from 1.45 on, tree from 1.31 on.

    Raises `ProtocolViolation` if there is no version to read.
    """
    version = _object(body, "server_info").get("version")
    try:
        major, minor = (int(part) for part in str(version).split(".")[:2])
    except ValueError:
        raise ProtocolViolation(f"server_info carries version {_shown(version)}, which cannot be read") from None
    if (major, minor) >= (1, 45):
        return "session"
    return "tree" if (major, minor) >= (1, 31) else "legacy"


def is_branch_event(event: LogEvent) -> bool:
    """Whether the event is part of the conversation's tree. State updates are in the log but not on the branch."""
    return str(event["kind"]) != STATE_UPDATE


def execution_status(event: LogEvent) -> str | None:
    """The status in a per-field state update, of whatever kind a newer server makes it; None for any other event."""
    if event.get("key") == "execution_status":
        value = event.get("value")
        return value if isinstance(value, str) else None
    return None


def is_user_message(event: LogEvent) -> bool:
    """Whether the event is what a user said."""
    return event["kind"] == "MessageEvent" and event.get("source") == "user"


def is_feedback(event: LogEvent) -> bool:
    """Whether the event is a message of nobody's, such as a stop hook's (`local_conversation.py` of SDK 1.58.2)."""
    return event["kind"] == "MessageEvent" and event.get("source") == "environment"


def message_text(event: LogEvent) -> str:
    """The text of a message, as far as it can be read."""
    message = event.get("llm_message")
    content = message.get("content") if isinstance(message, Mapping) else None
    parts = content if isinstance(content, list) else ()
    return "".join(str(part.get("text", "")) for part in parts if isinstance(part, Mapping))


def error_detail(event: LogEvent) -> str | None:
    """The code and detail of an error event; None for any other event."""
    if event["kind"] != "ConversationErrorEvent":
        return None
    code, detail = event.get("code"), event.get("detail")
    return ": ".join(str(part) for part in (code, detail) if part) or "no detail was given"


@decision("never-persisted-kind")
def _is_never_persisted(kind: str) -> bool:
    return kind in _NEVER_PERSISTED


def _classify(event: LogEvent, *, seq: int | None, knows_leaf: bool, size_bytes: int = 0) -> Frame:
    event = _event(event, "frame")
    if _is_never_persisted(event["kind"]):
        return Ignored(event["kind"])
    if event["kind"] == STATE_UPDATE and event.get("key") == "full_state":
        value = event.get("value")
        if not isinstance(value, dict):
            raise ProtocolViolation(f"the snapshot {event['id']} carries no state")
        status, leaf_id = value.get("execution_status"), value.get("leaf_event_id")
        return Snapshot(
            status if isinstance(status, str) else None,
            leaf_id if isinstance(leaf_id, str) else None,
            knows_leaf,
            str(event.get("timestamp", "")),
            value.get("last_user_message_id") is not None,
        )
    return Durable(event, seq, size_bytes)


def _object(text: str | bytes, what: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ProtocolViolation(f"a {what} is not JSON: {_shown(str(error))}") from None
    if not isinstance(value, dict):
        raise ProtocolViolation(f"a {what} is {type(value).__name__}, not an object")
    opened = text.count("[") + text.count("{") if isinstance(text, str) else text.count(b"[") + text.count(b"{")
    if opened > _DEPTH_MAX and _is_deep(value):
        raise ProtocolViolation(f"a {what} is nested more than {_DEPTH_MAX} deep")
    return value


def _is_deep(value: object) -> bool:
    """Whether a JSON value is nested deeper than anything that is read later can be sure to bear."""
    level: list[object] = [value]
    for _ in range(_DEPTH_MAX):
        nested = [one for one in level if isinstance(one, dict | list)]
        if not nested:
            return False
        level = [inner for one in nested for inner in (one.values() if isinstance(one, dict) else one)]
    return True


def _event(value: object, what: str) -> LogEvent:
    if not isinstance(value, dict):
        raise ProtocolViolation(f"an event in a {what} is {type(value).__name__}, not an object")
    for key in ("id", "kind"):
        if not isinstance(value.get(key), str):
            raise ProtocolViolation(f"an event in a {what} has {key} {_shown(value.get(key))}, not a string")
    for key in _MARKS:
        mark = value.get(key)
        if mark is not None and not _is_id(mark):
            raise ProtocolViolation(f"an event in a {what} has {key} {_shown(mark)}, which cannot be read")
    return value


def _is_id(value: object) -> bool:
    """Whether a value is a string that can be sent and stored."""
    if not isinstance(value, str) or len(value) > _ID_CHARS_MAX:
        return False
    try:
        value.encode()
    except UnicodeEncodeError:  # a lone surrogate is legal JSON, and nothing else
        return False
    return True


def _is_index(value: object, *, least: int = 0) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value < _INDEX_MAX


def _index(envelope: Mapping[str, Any], key: str) -> int | None:
    value = envelope.get(key)
    if value is None:
        return None
    if not _is_index(value, least=-1):
        raise ProtocolViolation(f"a frame's {key} is {_shown(value)}, not a whole number")
    return int(value)


def _shown(value: object) -> str:
    """A value for a message, whatever its size."""
    try:
        return reprlib.repr(value)[:200]
    except ValueError:
        return type(value).__name__
