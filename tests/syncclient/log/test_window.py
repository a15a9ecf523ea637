"""The window: which payloads stay in memory, what is said of the others, and how they are read again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gapless import simserver, syncclient
from gapless.simserver.conversation.workload import pairs
from gapless.syncclient import wire
from gapless.syncclient.log.ledger import Ledger
from gapless.syncclient.log.stub import Stub, shares
from gapless.syncclient.report import Unloaded
from tests.syncclient.script import branch, message, update
from tests.syncclient.test_conversation import Story, opened

LETTERS = "abcdefghijklmnopqrstuvwxyz"


def ledger_of(ids: str, *, size_bytes: int = 10) -> Ledger:
    """A ledger that holds a whole log."""
    ledger = Ledger()
    ledger.merge(branch(ids), at_head=True, sizes_bytes=[size_bytes] * len(ids))
    ledger.settle_main()
    return ledger


def held(ledger: Ledger) -> str:
    """The ids that are held whole."""
    return "".join(event["id"] for event in ledger.ordered())


def test_within_the_window_everything_is_kept() -> None:
    ledger = ledger_of(LETTERS)
    ledger.trim(260)
    assert held(ledger) == LETTERS
    assert ledger.unloaded() == ()


def test_the_oldest_go_first_and_the_head_stays() -> None:
    ledger = ledger_of(LETTERS)
    ledger.trim(200)
    assert held(ledger) == LETTERS[:10] + LETTERS[-5:]
    assert ledger.payloads.size_bytes == 150
    assert ledger.unloaded() == (Unloaded("k", "u", 11),)


def test_where_nothing_else_is_left_the_head_goes_too_from_its_end() -> None:
    ledger = ledger_of(LETTERS)
    ledger.trim(80)
    assert held(ledger) == LETTERS[:6]
    ledger.trim(1)
    assert held(ledger) == ""
    assert ledger.payloads.size_bytes == 0


def test_what_is_dropped_keeps_its_place_and_is_no_news() -> None:
    ledger = ledger_of(LETTERS)
    ledger.trim(100)
    assert ledger.ordered_ids() == list(LETTERS)
    assert len(ledger) == 26
    assert not ledger.add_live(message("p"), None)
    assert ledger.merge(branch("opq")) == []
    assert ledger.ordered_ids() == list(LETTERS)


def test_chains_and_statuses_are_known_of_dropped_events_too() -> None:
    ledger = Ledger()
    ledger.merge([message("a"), update("u", "execution_status", "finished", "a"), message("b", "a")], at_head=True)
    ledger.merge(branch("bc"), sizes_bytes=[5, 5])
    ledger.settle_main()
    ledger.payloads.size_bytes = 100
    ledger.trim(0)
    ledger.add_live(message("d", "c"), None)
    assert ledger.path_to("d").missing is None
    assert ledger.statuses_after("a", among="u") == ["finished"]
    assert ledger.has_child("c")


def test_a_stub_answers_like_its_event() -> None:
    event = update("u", "execution_status", "finished", "a") | {"source": "environment", "long": "x" * 1000}
    stub = Stub.of(event)
    for name in ("id", "kind", "parent_id", "source", "timestamp", "key", "value"):
        assert stub[name] == stub.get(name) == event[name]
    assert "long" not in stub
    assert set(stub) == set(event) - {"long"}
    assert dict(Stub.of(message("a"))) == message("a")


def test_a_page_is_shared_out_by_the_length_of_texts() -> None:
    small, large = message("a"), message("b") | {"content": [{"text": "x" * 10_000}]}
    body = json.dumps([small, large])
    first, second = shares(len(body), [small, large])
    assert first + second <= len(body)
    assert abs(second - len(json.dumps(large))) < 200
    assert shares(100, []) == []


def test_frames_and_pages_know_their_size() -> None:
    event = json.dumps(message("a"))
    frame = wire.parse_events_frame(event, knows_leaf=True)
    assert isinstance(frame, wire.Durable)
    assert frame.size_bytes == len(event)
    envelope = json.dumps({"type": "durable", "seq": 0, "event": message("a")})
    frame = wire.parse_session_frame(envelope)
    assert isinstance(frame, wire.Durable)
    assert frame.size_bytes == len(envelope)
    body = json.dumps({"items": [message("a")], "next_page_id": None}).encode()
    assert wire.parse_page(body).size_bytes == len(body)


@pytest.mark.parametrize("size", [0, -1, float("inf"), "much"])
def test_a_window_that_cannot_be_is_refused_by_name(size: Any) -> None:
    with pytest.raises(syncclient.SettingsError, match="window_bytes_max"):
        syncclient.Settings(window_bytes_max=size)


@pytest.mark.parametrize("with_store", [False, True])
@pytest.mark.parametrize("generation", ["legacy", "tree", "session"])
def test_history_is_whole_whatever_the_window(
    generation: simserver.ServerGeneration, with_store: bool, tmp_path: Path
) -> None:
    window_bytes_max = 60_000

    async def told(world: simserver.World) -> None:
        settings = syncclient.Settings(window_bytes_max=window_bytes_max, certainty="log")
        store = syncclient.SqliteStore(tmp_path / "store.db") if with_store else None
        async with opened(world, settings=settings, store=store) as conversation:
            payloads = conversation._core.ledger.payloads
            assert (await conversation.run()).complete
            log = list(world.agent.log)
            assert [dict(event) async for event in conversation.history()] == log
            report = conversation.report()
            assert payloads.size_bytes <= window_bytes_max
            assert report.held_events == len(log)
            assert report.held_events == len(conversation.events) + sum(run.events for run in report.unloaded)
            assert [dict(event) for event in conversation.events[:10]] == log[:10]
            assert dict(conversation.events[-1]) == log[-1]
            assert [dict(event) async for event in conversation.history()] == log
            again = conversation.report().spent.calls - report.spent.calls
            unloaded = sum(run.events for run in report.unloaded)
            assert again == 0 if with_store else again <= -(-unloaded // 100) + 1

    workload = simserver.AgentWorkload(history_events=650, payload_bytes=1000, runs=(pairs(30, payload_bytes=1000),))
    Story(workload, simserver.ServerSettings(generation)).tell(told)
