"""A journal as a story: one line an entry, time, place, what happened, the details; at most 100 columns.

A journal comes as its canonical lines (JSON objects with ``t_s``, ``place``, ``what`` and the entry's own
fields), so that a stored journal reads the same as a fresh one. Ids are cut to eight characters: enough to
tell events apart in one run, and short enough to compare by eye.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence

COLUMNS = 100
_ID_CHARACTERS = 8
_ID_FIELDS = ("id", "leaf", "first", "last", "next", "page_id", "parent")
_ENVELOPE = ("index", "t_s", "place", "what")
# Where things happen, from the agent outward to the client; the mark tells them apart without colour.
_MARKS = {"log": "▪", "agent": "■", "publisher": "»", "socket": "→", "rest": "⇄", "fault": "✗", "client": "◆"}
_MARGIN = 37


def render_trace(lines: Iterable[str], *, title: str = "") -> str:
    """The story of one run, with ``title`` above it.

    Raises ValueError when a line is not a journal line.
    """
    head = (title, "") if title else ()
    return "\n".join((*head, *(row for line in lines for row in render_entry(_parse(line)))))


def render_entry(entry: Mapping[str, object]) -> tuple[str, ...]:
    """One entry, on as many rows as its details need."""
    place = str(entry["place"])
    start = f"{_seconds(entry['t_s'])}  {_MARKS.get(place, '·')} {place:<9} {entry['what']!s:<14}"
    return _wrap(f"{start:<{_MARGIN}}", _details(entry))


def _parse(line: str) -> Mapping[str, object]:
    try:
        entry = json.loads(line)
    except ValueError as error:
        raise ValueError(f"not a journal line: {line[:60]!r}") from error
    if not isinstance(entry, dict) or not {"t_s", "place", "what"} <= entry.keys():
        raise ValueError(f"not a journal line: {line[:60]!r}")
    fields = entry.pop("fields", {})
    return {**entry, **fields}


def _seconds(t_s: object) -> str:
    return f"{t_s:>10.4f}" if isinstance(t_s, int | float) else f"{t_s!s:>10}"


def _details(entry: Mapping[str, object]) -> list[str]:
    return [
        f"{name}={_value(name, value)}"
        for name, value in entry.items()
        if name not in _ENVELOPE and value is not None
    ]


def _value(name: str, value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return _many(value)
    if name in _ID_FIELDS and isinstance(value, str):
        return value[:_ID_CHARACTERS]
    return str(value)


def _many(values: Sequence[object]) -> str:
    shown = [str(value)[:_ID_CHARACTERS] for value in values[-3:]]
    left_out = len(values) - len(shown)
    return f"{len(values)}:[{'… ' if left_out else ''}{' '.join(shown)}]"


def _wrap(start: str, details: Sequence[str]) -> tuple[str, ...]:
    rows, row = [], start
    for detail in details:
        if len(row) + 1 + len(detail) > COLUMNS and row.strip():
            rows.append(row.rstrip())
            row = " " * _MARGIN
        row = f"{row} {detail}"[:COLUMNS]
    return (*rows, row.rstrip())
