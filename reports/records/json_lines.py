"""Records as JSON lines, one record on each line: for tools that read a stream, and for ``grep``."""

from __future__ import annotations

import json

from gapless.reports.records.characters import json_text
from gapless.reports.records.json import record_json
from gapless.reports.records.results import Results


def render_json_lines(results: Results) -> str:
    """One line for each record; empty if there are none."""
    lines = (json.dumps(record_json(record), ensure_ascii=False) for record in results.records)
    return json_text("".join(f"{line}\n" for line in lines))
