"""The append-only record of everything that happened in a run.

Messages are journalled, never bytes: WebSocket masks come from the operating system and differ from run to run. Two
runs of one scenario and tape have equal journals, so one digest says whether they were the same run.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from .errors import JournalFull

ENTRIES_MAX = 2_000_000

# `str | int | float | bool | None`, or a list of them.
Fields = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened.

    index: position in the journal; t_s: virtual seconds since the world began, to the microsecond; place: who (``log``,
    ``socket``, ``rest``, …); what: a verb; fields: its details, JSON scalars or lists of them.
    """

    index: int
    t_s: float
    place: str
    what: str
    fields: Fields

    def as_json(self) -> dict[str, Any]:
        """The entry as one flat JSON object."""
        return {"index": self.index, "t_s": self.t_s, "place": self.place, "what": self.what, **self.fields}

    def __str__(self) -> str:
        details = " ".join(f"{name}={value}" for name, value in self.fields.items())
        return f"{self.t_s:10.6f} {self.place:<9} {self.what:<11} {details}"


class Journal:
    """The record of one run. ``now`` is the world's clock, in seconds since the run began."""

    def __init__(self, now: Callable[[], float], *, entries_max: int = ENTRIES_MAX) -> None:
        self._now = now
        self._entries: list[Entry] = []
        self.entries_max = entries_max

    def __repr__(self) -> str:
        return f"Journal({len(self._entries)} entries)"

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries)

    @property
    def entries(self) -> Sequence[Entry]:
        """Everything so far, oldest first; the live sequence, not a copy."""
        return self._entries

    def record(self, place: str, what: str, /, **fields: Any) -> Entry:
        """Append one entry. Raises JournalFull at the bound."""
        return self.add(place, what, fields)

    def add(self, place: str, what: str, fields: Fields) -> Entry:
        """Like `record`, for fields that are already a dict; the dict may be shared by entries, so leave it alone."""
        index = len(self._entries)
        if index >= self.entries_max:
            raise JournalFull(self.entries_max)
        entry = Entry(index, round(self._now(), 6), place, what, fields)
        self._entries.append(entry)
        return entry

    def lines(self) -> Iterator[str]:
        """Each entry as canonical JSON: sorted keys, no spaces, ASCII."""
        encode = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode
        for entry in self._entries:
            yield encode(entry.as_json())

    def digest(self) -> str:
        """``sha256:`` and the hash of the canonical lines."""
        return "sha256:" + hashlib.sha256("\n".join(self.lines()).encode("ascii")).hexdigest()
