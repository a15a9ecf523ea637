"""Which keys may stand where in a scenario file, by its JSON schema: for the cure of a key that may not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gapless.scenarios.definition.scenario import Scenario

Schema = Mapping[str, Any]


def keys_at(loc: Sequence[str | int]) -> tuple[str, ...]:
    """The keys that may stand where pydantic found one that may not: beside the last part of ``loc``."""
    root = Scenario.model_json_schema()
    here = _table_at(root, loc[:-1])
    return tuple(sorted(_properties(root, here)))


def nearby(loc: Sequence[str | int]) -> str | None:
    """The table within that one, or the one around it, in which the key may stand; None when there is none."""
    root = Scenario.model_json_schema()
    key = str(loc[-1])
    for name, schema in _properties(root, _table_at(root, loc[:-1])).items():
        if key in _properties(root, schema):
            return name
    around = [position for position, part in enumerate(loc[:-1]) if isinstance(part, str)]
    for position in reversed(around):
        if key in _properties(root, _table_at(root, loc[:position])):
            named = [str(part) for part in loc[:position] if isinstance(part, str)]
            return named[-1] if named else "the top of the file"
    return None


def _table_at(root: Schema, loc: Sequence[str | int]) -> Schema:
    """The schema that ``loc`` leads to; an empty one when it leads nowhere."""
    here: Schema = _resolved(root, root)
    for part in loc:
        here = _resolved(root, _step(root, here, part))
    return here


def _step(root: Schema, here: Schema, part: str | int) -> Schema:
    if isinstance(part, int):
        items: Schema = here.get("items", {})
        return items
    if part in here.get("properties", {}):
        found: Schema = here["properties"][part]
        return found
    # The name of a union's branch, which pydantic puts between real keys.
    tagged = here.get("discriminator", {}).get("mapping", {})
    if part in tagged:
        return {"$ref": tagged[part]}
    branches = [_properties(root, branch) for branch in here.get("anyOf", ())]
    return {"properties": {name: schema for branch in branches for name, schema in branch.items()}}


def _properties(root: Schema, schema: Schema) -> Schema:
    properties: Schema = _resolved(root, schema).get("properties", {})
    return properties


def _resolved(root: Schema, schema: Schema) -> Schema:
    """The schema itself: what a reference stands for, or what may be there if anything is."""
    while True:
        if "$ref" in schema:
            schema = root["$defs"][str(schema["$ref"]).rpartition("/")[2]]
            continue
        choices = [one for one in schema.get("anyOf", ()) if one.get("type") != "null"]
        if len(choices) != 1:
            return schema
        schema = choices[0]
