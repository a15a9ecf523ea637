"""Records as JSON lines: one record a line, for tools that read a stream, and for ``grep``."""

from __future__ import annotations

import json

from reports.characters import well_formed
from reports.json import record_json
from reports.results import Results


def render_json_lines(results: Results) -> str:
    """Each record as one line; nothing where there are none."""
    lines = (json.dumps(record_json(record), ensure_ascii=False) for record in results.records)
    return well_formed("".join(f"{line}\n" for line in lines))
