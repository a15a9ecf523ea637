"""Compares the journals of two runs: are they equal, and if not, where do they first differ? Pure."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from gapless.reports.one_run.trace import render_entry

ENTRIES_MAX: Final = 20_000  # entries that get a fingerprint; a later difference shows in the digest alone
FINGERPRINT_CHARACTERS: Final = 6


@dataclass(frozen=True, slots=True)
class Difference:
    """How two journals differ.

    ``equal``: how many of the ``compared`` entries are equal. ``index``: the first entry that differs, from 0. It is
    None when all are equal: then the difference lies beyond the fingerprints, or the digest was edited by hand.
    ``line``: that entry in the journal that is there in full; None when this journal ends before it.
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
        what = f"{self.equal} of {self.compared} entries are equal, and no. {self.index + 1} is the first that differs"
        if self.line is None:
            return f"{what}: now there is none"
        return f"{what}, at {json.loads(self.line)['t_s']:g} s: {_entry_text(self.line)}"


def difference(prints: Sequence[str], lines: Sequence[str]) -> Difference:
    """How the journal ``lines`` differs from the journal with the fingerprints ``prints``. The digests must differ."""
    now = fingerprints(lines)
    pairs = list(zip(prints, now, strict=False))
    equal = sum(1 for then, again in pairs if then == again)
    index = next((number for number, (then, again) in enumerate(pairs) if then != again), None)
    if index is None and len(prints) != len(now):
        index = len(pairs)
    line = lines[index] if index is not None and index < len(lines) else None
    return Difference(equal, min(max(len(prints), len(now)), ENTRIES_MAX), index, line)


def _entry_text(line: str) -> str:
    """An entry on one line, without its time."""
    row = " ".join(" ".join(render_entry(json.loads(line))).split())
    return row.partition(" ")[2]


def fingerprints(lines: Iterable[str]) -> tuple[str, ...]:
    """A short hash of each of the first ``ENTRIES_MAX`` lines of a journal."""
    first = itertools.islice(lines, ENTRIES_MAX)
    return tuple(hashlib.sha256(line.encode()).hexdigest()[:FINGERPRINT_CHARACTERS] for line in first)
