"""Whether a run was the same run, and if not, from where on it was another. Pure."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from gapless.reports.one_run.trace import render_entry

ENTRIES_MAX: Final = 20_000  # entries of a journal that have a fingerprint; what differs only later is not placed
FINGERPRINT_CHARACTERS: Final = 6


@dataclass(frozen=True, slots=True)
class Difference:
    """Two journals: ``equal`` of the entries ``compared`` are equal; the first other one has ``index``, from 0.

    ``line`` is that entry as it is now, None when the journal ends before it; all are equal when ``index`` is None:
    then the difference is further on than fingerprints go, or somebody has written another digest by hand.
    """

    equal: int
    compared: int
    index: int | None
    line: str | None

    def __str__(self) -> str:
        if self.index is None:
            if self.compared < ENTRIES_MAX:
                return f"all {self.compared} entries are equal, and only the digest is another"
            return f"the first {self.compared} entries are equal, and it differs only after those"
        told = f"{self.equal} of {self.compared} entries are equal, and no. {self.index + 1} is the first that differs"
        if self.line is None:
            return f"{told}: now there is none"
        return f"{told}, at {json.loads(self.line)['t_s']:g} s: {_told(self.line)}"


def difference(prints: Sequence[str], lines: Sequence[str]) -> Difference:
    """How the journal ``lines`` differs from one of which only fingerprints were kept; the digests must differ."""
    now = fingerprints(lines)
    pairs = list(zip(prints, now, strict=False))
    equal = sum(1 for then, again in pairs if then == again)
    index = next((number for number, (then, again) in enumerate(pairs) if then != again), None)
    if index is None and len(prints) != len(now):
        index = len(pairs)
    line = lines[index] if index is not None and index < len(lines) else None
    return Difference(equal, min(max(len(prints), len(now)), ENTRIES_MAX), index, line)


def _told(line: str) -> str:
    """An entry in one row, without its time."""
    row = " ".join(" ".join(render_entry(json.loads(line))).split())
    return row.partition(" ")[2]


def fingerprints(lines: Iterable[str]) -> tuple[str, ...]:
    """A few characters for each of the first ``ENTRIES_MAX`` lines of a journal."""
    first = itertools.islice(lines, ENTRIES_MAX)
    return tuple(hashlib.sha256(line.encode()).hexdigest()[:FINGERPRINT_CHARACTERS] for line in first)
