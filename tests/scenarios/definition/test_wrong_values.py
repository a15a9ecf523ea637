"""A value that is refused is refused in our words, with the place and the cure; whatever was given, wherever."""

from __future__ import annotations

import copy
import datetime
import itertools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, TypeAdapter

from gapless.reports.records import reading
from gapless.reports.records.documents import DEPTH_MAX
from gapless.scenarios.capsules import capsule
from gapless.scenarios.checking import recording
from gapless.scenarios.definition import catalogue
from gapless.scenarios.definition.loading import parse
from gapless.scenarios.definition.scenario import Scenario
from gapless.scenarios.errors import ScenarioError
from gapless.scenarios.explore import database
from gapless.scenarios.judging import own_budget
from gapless.scenarios.serving import requests, step_protocol
from gapless.scenarios.wrong_values import EXPECTED, OTHERWISE, PATTERNS, SENTENCES, WrongValue, validated, validated_by
from gapless.simserver.faults import FAULT, KINDS

ROOT = Path(__file__).parents[3]
HEAD = 'name = "x"\ntitle = "x"\norigin = "x"\n'
DEEP: dict[str, Any] = {}
for _ in range(DEPTH_MAX):
    DEEP = {"a": DEEP}
WRONG: tuple[Any, ...] = (
    5,
    -5,
    10**30,
    1.5,
    float("nan"),
    "x",
    "",
    "x" * 20_000,
    "\ud800",
    True,
    [],
    [5],
    ["x"],
    {},
    {"x": 1},
    DEEP,
    None,
    datetime.date(2026, 1, 1),
)
# What pydantic says, and we do not.
ITS_WORDS = (
    "Input should",
    "input should",
    "valid",
    "parse",
    "Extra",
    "tuple",
    "dictionary",
    "instance",
    "tagged",
    "[",
)
# The types of error that a node of a model can cause, with what it is bounded by.
CAUSED: Mapping[str, Sequence[str]] = {
    "int": ("int_type", "int_parsing", "int_parsing_size", "int_from_float"),
    "float": ("float_type", "float_parsing", "finite_number"),
    "bool": ("bool_type", "bool_parsing"),
    "str": ("string_type", "string_unicode"),
    "literal": ("literal_error",),
    "enum": ("enum",),
    "list": ("list_type",),
    "tuple": ("tuple_type", "missing", "too_long"),
    "dict": ("dict_type", "invalid_key", "string_type"),
    "model": ("model_type", "model_attributes_type"),
    "model-fields": ("missing", "extra_forbidden", "invalid_key", "model_type"),
    "dataclass": ("dataclass_type",),
    "dataclass-args": ("missing", "unexpected_keyword_argument"),
    "tagged-union": ("union_tag_invalid", "union_tag_not_found"),
    "function-after": ("value_error", "assertion_error"),
    "function-before": ("value_error", "assertion_error"),
    "ge": ("greater_than_equal",),
    "gt": ("greater_than",),
    "le": ("less_than_equal",),
    "lt": ("less_than",),
    "str.min_length": ("string_too_short",),
    "str.max_length": ("string_too_long",),
    "list.min_length": ("too_short",),
    "list.max_length": ("too_long",),
    "tuple.min_length": ("too_short",),
    "tuple.max_length": ("too_long",),
    "dict.max_length": ("too_long",),
    "pattern": ("string_pattern_mismatch",),
}
HARMLESS = {"any", "default", "nullable", "union", "no-info", "model-field", "dataclass-field"}
HARMLESS |= {"definition-ref", "definitions"}
BOUNDS = ("ge", "gt", "le", "lt", "min_length", "max_length", "pattern", "multiple_of")
MODULES = (step_protocol, requests, capsule, recording, own_budget)


def nodes(schema: object) -> Iterator[dict[str, Any]]:
    """Every node of a core schema, whatever is below it."""
    if isinstance(schema, dict):
        if isinstance(schema.get("type"), str):
            yield schema
        for name, one in schema.items():
            if name not in ("serialization", "metadata"):
                yield from nodes(one)
    elif isinstance(schema, list | tuple):
        for one in schema:
            yield from nodes(one)


