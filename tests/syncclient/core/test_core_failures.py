"""The core, fed by hand: cursors that are unknown, and requests that fail."""

from __future__ import annotations

import pytest

from gapless.syncclient.core import actions, events
from gapless.syncclient.errors import AuthenticationFailed, ConversationNotFound
from tests.syncclient.script import Hand, branch, message, page, run_of


def hole_in_a_long_log(hand: Hand) -> None:
    """Attached with a gap in the middle; then an event is lost, and asked for."""
    hand.open_socket()
    hand.snapshot("idle", "z")
    hand.answer(page(branch("abc"), "d"))
    hand.answer(page(branch("xyz")[::-1], "w"))
    hand.live(message("2", "1"))
    hand.wait(0.3)
    assert hand.pages[-1] == actions.FetchPage(3, "y", 100, False)


REPAIRED = [*branch("xyz"), message("1", "z"), message("2", "1")]


@pytest.mark.parametrize("start", [1, 2], ids=["inclusive", "exclusive"])
def test_both_cursor_modes_echo_what_is_confirmed(start: int) -> None:
    """R50."""
    hand = Hand("tree")
    hole_in_a_long_log(hand)
    hand.answer(page(REPAIRED[start:]))
    assert hand.held() == list("abcxyz12")
    assert len(hand.pages) == 3


@pytest.mark.parametrize("how", ["natural start", "404", "400"])
def test_an_unknown_cursor_is_noticed_and_read_backward_from_the_tail(how: str) -> None:
    """R51: the answer of a server that does not know the cursor is no success."""
    hand = Hand("tree")
    hole_in_a_long_log(hand)
    if how == "natural start":
        hand.answer(page(branch("abc"), "d"))
    else:
        hand.refuse(int(how), transient=False)
    assert hand.pages[-1].descending
    assert hand.pages[-1].page_id is None
    hand.answer(page(REPAIRED[1:][::-1], "x"))
    assert hand.held() == list("abcxyz12")
    assert hand.pages[-1].request == 4


def test_a_backward_walk_may_end_at_the_head_of_the_log() -> None:
    """R51, on an exclusive server: the head was seen before, and is no sign of another start here."""
    hand = Hand("legacy")
    hand.open_socket()
    hand.snapshot("idle")
    hand.answer(page(branch("abc")))
    hand.begin_run()
    run = run_of("defgh")
    hand.live(*run[:3], *run[4:])
    hand.snapshot("finished")
    hand.refuse(404, transient=False)
    log = [*branch("abc"), *run]
    hand.answer(page(log[:3:-1], log[4]["id"]))
    hand.answer(page(log[3::-1]))
    assert hand.finished[0].report.complete
    assert hand.held() == [event["id"] for event in log]


def test_a_cursor_that_never_advances_ends_the_walk() -> None:
    """R57."""
    hand = Hand("tree")
    hole_in_a_long_log(hand)
    hand.answer(page(REPAIRED[1:3], "q"))
    for _ in range(4):
        hand.answer(page([], "q"))
    hand.wait(100)
    assert len(hand.pages) < 20
    assert "the server's page cursor never comes to an end" in " ".join(hand.core.report().notes)


def test_retry_after_is_obeyed() -> None:
    """R56."""
    hand = Hand("tree")
    hole_in_a_long_log(hand)
    hand.refuse(429, retry_after_s=7)
    hand.wait(6.9)
    assert len(hand.pages) == 3
    hand.wait(0.2)
    assert len(hand.pages) == 4


def test_a_repair_that_comes_to_its_deadline_is_reported_not_swallowed() -> None:
    """R55."""
    hand = Hand("tree", repair_deadline_s=5)
    hand.attach_empty()
    hand.begin_run()
    hand.live(*branch("ab"))
    hand.snapshot("finished", "d")
    for _ in range(100):
        if hand.finished:
            break
        hand.wait(0.5)
        if len(hand.pages) and hand.core._now.exchange is not None:
            hand.refuse(503)
    (finished,) = hand.finished
    assert not finished.report.complete
    assert finished.report.proof == "none"
    assert "repair_deadline_s (5 s) was reached" in " ".join(finished.report.notes)


@pytest.mark.parametrize(("code", "error"), [(4001, AuthenticationFailed), (4004, ConversationNotFound)])
def test_fatal_closes_are_typed_errors(code: int, error: type[Exception]) -> None:
    hand = Hand("tree")
    hand.feed(events.SocketClosed(1, code, "closed"))
    failure = hand.asked[-1]
    assert isinstance(failure, actions.Fail)
    assert isinstance(failure.error, error)


def test_a_skipped_frame_is_counted_and_said() -> None:
    hand = Hand("tree")
    hand.attach_empty()
    hand.feed(events.FrameRejected(1, "a frame is not JSON"))
    assert hand.core.report().skipped_frames == 1
    assert "a frame was skipped: a frame is not JSON" in hand.core.report().notes


def test_a_run_in_progress_is_waited_for_and_ours_follows() -> None:
    """R18."""
    hand = Hand("tree")
    hand.attach_empty()
    hand.feed(events.RunRequested())
    hand.conflict()
    hand.live(*run_of("abc"))
    asked = hand.snapshot("finished", "c")
    assert asked == [actions.PostRun(2)]
    assert not hand.finished
    hand.accept()
    hand.live(*run_of("def", "c"))
    hand.snapshot("finished", "f")
    assert len(hand.finished) == 1


def test_a_log_that_lags_the_socket_is_read_ever_more_slowly_until_the_deadline() -> None:
    """R52: the socket has told of the leaf, and REST does not show it yet."""
    hand = Hand("tree", certainty="log", repair_deadline_s=5)
    hand.open_socket()
    hand.snapshot("idle")
    hand.answer(page([]))
    hand.begin_run()
    run = run_of("abc")
    hand.live(*run[:-1])
    hand.snapshot("finished", "c")
    asked = len(hand.pages)
    for _ in range(1000):
        if hand.finished:
            break
        if hand.core._now.exchange is not None:
            hand.answer(page(run[:2]))
        else:
            hand.wait(0.05)
    assert len(hand.pages) - asked < 20
    assert not hand.finished[0].report.complete
    assert "repair_deadline_s (5 s) was reached" in " ".join(hand.finished[0].report.notes)
