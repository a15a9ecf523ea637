"""The JSON schema of a records document, for programs that read one.

``python -m gapless.reports.records.json_schema`` writes the file again. The schema is made from the same types that
``json.py`` writes and ``reading.py`` reads, so the three always agree.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from gapless.reports.records.json import SCHEMA
from gapless.reports.records.reading import RecordsDocument

PATH = Path(__file__).parent / "records.schema.json"
_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def render_schema() -> str:
    """The schema as text."""
    schema = RecordsDocument.model_json_schema()
    properties = {"schema": {"const": SCHEMA, "description": "Says what this document is."}, **schema["properties"]}
    _add_ratio(schema["$defs"]["RestCost"])
    whole = {
        "$schema": _DIALECT,
        **schema,
        "title": "Records of gapless",
        "description": "What `gapless run` and `gapless check` write with `--json FILE`: one record for each run.",
        "properties": properties,
        "required": ["schema", *schema["required"]],
    }
    return json.dumps(_tidied(whole), indent=1, ensure_ascii=False) + "\n"


def _add_ratio(rest: dict[str, Any]) -> None:
    rest["properties"]["ratio"] = {
        "anyOf": [{"type": "number"}, {"type": "null"}],
        "description": "Derived: calls divided by the optimum; null if no call was needed.",
    }


def _tidied(value: object, name: str = "") -> object:
    """The schema without titles, which only repeat keys, and with each description on one line."""
    if isinstance(value, list):
        return [_tidied(one) for one in value]
    if not isinstance(value, dict):
        return " ".join(value.split()) if name == "description" and isinstance(value, str) else value
    kept = {key: one for key, one in value.items() if key != "title" or "$schema" in value or not isinstance(one, str)}
    return {key: _tidied(one, key) for key, one in kept.items()}


if __name__ == "__main__":
    PATH.write_text(render_schema(), encoding="utf-8")