def models() -> Iterator[object]:
    """The core schemas of all that reads a file, a request or a report."""
    for module in MODULES:
        for one in vars(module).values():
            if isinstance(one, type) and issubclass(one, BaseModel) and one is not BaseModel:
                one.model_rebuild()
                yield one.__pydantic_core_schema__
    yield database._FILE.core_schema


def caused(schema: object) -> Iterator[str]:
    for node in nodes(schema):
        kind = node["type"]
        assert kind in CAUSED or kind in HARMLESS, f"which errors can a {kind} cause?"
        yield from CAUSED.get(kind, ())
        for bound in BOUNDS:
            if bound in node:
                found = CAUSED.get(f"{kind}.{bound}") or CAUSED.get(bound)
                assert found, f"which errors can {bound} of a {kind} cause?"
                yield from found


def test_each_error_that_a_model_can_cause_has_words() -> None:
    assert set(itertools.chain.from_iterable(map(caused, models()))) - {*EXPECTED, *SENTENCES} == set()


def test_each_error_that_the_records_can_cause_has_words() -> None:
    # Strict reading of JSON parses no text, and has no attributes to read.
    never = {"int_parsing", "int_parsing_size", "float_parsing", "bool_parsing", "string_unicode"}
    never |= {"model_attributes_type", "invalid_key", "too_long"}
    possible = set(caused(reading.RecordsDocument.__pydantic_core_schema__)) - never
    assert possible - {*reading._EXPECTED, *reading._PLAINLY} == set()


def test_each_pattern_is_said_in_words() -> None:
    patterns = {node["pattern"] for schema in models() for node in nodes(schema) if "pattern" in node}
    assert patterns == set(PATTERNS)


def places(data: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    if path:
        yield path
    parts = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, one in parts:
        yield from places(one, (*path, key))


def changed(data: Any, path: Sequence[str | int], value: object) -> Any:
    fresh = copy.deepcopy(data)
    here = fresh
    for part in path[:-1]:
        here = here[part]
    here[path[-1]] = value
    return fresh


def refusals(validate: Callable[[Any], object], data: dict[str, Any]) -> Iterator[WrongValue]:
    """What is said when one value of a document is replaced, or a key of it dropped, or one added."""
    for path in places(data):
        for value in WRONG:
            try:
                validate(changed(data, path, value))
            except WrongValue as error:
                yield error
        if isinstance(path[-1], str):
            fresh = changed(data, (*path[:-1], f"{path[-1]}x"), 1)
            try:
                validate(fresh)
            except WrongValue as error:
                yield error


def check(error: WrongValue) -> None:
    assert error.kind in EXPECTED or error.kind in SENTENCES, error
    given = next((one for one in (" is not allowed here", " is no kind of fault") if one in error.problem), "")
    text = error.problem.rpartition(given)[2] if given else error.problem
    assert not [words for words in ITS_WORDS if words in text + error.cure], error
    assert OTHERWISE not in error.cure, error
    assert error.cure != "correct it there", error
    assert len(str(error)) < 2500
    assert "\n" not in str(error)


def example_of(kind: type[BaseModel]) -> dict[str, Any]:
    """The first fault of the kind that the catalogue has, with the fields that it leaves out."""
    name = kind.model_fields["kind"].default
    found = next((one for scenario in catalogue.catalogue() for one in scenario.faults if one.kind == name), None)
    return {"kind": name} if found is None else found.model_dump(mode="json", exclude_none=True)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: str(kind.model_fields["kind"].default))
def test_no_wrong_value_of_a_fault_is_refused_in_other_words(kind: type[BaseModel]) -> None:
    seen = list(refusals(partial(validated_by, FAULT), example_of(kind)))
    assert seen
    for error in seen:
        check(error)


WHOLE = """name = "whole"
title = "Everything"
origin = "me"
races = ["R10"]
generations = ["tree"]
script = ["attach", { send = "x" }, { sleep_s = 1 }, { navigate = 1 }, { restart_s = 1, lease_s = 1 }, "run"]
kills = [{ client = "x", by = "budget", generations = ["tree"] }]
thread_switches = [{ point = 1, choice = 0 }]

[server]
unknown_cursor = "natural"
api_key = "x"
replay_events_max = 5

[workload]
history_before_tree = false

[[workload.runs]]
actions = 3
step_s = 0.5
end_status = "error"

[[workload.background]]
message = "x"
run = { actions = 1 }
at = { step = { name = "send", nth = 1 }, returned = true, delay_s = 1 }

[[workload.background]]
at = { run = 1, ends = true }
navigate = "root"

[expect]
certainty = "log"
delivery_bound_s = 5
errors_allowed = ["run"]

[budget]
allowances = [{ calls = 1, because = "it has a reason", generations = ["tree"] }]
attach_calls = { tree = 3 }
bytes_max = 5

[client]
trusts_count = true
pages_max = 3
"""


