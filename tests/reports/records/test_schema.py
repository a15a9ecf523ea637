"""The published schema is fresh, and real documents are what it says."""

from __future__ import annotations

import copy
import json
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest

from gapless.reports.records.json import render_json
from gapless.reports.records.json_schema import PATH, render_schema
from gapless.scenarios.definition.catalogue import find_one
from gapless.scenarios.running.runner import RunRequest, perform
from tests.reports.golden import stored

SCHEMA = json.loads(PATH.read_text(encoding="utf-8"))
DOCUMENT: dict[str, Any] = json.loads(stored("failing.records.json"))


def test_the_schema_on_disk_is_fresh() -> None:
    assert PATH.read_text(encoding="utf-8") == render_schema(), "run `python -m gapless.reports.records.json_schema`"


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("name", ["failing.records.json", "holding.records.json"])
def test_documents_of_samples_are_valid(name: str) -> None:
    jsonschema.validate(json.loads(stored(name)), SCHEMA)


@pytest.mark.parametrize("client", ["gapless", "poll-then-return"])
def test_documents_of_real_runs_are_valid(client: str) -> None:
    record = perform(RunRequest(find_one("r10-late-tail"), "tree", "inclusive", client)).record
    jsonschema.validate(json.loads(render_json((record,), {"python": "3"})), SCHEMA)


@pytest.mark.parametrize(
    "where", [("schema",), ("records", 0, "verdict"), ("records", 0, "rest", "calls"), ("records", 0, "races")]
)
def test_a_document_that_is_otherwise_is_not(where: tuple[str | int, ...]) -> None:
    broken: Any = copy.deepcopy(DOCUMENT)
    place = broken
    for part in where[:-1]:
        place = place[part]
    place[where[-1]] = "7"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(broken, SCHEMA)


def test_every_key_that_is_written_is_in_the_schema() -> None:
    record = perform(RunRequest(find_one("r79-two-devices-one-listens"), "tree", "inclusive", "gapless")).record
    document = json.loads(render_json((record,), {"python": "3"}))
    jsonschema.validate(document, SCHEMA)
    (two,) = document["records"]
    described = {"RunRecord": two, "RestCost": two["rest"], "ClientRecord": two["clients"][1]}
    for name, written in described.items():
        assert set(SCHEMA["$defs"][name]["properties"]) == set(written)
    assert set(two) - set(DOCUMENT["records"][1]) == {"clients"}  # left out where there is one client
