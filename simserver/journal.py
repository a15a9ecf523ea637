"""The append-only record of everything that happened in a run.

Two runs of one scenario and tape have equal journals, so comparing two digests shows whether the runs were the same.
Messages are journaled, not bytes: WebSocket masks are random numbers of the operating system and differ in each run.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from gapless.simserver.errors import JournalFull
from gapless.simserver.messages import KeptMessages, RawHeaders

ENTRIES_MAX = 2_000_000

# Values are JSON scalars (`str | int | float | bool | None`) or lists of them.
Fields = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened.

    index: position in the journal, from 0; t_s: virtual seconds since the world began, rounded to microseconds; place:
    where it happened (``log``, ``socket``, ``rest``, …); what: a verb; fields: its details.
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
    """The record of one run.

    now: the world's clock, in virtual seconds since the run began; entries_max: the bound at which `record` raises;
    messages: what was on the wire, beside the entries; None unless somebody wants to see it.
    """

    def __init__(self, now: Callable[[], float], *, entries_max: int = ENTRIES_MAX) -> None:
        self._now = now
        # A run makes about four entries for each event. They are stored as tuples, and become `Entry` only when read.
        self._raw: list[tuple[float, str, str, Fields]] = []
        self._entries: list[Entry] = []
        self.entries_max = entries_max
        self.messages: KeptMessages | None = None

    def __repr__(self) -> str:
        return f"Journal({len(self)} entries)"

    def __len__(self) -> int:
        return len(self._raw)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries)

    @property
    def entries(self) -> Sequence[Entry]:
        """All entries so far, oldest first. Do not change the list."""
        for index in range(len(self._entries), len(self._raw)):
            at_s, place, what, fields = self._raw[index]
            self._entries.append(Entry(index, round(at_s, 6), place, what, fields))
        return self._entries

    def record(self, place: str, what: str, /, **fields: Any) -> None:
        """Append one entry. Raises JournalFull at the bound."""
        self.add(place, what, fields)

    def add(self, place: str, what: str, fields: Fields) -> None:
        """Like `record`, for fields that are already a dict. Entries may share the dict, so do not change it."""
        raw = self._raw
        if len(raw) >= self.entries_max:
            raise JournalFull(self.entries_max)
        raw.append((self._now(), place, what, fields))

    def keep(self, name: str, headers: RawHeaders, body: str | bytes = "", *, from_client: bool = False) -> None:
        """Keep a message as it was on the wire, where messages are kept."""
        if self.messages is not None:
            self.messages.keep(name, headers, body, from_client=from_client)

    def lines(self) -> Iterator[str]:
        """Each entry as canonical JSON: sorted keys, no spaces, ASCII."""
        return canonical(self.entries)

    def digest(self) -> str:
        """``sha256:`` and the hash of the canonical lines."""
        return digest_of(self.entries)


_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), check_circular=False).encode


def canonical(entries: Iterable[Entry]) -> Iterator[str]:
    """Each entry as canonical JSON: sorted keys, no spaces, ASCII."""
    for entry in entries:
        yield _encode(entry.as_json())


def digest_of(entries: Iterable[Entry]) -> str:
    """``sha256:`` and the hash of the canonical lines of these entries."""
    return digest_of_lines(canonical(entries))


def digest_of_lines(lines: Iterable[str]) -> str:
    """The digest of entries that are canonical lines already."""
    return "sha256:" + hashlib.sha256("\n".join(lines).encode("ascii")).hexdigest()
