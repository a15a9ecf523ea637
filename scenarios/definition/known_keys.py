"""Which keys a scenario file allows at which place, by its JSON schema. Errors about an unknown key need this."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gapless.scenarios.definition.scenario import Scenario

Schema = Mapping[str, Any]


def keys_at(loc: Sequence[str | int]) -> tuple[str, ...]:
    """The keys allowed in the table in which pydantic found an unknown key. ``loc`` is the location of that key."""
    root = Scenario.model_json_schema()
    here = _table_at(root, loc[:-1])
    return tuple(sorted(_properties(root, here)))


def nearby(loc: Sequence[str | int]) -> str | None:
    """The name of another table that allows the unknown key at ``loc``; None when there is none.

    Tables inside the key's table come first, then the tables around it.
    """
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


def holds_tables(loc: Sequence[str | int]) -> bool:
    """Whether what belongs at ``loc`` is a list of tables and of nothing else."""
    root = Scenario.model_json_schema()
    items = _resolved(root, _table_at(root, loc).get("items", {}))
    branches = [_resolved(root, one) for one in items.get("oneOf", items.get("anyOf", (items,)))]
    return all(branch.get("type") == "object" for branch in branches)


def _table_at(root: Schema, loc: Sequence[str | int]) -> Schema:
    """The schema at ``loc``; an empty one when ``loc`` leads nowhere."""
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
    # ``part`` may be the name of a union's branch: pydantic puts those between real keys.
    tagged = here.get("discriminator", {}).get("mapping", {})
    if part in tagged:
        return {"$ref": tagged[part]}
    # A union without tags: a key of any branch may follow.
    branches = [_properties(root, branch) for branch in here.get("anyOf", ())]
    return {"properties": {name: schema for branch in branches for name, schema in branch.items()}}


def _properties(root: Schema, schema: Schema) -> Schema:
    properties: Schema = _resolved(root, schema).get("properties", {})
    return properties


def _resolved(root: Schema, schema: Schema) -> Schema:
    """The schema behind a reference, and behind a choice between one schema and null."""
    while True:
        if "$ref" in schema:
            schema = root["$defs"][str(schema["$ref"]).rpartition("/")[2]]
            continue
        choices = [one for one in schema.get("anyOf", ()) if one.get("type") != "null"]
        if len(choices) != 1:
            return schema
        schema = choices[0]
