"""The core, fed by hand: what is missing, and how it is had."""

from __future__ import annotations

from gapless.syncclient.core import actions, events
from tests.syncclient.script import RUNNING, Hand, branch, page, update


def test_frames_out_of_order_cost_nothing() -> None:
    """R31: the state update comes before the message that it speaks of, always."""
    hand = Hand("tree")
    hand.attach_empty()
    hand.begin_run()
    a, b, c = branch("abc")
    hand.live(update("s", *RUNNING, parent_id="a") | {"timestamp": "aa"}, c, a)
    hand.wait(0.2)
    hand.live(b)
    hand.wait(5)
    hand.snapshot("finished", "c")
    assert hand.finished[0].report.spent.calls == 0
    assert hand.held() == ["a", "s", "b", "c"]


def test_a_hole_in_the_tree_is_repaired_by_one_page_from_its_anchor() -> None:
    """R30: one frame lost in the middle."""
    hand = Hand("tree")
    hand.attach_empty()
    hand.begin_run()
    events_ = branch("abcdef")
    hand.live(*events_[:3], *events_[4:])
    assert not hand.pages
    hand.wait(0.3)
    assert hand.pages == [actions.FetchPage(2, "a", 100, False)]
    hand.answer(page(events_))
    hand.snapshot("finished", "f")
    assert hand.finished[0].report.complete
    assert hand.finished[0].report.repaired_events == 1
    assert ("d", "repair") in hand.delivered
    assert len(hand.delivered) == len(set(hand.delivered)) == 6


def test_a_hole_in_the_session_is_replayed_by_the_socket() -> None:
    hand = Hand("session")
    hand.attach_empty()
    hand.begin_run()
    a, b, c, d = branch("abcd")
    hand.live(a, seq=0)
    hand.live(c, seq=2)
    hand.wait(0.3)
    assert hand.asked[-1] == actions.OpenSocket(2, "session", -1)
    hand.live(d, seq=3)
    hand.open_socket()
    asked = hand.sync(3, from_seq=0)
    assert actions.CloseSocket(1) in asked
    hand.live(a, b, c, d, seq=0)
    hand.snapshot("running", "d")
    hand.snapshot("finished", "d")
    assert hand.finished[0].report.complete
    assert not hand.pages
    assert ("b", "repair") in hand.delivered


def test_a_hole_that_no_replay_fills_is_read_over_by_a_page() -> None:
    """R59: an unreadable event leaves a hole in seq that no call can fill."""
    hand = Hand("session")
    hand.attach_empty()
    a, b, d, e = branch("abde")
    hand.live(a, b, seq=0)
    hand.begin_run()
    hand.live(d, e, seq=3)
    for _ in range(10):
        if hand.pages:
            break
        hand.wait(1)
        if hand.core.ledger.unplaced_seq_min() is not None and not hand.pages:
            hand.open_socket()
            hand.sync(4, from_seq=1)
            hand.live(d, e, seq=3)
    assert hand.pages[-1].page_id == "a"
    hand.answer(page([a, b, d, e]))
    hand.snapshot("running", "e")
    hand.snapshot("finished", "e")
    assert hand.finished[0].report.complete


def test_a_frame_too_large_for_us_is_read_by_a_page_and_passed_over() -> None:
    """R38: it would come again at every replay."""
    hand = Hand("session")
    hand.attach_empty()
    hand.live(*branch("abc"), seq=0)
    hand.feed(events.SocketClosed(1, 1009, "message too big"))
    assert hand.pages[-1].page_id == "b"
    hand.answer(page(branch("bcd")))
    hand.wait(1)
    assert hand.asked[-1] == actions.OpenSocket(2, "session", 3)


def test_a_replay_that_always_breaks_off_is_read_over_by_a_page() -> None:
    """R37, R38: close 1013, at the same event each time."""
    hand = Hand("session")
    hand.attach_empty()
    hand.live(*branch("abc"), seq=0)
    for _ in range(10):
        if hand.pages:
            break
        hand.feed(events.SocketClosed(hand.connection, 1013, "too slow"))
        hand.wait(1)
        if not hand.pages:
            hand.open_socket()
            hand.sync(3, from_seq=2)
    assert hand.connection <= 4
    assert hand.pages[-1].page_id == "b"


def test_a_lost_tail_is_fetched_when_the_snapshot_names_it() -> None:
    """R10: the end is known before the last events are here."""
    hand = Hand("tree")
    hand.attach_empty()
    hand.begin_run()
    events_ = branch("abcd")
    hand.live(*events_[:2])
    hand.snapshot("finished", "d")
    assert not hand.finished
    hand.wait(0.3)
    hand.answer(page(events_))
    assert hand.finished[0].report.complete
    assert hand.held() == list("abcd")
