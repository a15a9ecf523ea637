"""Finds the line of a key in a TOML file, for error messages. This is not a TOML parser.

It reads table headers, and bare keys at the start of a line, which is how the catalogue is written. A key that it does
not see, such as a key of an inline table, is reported at the line of the enclosing key.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_HEADER = re.compile(r"^\s*(\[\[?)\s*([^\]]+?)\s*\]\]?\s*(#.*)?$")
_KEY = re.compile(r"^\s*([A-Za-z0-9_-]+)\s*(?:\.|=)")

KeyPath = tuple[str | int, ...]


def line_of(text: str, path: Sequence[str | int]) -> int | None:
    """The 1-based line of ``path``, or of the nearest enclosing key or table; None when there is no line for any."""
    lines = _lines(text)
    wanted = tuple(path)
    while wanted:
        if wanted in lines:
            return lines[wanted]
        below = [line for found, line in lines.items() if found[: len(wanted)] == wanted]
        if below:
            return min(below)
        wanted = wanted[:-1]
    return None


def _lines(text: str) -> dict[KeyPath, int]:
    found: dict[KeyPath, int] = {}
    counts: dict[KeyPath, int] = {}
    table: KeyPath = ()
    for number, line in enumerate(text.splitlines(), start=1):
        header = _HEADER.match(line)
        if header is not None:
            table = _table(header.group(2).split("."), header.group(1) == "[[", counts)
            found.setdefault(table, number)
            continue
        key = _KEY.match(line)
        if key is not None:
            found.setdefault((*table, key.group(1)), number)
    return found


def _table(names: Sequence[str], is_array: bool, counts: dict[KeyPath, int]) -> KeyPath:
    path: KeyPath = ()
    for name in (part.strip().strip('"') for part in names):
        path = (*path, name)
        # A table within an array of tables belongs to the array's last element so far.
        if path in counts and not (is_array and name == names[-1].strip()):
            path = (*path, counts[path])
    if is_array:
        counts[path] = counts.get(path, -1) + 1
        path = (*path, counts[path])
    return path
