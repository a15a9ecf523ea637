"""One run as an HTTP Archive (HAR 1.2): its REST calls and its WebSockets, for a browser's developer tools.

Headers and bodies are those that come with the journal. Without them, in place of a body stand the fields that the
journal has for the message. The
run's time 0 is written as ``EPOCH``, a fixed date, so that equal runs give equal files. WebSockets have the fields that
Chrome writes, ``_resourceType`` and ``_webSocketMessages``. Only messages that arrived are listed.
"""

from __future__ import annotations

import datetime
import http
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from urllib.parse import parse_qsl

from gapless.reports.one_run.messages import KeptMessage, Messages, read_messages
from gapless.reports.one_run.timeline import (
    CallSpan,
    EntryFields,
    FrameSpan,
    SocketSpan,
    Timeline,
    read_timeline,
    seconds,
    whole,
)
from gapless.reports.records.characters import json_text
from gapless.reports.records.record import RunRecord

EPOCH = datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC)
HOST = "agent.test"  # a name that RFC 6761 keeps free of any real host
_PAGE = "run"
_OPCODE_TEXT = 1
_SECONDS_DIGITS = 6
_ENVELOPE = ("index", "t_s", "place", "what")


def render_har(lines: Iterable[str], record: RunRecord, *, version: str = "") -> str:
    """The archive of one run. ``version`` is that of gapless, for the field ``creator``.

    Raises ValueError if a line is not a journal line.
    """
    lines = tuple(lines)
    timeline, messages = read_timeline(lines), read_messages(lines)
    title = f"{record.scenario}, {record.variant}, {record.client}, seed {record.seed}: {record.verdict}"
    page = {"startedDateTime": _date(0.0), "id": _PAGE, "title": title, "pageTimings": {}}
    log = {
        "version": "1.2",
        "creator": {"name": "gapless", "version": version},
        "pages": [page],
        "entries": [entry for _, entry in sorted(_entries(timeline, messages), key=lambda found: found[0])],
        "comment": f"Second 0 of the run, in {record.clock} time, is written as {_date(0.0)}. Journal {record.digest}.",
    }
    return json_text(json.dumps({"log": log}, indent=1, ensure_ascii=False)) + "\n"


def _entries(timeline: Timeline, messages: Messages) -> Iterator[tuple[int, dict[str, object]]]:
    """The archive's entries, each with the index of its first journal entry, to sort by."""
    for call in timeline.calls:
        yield whole(call.asked, "index"), _of_call(call, timeline, messages)
    conversation = next((_conversation(call) for call in timeline.calls if _conversation(call)), "")
    for connection in timeline.connections:
        yield whole(connection.first, "index"), _of_connection(connection, conversation, timeline, messages)


def _of_call(call: CallSpan, timeline: Timeline, messages: Messages) -> dict[str, object]:
    asked, answered, status = call.asked, call.answered, call.status
    ended_s = timeline.end_s if status is None or answered is None else seconds(answered)
    sent = messages.get(f"rest {call.number} request")
    request = _request(str(asked.get("method", "")), f"http://{HOST}{call.target}", sent)
    message = messages.get(f"rest {call.number} response")
    response = _response(0, "", "", 0, "") if status is None or answered is None else _answer(answered, status, message)
    comment = f"call {call.number}, {'counted' if asked.get('counted') else 'not counted'}"
    entry = _entry(seconds(asked), ended_s, request, response, comment, "fetch")
    return entry if status is not None else entry | {"_error": "no answer reached the client"}


def _answer(answered: EntryFields, status: int, message: KeptMessage | None) -> dict[str, object]:
    size_bytes = whole(answered, "bytes")
    if message is None:
        known = json.dumps(_details(answered), sort_keys=True)
        return _response(status, _phrase(status), "application/json", size_bytes, known)
    kind = next((value for name, value in message.headers if name.lower() == "content-type"), "")
    response = _response(status, _phrase(status), kind, size_bytes, message.body, "cut" if message.cut else "")
    return response | {"headers": _headers(message)}


