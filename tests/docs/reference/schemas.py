"""JSON schemas as tables: each key, what it takes in words, its default."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from gapless.reports.records.json_schema import render_schema
from gapless.scenarios.definition.json_schema import render
from gapless.simserver.faults import KINDS, BaseFault
from gapless.simserver.faults.match import _MEANINGFUL

Schema = Mapping[str, Any]
# Keys that every fault has are told once.
COMMON = ("kind", "name", "match")
# The parts of a scenario file that faults.md explains.
CAUSES = ("Cause", "StepOfScript")
_UNITS = (("bytes_per_s", "bytes per second"), ("_s", "seconds"), ("_s_max", "seconds"), ("_bytes", "bytes"))
_UNITS_ANYWHERE = {"bytes_max": "bytes", "bytes": "bytes"}


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a table: what it takes, in words; its default as it is written, empty where it must be given."""

    name: str
    takes: str
    default: str
    is_required: bool
    about: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """One object of a schema: what it says of itself, and its keys."""

    name: str
    about: str
    keys: tuple[Key, ...]


@dataclass(frozen=True, slots=True)
class FaultPage:
    """One kind of fault. ``matches``: the keys of ``match`` that mean something to it."""

    kind: str
    headline: str
    about: str
    place: str
    matches: tuple[str, ...]
    keys: tuple[Key, ...]


@cache
def scenario_schema() -> Schema:
    """The schema of scenario files. Rendering it takes long."""
    read: Schema = json.loads(render())
    return read


def scenario_tables() -> tuple[Table, ...]:
    """The scenario file, then its parts, in the order in which they are met; faults are told elsewhere."""
    schema = scenario_schema()
    kinds = {kind.__name__ for kind in KINDS} | {"Match", *CAUSES}
    parts = [name for name in _met(schema, schema["$defs"]) if name not in kinds]
    return (table("Scenario", schema), *(table(name, schema["$defs"][name]) for name in parts))


def match_table() -> Table:
    """When a fault acts."""
    found = table("Match", scenario_schema()["$defs"]["Match"])
    return replace(found, about=_marked(found.about, [key.name for key in found.keys]))


def cause_tables() -> tuple[Table, ...]:
    """What may happen first: a cause, and a step of the script."""
    definitions = scenario_schema()["$defs"]
    found = tuple(table(name, definitions[name]) for name in CAUSES)
    return tuple(replace(one, about=_marked(one.about, [key.name for key in one.keys])) for one in found)


def faults() -> Iterator[FaultPage]:
    """Every kind of fault, in the order of the union."""
    definitions = scenario_schema()["$defs"]
    for kind in KINDS:
        name = str(kind.model_fields["kind"].default)
        keys = tuple(key for key in table(name, definitions[kind.__name__]).keys if key.name not in COMMON)
        about = _marked(plain(inspect.getdoc(kind)), [key.name for key in keys])
        yield FaultPage(name, _headline(kind), about, kind.place, _matches(kind), keys)


def record_tables() -> tuple[Table, ...]:
    """The records document, then its parts."""
    schema = json.loads(render_schema())
    return (table("Document", schema), *(table(name, schema["$defs"][name]) for name in _met(schema, schema["$defs"])))


def table(name: str, schema: Schema) -> Table:
    """One object of a schema; one that is a plain word is a table without keys."""
    required = schema.get("required", ())
    about = plain(schema.get("description"))
    if "enum" in schema:
        about = f"{about} {_words('', schema)}.".strip()
    keys = tuple(
        Key(key, _words(key, one), _default(one), key in required, plain(one.get("description")))
        for key, one in schema.get("properties", {}).items()
    )
    return Table(name, about, keys)


def plain(docstring: str | None) -> str:
    """A docstring as Markdown, each paragraph on a line."""
    text = inspect.cleandoc(docstring or "").replace("``", "`")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.split("\n\n"))


def _marked(text: str, names: Iterable[str]) -> str:
    """The names of keys as code, where a docstring begins to speak of one."""
    for name in names:
        text = re.sub(rf"(?<![`\w]){re.escape(name)}(?=[:,])", f"`{name}`", text)
    return text


