"""A journal as text, at most 100 columns: each entry with its time, its place, what happened, and the details.

A journal is given as its canonical lines: JSON objects with ``t_s``, ``place``, ``what`` and the entry's own fields. So
a stored journal looks the same as a fresh one. Ids are cut to their last eight characters, which are enough to tell
events apart within a run. Four or more deliveries at the same time are one line.
"""

from __future__ import annotations

import itertools
import json
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence

from gapless.reports.records.characters import printable
from gapless.reports.records.journals import is_message

COLUMNS = 100
_ID_CHARACTERS = 8
_ID_CHARACTERS_MIN = 16
_SHOWN_MAX = 3
_FOLDED_MIN = 4
_ENVELOPE = ("index", "t_s", "place", "what")
# The places, from the log to the client. The marks tell them apart without color.
_MARKS = {"log": "▪", "agent": "■", "publisher": "»", "socket": "→", "rest": "⇄", "fault": "✗", "client": "◆"}
_SHORT_KINDS = {"ConversationStateUpdateEvent": "StateUpdate"}
# The details that matter most come first, in this order. The others follow in the order of their names.
_FIRST = (
    "connection",
    "frame",
    "call",
    "method",
    "path",
    "kind",
    "key",
    "value",
    "id",
    "seq",
    "events",
    "first",
    "last",
)
_WITHOUT_NAME = frozenset({"text", "method", "path", "kind", "key", "id", "message", "step"})
_MARGIN = 33
_LANE_MARGIN = 13


def render_trace(lines: Iterable[str], *, title: str = "") -> str:
    """The trace of one run, with ``title`` above it.

    Raises ValueError if a line is not a journal line.
    """
    head = (title, "") if title else ()
    entries = _folded(_parse(line) for line in lines if not is_message(line))
    return "\n".join((*head, *(row for entry in entries for row in render_entry(entry))))


def render_entry(entry: Mapping[str, object]) -> tuple[str, ...]:
    """One entry, on as many rows as its details need, at most 100 columns wide."""
    place, what = printable(str(entry["place"])), printable(str(entry["what"]))
    start = f"{_seconds(entry['t_s'])} {_MARKS.get(place, '·')} {place:<9} {what}"
    return _wrap(f"{start:<{_MARGIN}}", _details(entry), COLUMNS)


def render_in_lane(entry: Mapping[str, object], columns: int) -> tuple[str, ...]:
    """One entry in a lane of the given width. Only the mark shows its place."""
    start = f"{_seconds(entry['t_s'])} {_MARKS.get(str(entry['place']), '·')} {printable(str(entry['what']))}"
    return _wrap(f"{start:<{_LANE_MARGIN}}", _details(entry), columns)


def parse_entry(line: str) -> Mapping[str, object]:
    """The entry in a journal's line. Raises ValueError if it is not a journal line."""
    return _parse(line)


def _folded(entries: Iterable[Mapping[str, object]]) -> Iterator[Mapping[str, object]]:
    """The entries, with four or more deliveries in a row at the same time merged into one."""
    for _, same in itertools.groupby(entries, key=_delivery):
        group = list(same)
        if _delivery(group[0]) is None or len(group) < _FOLDED_MIN:
            yield from group
            continue
        first, last = group[0], group[-1]
        merged = {"t_s": first["t_s"], "place": first["place"], "what": first["what"]}
        yield merged | {"events": len(group), "first": first["id"], "last": last["id"], "repaired": first["repaired"]}


def _delivery(entry: Mapping[str, object]) -> tuple[object, object] | None:
    """The time and origin of a delivery, which merged deliveries have in common. None for other entries."""
    if (entry["place"], entry["what"]) != ("client", "delivered"):
        return None
    return entry["t_s"], entry.get("repaired")


def _parse(line: str) -> Mapping[str, object]:
    try:
        entry = json.loads(line)
    except ValueError as error:
        raise ValueError(f"not a journal line: {line[:60]!r}") from error
    if not isinstance(entry, dict) or not {"t_s", "place", "what"} <= entry.keys():
        raise ValueError(f"not a journal line: {line[:60]!r}")
    return entry


def _seconds(t_s: object) -> str:
    return f"{t_s:>10.4f}" if isinstance(t_s, int | float) else f"{t_s!s:>10}"


def _details(entry: Mapping[str, object]) -> list[str]:
    names = sorted((name for name in entry if name not in _ENVELOPE), key=_rank)
    shown = ((name, entry[name]) for name in names if entry[name] not in (None, "", [], ()))
    return [text for name, value in shown if (text := printable(_detail(name, value)))]


def _rank(name: str) -> tuple[int, str]:
    return (_FIRST.index(name), "") if name in _FIRST else (len(_FIRST), name)


def _detail(name: str, value: object) -> str:
    match name:
        case "connection":
            return f"socket {value}"
        case "frame":
            return f"#{value}"
        case "call":
            return f"call {value}"
        case "durable":
            return "" if value else "transient"
        case "branch" | "counted" | "replay" | "lost" | "repaired":
            return name if value else ""
        case "path":
            return "…/" + "/".join(str(value).split("/")[4:]) if "/conversations/" in str(value) else str(value)
        case "t_s" | "contents":  # digests tell a reader nothing
            return ""
    if name == "events" and isinstance(value, int):
        return f"{value} events"
    return _value(value) if name in _WITHOUT_NAME else f"{name}={_value(value)}"


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return _many(value)
    text = _SHORT_KINDS.get(str(value), str(value))
    return "&".join(_shorten(part) for part in text.split("&"))


def _shorten(text: str) -> str:
    """The text; an id, also in ``name=id``, is cut to its end."""
    name, equals, value = text.rpartition("=")
    is_id = len(value) >= _ID_CHARACTERS_MIN and value.count("-") >= 4 and " " not in value
    return f"{name}{equals}…{value[-_ID_CHARACTERS:]}" if is_id else text


def _many(values: Sequence[object]) -> str:
    shown = [_value(value) for value in values[-_SHOWN_MAX:]]
    left_out = len(values) - len(shown)
    return f"{len(values)}×[{'… ' if left_out else ''}{' '.join(shown)}]"


def _wrap(start: str, details: Sequence[str], columns: int) -> tuple[str, ...]:
    margin = _MARGIN if columns == COLUMNS else _LANE_MARGIN
    rows: list[str] = []
    row = start
    for piece in (piece for detail in details for piece in textwrap.wrap(detail, columns - margin - 1)):
        if len(row) + 1 + len(piece) > columns:
            rows.append(row.rstrip())
            row = " " * margin
        row = f"{row} {piece}"
    return (*rows, row.rstrip())