def _of_connection(
    connection: SocketSpan, conversation: str, timeline: Timeline, messages: Messages
) -> dict[str, object]:
    began_s = seconds(connection.first)
    ended = connection.closed or connection.refused
    ended_s = timeline.end_s if ended is None else seconds(ended)
    handshake = messages.get(f"socket {connection.number} handshake")
    request = _request("GET", f"ws://{HOST}/sockets/{_path(connection)}/{conversation}", handshake)
    status = 101 if connection.opened is not None else whole(connection.refused or {}, "status")
    response = _response(status, _phrase(status), "x-unknown", 0, "")
    lost = sum(1 for frame in connection.frames if frame.delivered is None)
    comment = f"socket {connection.number}; {_how_it_ended(connection)}; {lost} messages were sent and did not arrive"
    entry = _entry(began_s, ended_s, request, response, comment, "websocket")
    return entry | {"_webSocketMessages": [_message(frame, messages) for frame in connection.frames if frame.delivered]}


def _path(connection: SocketSpan) -> str:
    return str((connection.opened or {}).get("path", "events"))


def _how_it_ended(connection: SocketSpan) -> str:
    if connection.refused is not None:
        return f"refused with {connection.refused.get('status') or 'a reset'}"
    if connection.closed is None:
        return "open to the end"
    code = connection.closed.get("code")
    return f"closed by {connection.closed.get('by')}{'' if code is None else f' with code {code}'}"


def _message(frame: FrameSpan, messages: Messages) -> dict[str, object]:
    arrived = frame.delivered or frame.sent
    at_s = round(EPOCH.timestamp() + seconds(arrived), _SECONDS_DIGITS)
    message = messages.get(f"socket {whole(arrived, 'connection')} {whole(arrived, 'frame')}")
    data = json.dumps(_details(arrived), sort_keys=True) if message is None else message.body
    return {"type": "receive", "time": at_s, "opcode": _OPCODE_TEXT, "data": data}


def _details(entry: EntryFields) -> dict[str, object]:
    """The fields that the journal has for a message."""
    return {name: value for name, value in entry.items() if name not in _ENVELOPE}


def _conversation(call: CallSpan) -> str:
    """The id in ``/api/conversations/{id}/…``; empty if the path has none."""
    parts = str(call.asked.get("path", "")).split("/")
    return parts[3] if len(parts) > 3 and parts[2] == "conversations" else ""


def _entry(
    began_s: float,
    ended_s: float,
    request: Mapping[str, object],
    response: Mapping[str, object],
    comment: str,
    kind: str,
) -> dict[str, object]:
    took_ms = round(max(0.0, ended_s - began_s) * 1000, 3)
    return {
        "pageref": _PAGE,
        "startedDateTime": _date(began_s),
        "time": took_ms,
        "request": request,
        "response": response,
        "cache": {},
        "timings": {"blocked": -1, "dns": -1, "connect": -1, "send": 0, "wait": took_ms, "receive": 0, "ssl": -1},
        "comment": comment,
        "_resourceType": kind,
    }


def _request(method: str, url: str, message: KeptMessage | None) -> dict[str, object]:
    query: Sequence[tuple[str, str]] = parse_qsl(url.partition("?")[2], keep_blank_values=True)
    request: dict[str, object] = {
        "method": method,
        "url": url,
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": [] if message is None else _headers(message),
        "queryString": [{"name": name, "value": value} for name, value in query],
        "headersSize": -1,
        "bodySize": -1 if method == "POST" else 0,
    }
    if message is not None and message.body:
        request["postData"] = {"mimeType": "application/json", "params": [], "text": message.body}
    return request


def _headers(message: KeptMessage) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in message.headers]


def _response(
    status: int,
    phrase: str,
    kind: str,
    size_bytes: int,
    text: str,
    comment: str = "what the journal knows of the body",
) -> dict[str, object]:
    content: dict[str, object] = {"size": size_bytes, "mimeType": kind}
    if text:
        content |= {"text": text} | ({"comment": comment} if comment else {})
    return {
        "status": status,
        "statusText": phrase,
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": [],
        "content": content,
        "redirectURL": "",
        "headersSize": -1,
        "bodySize": size_bytes if status else -1,
    }


def _phrase(status: int) -> str:
    try:
        return http.HTTPStatus(status).phrase
    except ValueError:
        return ""


def _date(t_s: float) -> str:
    moment = EPOCH + datetime.timedelta(seconds=t_s)
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
