"""A scenario as TOML text, in the style of the catalogue. Values equal to the default are left out."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from gapless.scenarios.definition.scenario import Scenario

HEADING = "#:schema ../definition/scenario.schema.json"
_WIDTH = 120
_ORDINALS_LISTED_MAX = 3


def render(scenario: Scenario) -> str:
    """The text of a scenario file. Reading it gives a scenario equal to ``scenario``."""
    return "\n".join((HEADING, *_lines(data_of(scenario)))) + "\n"


def data_of(scenario: Scenario) -> dict[str, Any]:
    """A scenario as plain data without defaults. In a match, a list of one is written as its only element."""
    data = scenario.model_dump(mode="json", exclude_defaults=True)
    faults = [
        {"kind": fault.kind, **{name: value for name, value in one.items() if name != "kind"}}
        for fault, one in zip(scenario.faults, data.pop("faults", ()), strict=True)
    ]
    for fault in faults:
        match = {name: _bare(value) for name, value in fault.pop("match", {}).items()}
        fault |= {name: _cause(fault[name]) for name in ("at", "until") if name in fault}
        if match:
            fault["match"] = match
    for one in (*data.get("workload", {}).get("background", ()), data.get("second_client", {})):
        one |= {"at": _cause(one["at"])} if "at" in one else {}
    kills = [
        {"client": kill.client, "by": kill.by, **one}
        for kill, one in zip(scenario.kills, data.pop("kills", ()), strict=True)
    ]
    return {**data, **({"faults": faults} if faults else {}), **({"kills": kills} if kills else {})}


def _bare(value: Any) -> Any:
    """A value of a match or a cause in its shortest form: one word, a step by its name, a range of ordinals."""
    if isinstance(value, dict):
        return value["name"] if value.keys() == {"name"} else _cause(value)
    if not isinstance(value, list):
        return value
    is_of_numbers = len(value) > _ORDINALS_LISTED_MAX and all(isinstance(one, int) for one in value)
    if is_of_numbers and value == list(range(value[0], value[0] + len(value))):
        return {"from": value[0], "to": value[-1]}
    return value[0] if len(value) == 1 else value


def _cause(value: dict[str, Any]) -> dict[str, Any]:
    return {name: _bare(one) for name, one in value.items()}


def _lines(data: Mapping[str, Any]) -> Iterator[str]:
    for key, value in data.items():
        if key == "story":
            yield from ('story = """', *textwrap.wrap(value, _WIDTH, break_on_hyphens=False), '"""')
        elif not _is_table(key, value):
            yield f"{key} = {_inline(value)}"
    for key, value in data.items():
        if _is_table(key, value):
            yield from _table(key, value)


def _table(name: str, value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for one in value:
            yield from ("", f"[[{name}]]", *(f"{key} = {_inline(part)}" for key, part in one.items()))
        return
    plain = {key: part for key, part in value.items() if not _is_table(key, part)}
    if plain:
        yield from ("", f"[{name}]", *(f"{key} = {_inline(part)}" for key, part in plain.items()))
    for key, part in value.items():
        if key not in plain:
            yield from _table(f"{name}.{key}", part)


def _is_table(key: str, value: Any) -> bool:
    is_array = isinstance(value, list) and bool(value) and all(isinstance(one, dict) for one in value)
    return key not in ("script", "match", "run", "at", "until") and (isinstance(value, dict) or is_array)


def _inline(value: Any) -> str:
    match value:
        case dict():
            return "{ " + ", ".join(f"{key} = {_inline(part)}" for key, part in value.items()) + " }"
        case list():
            return "[" + ", ".join(map(_inline, value)) + "]"
        case bool():
            return str(value).lower()
        case str():
            return json.dumps(value, ensure_ascii=False)
        case float() if value.is_integer():
            return str(int(value))
        case _:
            return str(value)
