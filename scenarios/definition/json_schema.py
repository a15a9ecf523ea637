"""The JSON schema of scenario files, for editors.

``python -m gapless.scenarios.definition.json_schema`` writes ``scenario.schema.json`` anew.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from gapless.scenarios.definition.scenario import Scenario

PATH = Path(__file__).parent / "scenario.schema.json"


def render() -> str:
    """The schema as text."""
    schema = Scenario.model_json_schema()
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
    _allow_single_words(schema["$defs"]["Match"]["properties"])
    return json.dumps(_finite(schema), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _allow_single_words(properties: dict[str, Any]) -> None:
    """Allow one word in place of a list of one, and a range in place of a list of ordinals.

    Validators of `Match` do so, and pydantic cannot see that.
    """
    for schema in properties.values():
        ways = schema.get("anyOf", [])
        listed = [way["items"] for way in ways if way.get("type") == "array"]
        ways.extend(listed)
        ways.extend(_range_of(item) for item in listed if item.get("type") == "integer")


def _range_of(ordinal: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "description": "A range of ordinals, both ends included.",
        "properties": {"from": ordinal, "to": ordinal},
        "required": ["from", "to"],
        "additionalProperties": False,
    }


def _finite(value: object) -> object:
    """``value`` without infinite defaults, such as the end of an open time window: JSON has no infinity."""
    if isinstance(value, dict):
        return {name: _finite(one) for name, one in value.items() if not _is_infinite(one)}
    if isinstance(value, list):
        return [_finite(one) for one in value]
    return value


def _is_infinite(value: object) -> bool:
    return isinstance(value, float) and not math.isfinite(value)


if __name__ == "__main__":
    PATH.write_text(render(), encoding="utf-8")