def test_no_wrong_value_of_a_scenario_is_refused_in_other_words() -> None:
    import tomllib

    seen = list(refusals(partial(validated, Scenario), tomllib.loads(WHOLE)))
    assert len(seen) > 500
    for error in seen:
        check(error)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('script = ["atach"]', "4: script.0: 'atach' is not allowed here; did you mean 'attach'?"),
        ('script = ["attach", { sleep_s = "x" }]', "4: script.1.sleep_s: 'x' is not allowed here; give a number"),
        (
            'script = ["attach", { navigate = "up" }]',
            "script.1.navigate: 'up' is not allowed here; give 'root' or a whole",
        ),
        ('match = { nth = "first" }', "6: faults.0.match.nth: 'first' is not allowed here; give a whole number"),
        ("match = { nth = 0 }", "faults.0.match.nth: 0 is not allowed here; give a number of at least 1"),
        ("match = { nth = { from = 3 } }", "both included; write it as { from = 3, to = 9 }"),
        ("match = { probability = 2 }", "2 is not allowed here; give a number of at most 1"),
        ("match = { between_runs = 7 }", "faults.0.match.between_runs: 7 is not allowed here; give true or false"),
        ('races = ["X"]', "4: races.0: 'X' is not allowed here; give R and two digits, as in R10"),
        ("faults = [5]", "4: faults.0: 5 is not allowed here; give a table of keys and values"),
        ("[[faults]]", "4: faults.0: has no kind; add `kind`"),
        ("expect.errors_allowed = 5", "5 is not allowed here; give true or false or a list"),
        ('expect.errors_allowed = ["rn"]', "expect.errors_allowed.0: 'rn' is not allowed here; did you mean 'run'?"),
        ("workload.history_events = 0x" + "f" * 5_000, "mine.toml: is not valid TOML (it has a number or a date that"),
        ("story." + "a." * 3_000 + "b = 1", "mine.toml: is not valid TOML (it is nested too deeply)"),
    ],
)
def test_a_file_says_what_belongs_there(text: str, said: str) -> None:
    body = f'[[faults]]\nkind = "event-drop"\n{text}\n' if text.startswith("match") else f"{text}\n"
    with pytest.raises(ScenarioError) as refused:
        parse(HEAD + body, "mine.toml")
    assert said in str(refused.value)


def test_a_report_and_a_request_are_refused_in_the_same_words() -> None:
    with pytest.raises(step_protocol.ProtocolError, match=r"^calls: '7' is not allowed here; give a whole number$"):
        step_protocol.parse('{"done": "run", "calls": "7"}')
    with pytest.raises(
        step_protocol.ProtocolError, match=r"^held\.0: 5 is .* here; give a text in quotes or a table of"
    ):
        step_protocol.parse('{"done": "run", "held": [5]}')
    with pytest.raises(WrongValue, match=r"^seed: -1 is not allowed here; give a number of at least 0$"):
        validated(requests.Start, {"scenario": "clean-run", "seed": -1})


def test_an_adapter_of_a_union_names_all_that_may_be_given() -> None:
    with pytest.raises(WrongValue) as refused:
        validated_by(TypeAdapter(int | bool | list[int]), "x")
    assert refused.value.cure == "give a whole number, true or false or a list"


def test_nothing_else_shows_the_words_of_pydantic() -> None:
    allowed = {"scenarios/wrong_values.py", "reports/records/reading.py"}
    allowed |= {"simserver/faults/__init__.py", "simserver/protocol/wire.py"}  # for programs, and as FastAPI does
    folders = ("scenarios", "reports", "simserver", "syncclient")
    users = {
        str(path.relative_to(ROOT))
        for folder in folders
        for path in (ROOT / folder).rglob("*.py")
        if re.search(r"^from pydantic.* import .*\bValidationError\b", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert users == allowed
