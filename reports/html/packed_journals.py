"""Journals for the page: compressed, in base64, by digest. The browser decompresses a journal to show its run."""

from __future__ import annotations

import base64
from collections.abc import Sequence

from gapless.reports.records.journals import deflated, is_message
from gapless.reports.records.record import Verdict
from gapless.reports.records.results import Results

_MARKUP_BYTES = 120  # around each journal


def pack(results: Results, room_bytes: int) -> dict[str, str]:
    """The embedded journals by digest, in the order of the records.

    Parts are left out until the others fit into ``room_bytes``. Messages go before journals, those of passing runs
    before those of failed runs, and the largest first.
    """
    packed: dict[str, str] = {}
    bare: dict[str, str] = {}
    failing: set[str] = set()
    for record in results.records:
        lines = results.journal_of(record)
        if lines is not None and record.digest not in packed:
            packed[record.digest] = _packed(lines)
            entries = [line for line in lines if not is_message(line)]
            bare[record.digest] = packed[record.digest] if len(entries) == len(lines) else _packed(entries)
        if record.verdict is not Verdict.HOLDS:
            failing.add(record.digest)
    size_bytes = sum(len(one) + _MARKUP_BYTES for one in packed.values())
    for digest in sorted(packed, key=lambda digest: (digest in failing, -len(packed[digest]))):
        if size_bytes > room_bytes:
            size_bytes -= len(packed[digest]) - len(bare[digest])
            packed[digest] = bare[digest]
    for digest in sorted(packed, key=lambda digest: (digest in failing, -len(packed[digest]))):
        if size_bytes > room_bytes:
            size_bytes -= len(packed.pop(digest)) + _MARKUP_BYTES
    return packed


def _packed(lines: Sequence[str]) -> str:
    return base64.b64encode(deflated(lines)).decode("ascii")
