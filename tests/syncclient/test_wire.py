"""The codec: whatever comes ends in a value or in `ProtocolViolation`, and an item that cannot be read costs itself."""

from __future__ import annotations

import json

import pytest

from gapless.syncclient import wire
from gapless.syncclient.errors import ProtocolViolation

DEEP = "[" * 100_000 + "]" * 100_000
NESTED = '{"id":"a","kind":"K","x":' + "[" * 400 + "]" * 400 + "}"
HOSTILE = {
    "deep": DEEP,
    "nested": NESTED,
    "huge number": '{"id":"a","kind":"K","x":' + "9" * 10_000 + "}",
    "lone surrogate": '{"id":"\\ud800","kind":"K"}',
    "long id": json.dumps({"id": "a" * 1_000_000, "kind": "K"}),
    "wrong parent": '{"id":"a","kind":"K","parent_id":["b"]}',
    "wrong timestamp": '{"id":"a","kind":"K","timestamp":{}}',
    "no object": "7",
    "no JSON": "{",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_frame_is_a_protocol_violation_with_a_short_message(name: str) -> None:
    for parse in (lambda text: wire.parse_events_frame(text, knows_leaf=True), wire.parse_session_frame):
        text = HOSTILE[name]
        if parse is wire.parse_session_frame:
            text = f'{{"type":"durable","seq":1,"event":{text}}}'
        with pytest.raises(ProtocolViolation) as caught:
            parse(text)
        assert len(str(caught.value)) < 500


@pytest.mark.parametrize("seq", [-7, 2**60, 1.5, True, "1", None])
def test_an_index_that_is_none_is_a_protocol_violation(seq: object) -> None:
    with pytest.raises(ProtocolViolation):
        wire.parse_session_frame(json.dumps({"type": "durable", "seq": seq, "event": {"id": "a", "kind": "K"}}))


@pytest.mark.parametrize(
    "body", [DEEP, "9" * 10_000, "-1", "true", "{}", "\ud800".encode("utf-8", "surrogatepass").decode("latin-1")]
)
def test_a_hostile_count_is_a_protocol_violation(body: str) -> None:
    with pytest.raises(ProtocolViolation):
        wire.parse_count(body.encode())


def test_an_item_that_cannot_be_read_costs_itself_and_not_the_page() -> None:
    items = [{"id": "a", "kind": "K"}, {"id": 7, "kind": "K"}, "x", {"id": "b", "kind": "K"}]
    page = wire.parse_page(json.dumps({"items": items, "next_page_id": None}).encode())
    assert [item["id"] for item in page.items] == ["a", "b"]
    assert len(page.unreadable) == 2


def test_a_page_that_is_not_utf8_is_a_protocol_violation() -> None:
    with pytest.raises(ProtocolViolation):
        wire.parse_page(b'{"items":[],"next_page_id":"\xff"}')