def _headline(kind: type[BaseFault]) -> str:
    """What its file says of it, without repeating its name."""
    module = inspect.getmodule(kind)
    text = plain(module.__doc__ if module is not None else "")
    text = text.partition("\n\n")[0].partition(": ")[2]
    return text[:1].upper() + text[1:]


def _matches(kind: type[BaseFault]) -> tuple[str, ...]:
    meaningful = _MEANINGFUL[kind.place]
    return tuple(key.name for key in match_table().keys if key.name in meaningful)


def _met(schema: Schema, definitions: Mapping[str, Schema]) -> list[str]:
    """The names of the definitions that a schema leads to, in the order in which a reader meets them."""
    found: list[str] = []

    def walk(value: object) -> None:
        if isinstance(value, dict):
            if "$ref" in value:
                name = str(value["$ref"]).rpartition("/")[2]
                if name not in found:
                    found.append(name)
                    walk(definitions[name].get("properties", {}))
            for key, one in value.items():
                if key != "default":
                    walk(one)
        elif isinstance(value, list):
            for one in value:
                walk(one)

    walk(schema["properties"])
    return found


def _default(schema: Schema) -> str:
    if "default" not in schema or schema["default"] is None:
        return ""
    value = schema["default"]
    if isinstance(value, dict) or (value and isinstance(value, list) and all(isinstance(one, dict) for one in value)):
        return "its defaults" if isinstance(value, dict) else "one, with its defaults"
    return f"`{json.dumps(value, ensure_ascii=False)}`"


def _words(key: str, schema: Schema) -> str:
    """What a key takes."""
    if "const" in schema:
        return f"`{json.dumps(schema['const'])}`"
    if "enum" in schema:
        return "one of " + ", ".join(f"`{json.dumps(one)}`" for one in schema["enum"])
    if "$ref" in schema:
        name = str(schema["$ref"]).rpartition("/")[2]
        return f"[{name}]({'faults.md' if name in CAUSES else ''}#{name.lower()})"
    if "oneOf" in schema:
        return "a [fault](faults.md)"
    if "anyOf" in schema:
        return _either(key, [one for one in schema["anyOf"] if one.get("type") != "null"])
    if schema.get("type") == "array":
        return _listed(key, schema)
    return _scalar(key, schema)


def _either(key: str, ways: list[Schema]) -> str:
    if len(ways) > 1 and ways[0].get("items") == ways[1]:
        ranges = ", or `{ from, to }`" if len(ways) == 3 else ""
        return f"{_words(key, ways[1])}; or a list of them{ranges}"
    return " or ".join(dict.fromkeys(_words(key, one) for one in ways))


def _listed(key: str, schema: Schema) -> str:
    least = schema.get("minItems", 0)
    return f"list of {_words(key, schema['items'])}" + (f", {least} at least" if least else "")


def _scalar(key: str, schema: Schema) -> str:
    kind = str(schema.get("type", "anything"))
    number = {"integer": "whole number", "number": "number"}.get(kind)
    if number is None:
        pattern = f", pattern `{schema['pattern']}`" if "pattern" in schema else ""
        length = f", at most {schema['maxLength']} characters" if "maxLength" in schema else ""
        return {"boolean": "`true` or `false`", "string": "text", "object": "object"}.get(kind, kind) + pattern + length
    bounds = _bounds(schema)
    return ", ".join(part for part in (_unit(key) or number, bounds) if part)


def _bounds(schema: Schema) -> str:
    low = schema.get("minimum")
    above = schema.get("exclusiveMinimum")
    high = schema.get("maximum")
    parts = []
    if low is not None:
        parts.append(f"{low:,} or more" if high is None else f"{low:,} to {high:,}")
    elif above is not None:
        parts.append(f"more than {above:,}" + (f", at most {high:,}" if high is not None else ""))
    return ", ".join(re.sub(r"\.0\b", "", part) for part in parts)


def _unit(key: str) -> str | None:
    if key in _UNITS_ANYWHERE:
        return _UNITS_ANYWHERE[key]
    return next((unit for suffix, unit in _UNITS if key.endswith(suffix)), None)
