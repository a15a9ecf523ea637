"""Journals packed for the page: deflated, in base64, by digest; inflated by the browser when one is asked for."""

from __future__ import annotations

import base64

from gapless.reports.records.journals import deflated
from gapless.reports.records.record import Verdict
from gapless.reports.records.results import Results

_BYTES_BESIDE = 120  # of markup around each journal


def pack(results: Results, room_bytes: int) -> dict[str, str]:
    """What is embedded, by digest, in the order of the records.

    What exceeds ``room_bytes`` is left out: the largest journals of passing runs first, then the largest of the others.
    """
    packed: dict[str, str] = {}
    failing: set[str] = set()
    for record in results.records:
        lines = results.journal_of(record)
        if lines is not None and record.digest not in packed:
            packed[record.digest] = base64.b64encode(deflated(lines)).decode("ascii")
        if record.verdict is not Verdict.HOLDS:
            failing.add(record.digest)
    size_bytes = sum(len(one) + _BYTES_BESIDE for one in packed.values())
    for digest in sorted(packed, key=lambda digest: (digest in failing, -len(packed[digest]))):
        if size_bytes <= room_bytes:
            break
        size_bytes -= len(packed.pop(digest)) + _BYTES_BESIDE
    return packed
