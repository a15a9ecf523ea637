"""Journals for the page: compressed, in base64, by digest. The browser decompresses a journal to show its run."""

from __future__ import annotations

import base64

from gapless.reports.records.journals import deflated
from gapless.reports.records.record import Verdict
from gapless.reports.records.results import Results

_MARKUP_BYTES = 120  # around each journal


def pack(results: Results, room_bytes: int) -> dict[str, str]:
    """The embedded journals by digest, in the order of the records.

    Journals are left out until the others fit into ``room_bytes``: the largest of passing runs first, then the largest
    of failed runs.
    """
    packed: dict[str, str] = {}
    failing: set[str] = set()
    for record in results.records:
        lines = results.journal_of(record)
        if lines is not None and record.digest not in packed:
            packed[record.digest] = base64.b64encode(deflated(lines)).decode("ascii")
        if record.verdict is not Verdict.HOLDS:
            failing.add(record.digest)
    size_bytes = sum(len(one) + _MARKUP_BYTES for one in packed.values())
    for digest in sorted(packed, key=lambda digest: (digest in failing, -len(packed[digest]))):
        if size_bytes <= room_bytes:
            break
        size_bytes -= len(packed.pop(digest)) + _MARKUP_BYTES
    return packed
