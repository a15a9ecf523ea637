"""The core, fed by hand: runs in which nothing goes wrong, and what they are proven by."""

from __future__ import annotations

from gapless.syncclient.core import actions, events
from gapless.syncclient.wire import Snapshot
from tests.syncclient.script import RUNNING, Hand, message, page, run_of, update


def test_clean_run_in_the_tree_is_proven_by_its_chain_at_no_cost() -> None:
    hand = Hand("tree")
    hand.attach_empty()
    hand.begin_run()
    hand.live(*run_of("abc"))
    hand.snapshot("finished", "c")
    (finished,) = hand.finished
    assert finished.report.complete
    assert (finished.report.proof, finished.report.covers) == ("chain", "branch")
    assert finished.report.spent.calls == 0


def test_clean_session_run_is_proven_by_seq_at_no_cost() -> None:
    hand = Hand("session")
    hand.attach_empty()
    hand.begin_run()
    hand.live(*run_of("abc"), seq=0)
    hand.snapshot("finished", "c")
    (finished,) = hand.finished
    assert finished.report.complete
    assert (finished.report.proof, finished.report.spent.calls) == ("seq", 0)


def test_clean_legacy_run_is_proven_by_one_page_from_the_anchor() -> None:
    hand = Hand("legacy")
    hand.attach_empty()
    first, second = run_of("abc"), run_of("def")
    for number, run in enumerate((first, second)):
        hand.begin_run()
        hand.live(*run)
        hand.snapshot("finished")
        assert len(hand.finished) == number
        if number:
            assert hand.pages[-1].page_id == first[-2]["id"]
            hand.answer(page([*first[-2:], *run]))
        else:
            hand.answer(page(run))
    assert [finished.report.proof for finished in hand.finished] == ["echo", "echo"]
    assert hand.finished[-1].report.spent.calls == 3


def attached_for_the_whole_log() -> Hand:
    """Attached to an empty log in the tree, a run begun, nothing left unproven wanted; counts are trusted."""
    hand = Hand("tree", certainty="log", trusts_count=True)
    hand.open_socket()
    hand.snapshot("idle")
    hand.answer(page([]))
    hand.begin_run()
    return hand


def test_whole_log_certainty_in_the_tree_takes_one_count_where_counts_are_trusted() -> None:
    hand = attached_for_the_whole_log()
    hand.live(*run_of("abc"))
    hand.snapshot("finished", "c")
    assert not hand.finished
    hand.answer(5)
    assert (hand.finished[0].report.proof, hand.finished[0].report.covers) == ("count", "log")
    assert len(hand.pages) == 1


def test_a_count_that_is_not_trusted_is_not_asked_for() -> None:
    """R54: a lost event and one that is not persisted yet cancel out in it."""
    hand = Hand("tree", certainty="log")
    hand.open_socket()
    hand.snapshot("idle")
    hand.answer(page([]))
    hand.begin_run()
    run = run_of("abc")
    hand.live(*run)
    hand.snapshot("finished", "c")
    hand.answer(page(run))
    assert (hand.finished[0].report.proof, hand.finished[0].report.covers) == ("echo", "log")


def test_a_count_that_differs_is_followed_by_a_page_from_before_what_is_unproven() -> None:
    hand = attached_for_the_whole_log()
    run = run_of("abc")
    lost = dict(update("lost", "stats", {}, "a"))
    hand.live(*run)
    hand.snapshot("finished", "c")
    hand.answer(6)
    assert hand.pages[-1].page_id is None, "the chain gives no anchor to somebody who wants the whole log"
    hand.answer(page([*run[:2], lost, *run[2:]]))
    assert (hand.finished[0].report.proof, hand.finished[0].report.covers) == ("echo", "log")
    assert "lost" in hand.held()


def test_a_count_is_compared_with_what_was_held_when_it_was_asked_for() -> None:
    """R54: what comes after the count was taken may make up for what is missing."""
    hand = attached_for_the_whole_log()
    hand.live(*run_of("abc"))
    hand.snapshot("finished", "c")
    hand.live(update("later", "stats", {}, "c"))
    hand.answer(6)
    assert not hand.finished


def test_after_an_outage_a_page_tells_more_than_a_count() -> None:
    hand = attached_for_the_whole_log()
    run = run_of("abc")
    hand.live(*run[:2])
    hand.feed(events.SocketClosed(1, None, "reset"))
    hand.wait(0.2)
    hand.open_socket()
    hand.snapshot("running", "a")
    hand.answer(page(run[:2]))
    hand.live(*run[2:])
    hand.snapshot("finished", "c")
    assert not any(isinstance(action, actions.FetchCount) for action in hand.asked)


def test_whole_log_certainty_in_the_session_takes_a_new_sync_and_no_call() -> None:
    hand = Hand("session", certainty="log")
    hand.attach_empty()
    hand.begin_run()
    run = run_of("abc")
    hand.live(*run[:-1], seq=0)  # the last state update is lost, and nothing on the socket says so
    hand.snapshot("finished", "c")
    assert not hand.finished
    hand.open_socket()
    hand.sync(4, from_seq=3)
    hand.live(*run[-2:], seq=3)
    assert hand.finished[0].report.covers == "log"
    assert hand.finished[0].report.spent.calls == 0
    assert hand.held() == [event["id"] for event in run]


def test_the_report_names_the_certificate_of_each_range() -> None:
    hand = Hand("tree")
    hand.attach_empty()
    for number, (ids, parent_id) in enumerate((("abc", None), ("def", "c"))):
        hand.begin_run()
        events_ = run_of(ids, parent_id)
        if number:
            hand.live(events_[0], *events_[2:])
            hand.wait(0.3)
            hand.answer(page([run_of("abc")[-1], *events_]))
        else:
            hand.live(*events_)
        hand.snapshot("finished", ids[-1])
    ranges = hand.finished[-1].report.ranges
    assert [(r.proof, r.covers) for r in ranges] == [("chain", "branch")]
    assert ranges[0].last_id == "f>"


def test_the_detail_of_the_error_event_is_reported() -> None:
    """R22."""
    hand = Hand("tree")
    hand.attach_empty()
    hand.begin_run()
    error = {**message("e", "c"), "kind": "ConversationErrorEvent", "code": "LLMError", "detail": "no credit"}
    hand.live(*run_of("abc")[:-1], error)
    hand.snapshot("error", "e")
    assert hand.finished[0].report.error == "LLMError: no credit"
    hand.begin_run()
    hand.live(*run_of("ghi", "e"))
    hand.snapshot("finished", "i")
    assert hand.finished[1].report.error is None


def test_an_overtaken_snapshot_does_not_take_the_status_back() -> None:
    """R36."""
    hand = Hand("tree")
    hand.attach_empty()
    hand.begin_run()
    hand.live({**update("r", *RUNNING), "timestamp": "2"})
    hand.frame(Snapshot("idle", None, True, timestamp="1"))
    assert hand.core.report().status == "running"
