"""The core, fed by hand: the first sync. No trio, no bytes."""

from __future__ import annotations

import pytest

from gapless.syncclient.core import actions
from gapless.syncclient.errors import ServerUnreachable
from gapless.syncclient.wire import Generation, Snapshot
from tests.syncclient.script import Hand, branch, message, page


@pytest.mark.parametrize(("generation", "pages"), [("legacy", 1), ("tree", 0), ("session", 0)])
def test_attach_to_an_empty_log_costs_what_it_must(generation: Generation, pages: int) -> None:
    hand = Hand(generation)
    hand.attach_empty()
    assert len(hand.pages) == pages


@pytest.mark.parametrize("generation", ["legacy", "tree"])
def test_attach_reads_head_and_tail_and_leaves_the_middle(generation: Generation) -> None:
    hand = Hand(generation)
    hand.open_socket()
    hand.snapshot("idle", "z")
    hand.answer(page(branch("abc"), "d"))
    assert hand.pages[1].descending
    asked = hand.answer(page(branch("xyz")[::-1], "w"))
    assert asked == [actions.FinishAttach()]
    assert hand.held() == list("abcxyz")
    assert [(gap.after_id, gap.before_id) for gap in hand.core.ledger.gaps()] == [("c", "x")]


def test_attach_subscribes_before_it_reads() -> None:
    """R01: an event between a first page and the subscription would be nobody's."""
    hand = Hand("legacy")
    assert [type(action) for action in hand.asked] == [actions.OpenSocket]
    hand.open_socket()
    assert not hand.pages
    hand.snapshot("idle")
    assert len(hand.pages) == 1


def test_attach_without_a_snapshot_goes_on_after_a_while() -> None:
    """R02: the server drops its first push when that takes longer than half a second."""
    hand = Hand("legacy")
    hand.open_socket()
    hand.wait(0.9)
    assert not hand.pages
    hand.wait(0.2)
    hand.answer(page([]))
    assert actions.FinishAttach() in hand.asked


def test_attach_to_a_short_session_log_costs_no_call() -> None:
    hand = Hand("session")
    hand.open_socket()
    hand.sync(2)
    assert hand.asked[-1] == actions.OpenSocket(2, "session", -1)
    hand.open_socket()
    hand.sync(2, from_seq=-1)
    hand.live(*branch("abc"), seq=0)
    assert actions.FinishAttach() in hand.asked
    assert not hand.pages
    assert hand.core.ledger.gaps() == ()


def test_attach_to_a_long_session_log_replays_the_tail_and_reads_the_head() -> None:
    hand = Hand("session", page_size_events=3)
    hand.open_socket()
    hand.sync(9)
    assert hand.asked[-1] == actions.OpenSocket(2, "session", 6)
    hand.open_socket()
    hand.sync(9, from_seq=6)
    hand.live(*branch("xyz"), seq=7)
    assert len(hand.pages) == 1
    hand.answer(page(branch("abc"), "d"))
    assert actions.FinishAttach() in hand.asked
    assert hand.held() == list("abcxyz")


def test_attach_gives_up_at_its_deadline_with_the_last_reason() -> None:
    hand = Hand("legacy", attach_deadline_s=5)
    hand.open_socket()
    hand.snapshot("idle")
    for _ in range(20):
        if any(isinstance(action, actions.Fail) for action in hand.asked):
            break
        hand.refuse(503)
        hand.wait(10)
    failure = hand.asked[-1]
    assert isinstance(failure, actions.Fail)
    assert isinstance(failure.error, ServerUnreachable)
    assert "attach_deadline_s (5 s)" in str(failure.error)
    assert "503" in str(failure.error)


def test_an_attach_reads_the_ends_of_the_log_from_however_small_pages() -> None:
    """R57: a page may hold one event. The newest ten are read before the gap in the middle is left alone."""
    hand = Hand("legacy", end_events=3)
    hand.open_socket()
    hand.snapshot("idle")
    hand.answer(page(branch("abc"), "d"))
    for event_id, next_id in (("z", "y"), ("y", "x"), ("x", "w")):
        assert not any(isinstance(action, actions.FinishAttach) for action in hand.asked)
        hand.answer(page([message(event_id)], next_id))
    assert any(isinstance(action, actions.FinishAttach) for action in hand.asked)
    assert hand.held() == list("abcxyz")
    assert hand.pages[-1].page_id == "x"


def test_a_snapshot_without_a_leaf_is_no_empty_log_where_something_was_said() -> None:
    """A log that began before 1.31, on a server that speaks of leaves."""
    hand = Hand("tree")
    hand.open_socket()
    hand.frame(Snapshot("idle", None, True, has_message=True))
    hand.answer(page([{"id": event_id, "kind": "MessageEvent"} for event_id in "abc"]))
    assert hand.held() == list("abc")
