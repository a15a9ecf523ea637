"""Digests of events: equal for equal contents only, whatever was digested before."""

from __future__ import annotations

import json
from types import MappingProxyType
from typing import Any

import pytest

from gapless.scenarios.judging import content
from gapless.scenarios.judging.content import content_digest

EVENT: dict[str, Any] = {"id": "one", "kind": "ActionEvent", "action": {"command": "ls", "timeout": 1}, "thought": []}


def test_the_transport_fields_and_the_order_of_fields_are_no_content() -> None:
    turned = dict(reversed(EVENT.items()))
    assert content_digest(EVENT | {"parent_id": "two", "seq": 7}) == content_digest(turned) is not None


def test_an_event_that_a_client_changes_in_place_has_another_digest() -> None:
    event = json.loads(json.dumps(EVENT))
    before = content_digest(event)
    event["action"]["command"] = "rm"
    assert content_digest(event) not in (before, None)
    event["action"]["command"] = "ls"
    assert content_digest(event) == before


@pytest.mark.parametrize("other", [True, 1.0, "1", None])
def test_values_that_json_tells_apart_are_told_apart(other: object) -> None:
    changed = EVENT | {"action": {"command": "ls", "timeout": other}}
    assert content_digest(changed) != content_digest(EVENT)


def test_what_is_no_json_has_no_digest() -> None:
    assert content_digest({"id": "one"}) is None
    assert content_digest(EVENT | {"extra": object()}) is None
    assert content_digest(EVENT | {"extra": float("nan")}) is None
    assert content_digest(EVENT | {"extra": b"bytes"}) is None
    circle: dict[str, Any] = {}
    circle["circle"] = circle
    assert content_digest(EVENT | circle) is None


def test_a_mapping_of_another_class_has_the_same_digest() -> None:
    assert content_digest(MappingProxyType(EVENT)) == content_digest(EVENT)


def test_only_so_many_bytes_are_kept() -> None:
    known = content._KnownDigests(1_000)
    digests = [known.digest(EVENT | {"id": str(number), "text": "x" * 500}) for number in range(8)]
    assert len(set(digests)) == 8
    assert known.size_bytes < 2_000
    assert digests == [content_digest(EVENT | {"id": str(number), "text": "x" * 500}) for number in range(8)]
