"""Records as JSON lines: one record a line, for tools that read a stream, and for ``grep``."""

from __future__ import annotations

import json

from reports.json import record_json
from reports.results import Results


def render_json_lines(results: Results) -> str:
    """Each record as one line; nothing where there are none."""
    return "".join(json.dumps(record_json(record), ensure_ascii=False) + "\n" for record in results.records)
