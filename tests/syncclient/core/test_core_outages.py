"""The core, fed by hand: sockets that are lost."""

from __future__ import annotations

from gapless.syncclient.core import actions, events
from gapless.syncclient.wire import Info, LogEvent
from tests.syncclient.script import FINISHED, RUNNING, Hand, branch, message, page, run_of, update


def back_with(*log: LogEvent | None) -> Hand:
    """A client that holds a session log, but for the events that no frame brought (None), and has a new socket."""
    hand = Hand("session")
    hand.attach_empty()
    for seq, event in enumerate(log):
        if event is not None:
            hand.live(event, seq=seq)
    hand.feed(events.SocketClosed(1, 1012, "restart"))
    hand.wait(0.2)
    hand.open_socket()
    return hand


def begins_anew(hand: Hand, *log: LogEvent) -> None:
    """The client subscribes to learn the length of a log, and once more to have it replayed."""
    hand.open_socket()
    hand.sync(len(log) - 1)
    hand.open_socket()
    hand.sync(len(log) - 1, from_seq=0)
    hand.live(*log, seq=0)


def test_a_reconnect_that_missed_nothing_costs_no_call_in_the_tree() -> None:
    hand = Hand("tree")
    hand.attach_empty()
    hand.begin_run()
    hand.live(*branch("abc"))
    hand.feed(events.SocketClosed(1, 1012, "restart"))
    hand.wait(0.2)
    hand.open_socket()
    hand.snapshot("running", "c")
    hand.wait(5)
    assert not hand.pages


def test_a_reconnect_in_the_session_resumes_after_what_is_contiguous() -> None:
    """R31: the highest seq seen would skip what is missing below it. The last event held comes once more (R60)."""
    hand = Hand("session")
    hand.attach_empty()
    hand.live(message("a"), seq=0)
    hand.live(message("c", "b"), seq=2)
    hand.feed(events.SocketClosed(1, None, "reset"))
    hand.wait(0.2)
    assert hand.asked[-1] == actions.OpenSocket(2, "session", -1)


def test_a_log_that_has_another_event_where_our_last_one_was_is_followed_from_its_beginning() -> None:
    """R60: the conversation was replaced while the socket was down."""
    hand = back_with(*branch("abc"))
    hand.sync(4, from_seq=2)
    hand.live(message("x"), seq=2)
    assert hand.held() == []
    assert hand.asked[-1] == actions.OpenSocket(3, "session", None)
    begins_anew(hand, message("a"), *branch("wxyz", "a"))
    assert hand.held() == list("awxyz")
    assert [event_id for event_id, _ in hand.delivered] == list("abcwxyz"), "each once"


def test_a_log_that_is_shorter_than_what_is_held_is_followed_from_its_beginning() -> None:
    """R60: the server came back with a backup."""
    hand = back_with(*branch("abc"))
    hand.sync(1, from_seq=2)
    assert hand.held() == []
    begins_anew(hand, *branch("ab"))
    assert hand.held() == list("ab")


def test_a_reconnect_in_the_legacy_generation_reads_on_from_the_anchor() -> None:
    """R34."""
    hand = Hand("legacy")
    hand.open_socket()
    hand.snapshot("idle")
    hand.answer(page(branch("abc")))
    hand.feed(events.SocketClosed(1, None, "reset"))
    hand.wait(0.2)
    hand.open_socket()
    hand.snapshot("running")
    assert hand.pages[-1].page_id == "b"
    hand.answer(page([message("b"), message("c"), message("d")]))
    assert hand.held() == list("abcd")


def test_with_the_socket_down_for_good_rest_tells_the_end() -> None:
    hand = Hand("tree")
    hand.attach_empty()
    hand.begin_run()
    hand.live(*branch("ab"))
    for _ in range(200):
        if any(isinstance(action, actions.FetchInfo) for action in hand.asked):
            break
        hand.feed(events.SocketClosed(hand.connection, None, "refused"))
        hand.wait(0.5)
    hand.answer(Info("finished", "d"))
    hand.wait(5.5)
    hand.answer(page([*branch("ab"), update("r", *RUNNING, "b"), *branch("cd", "b"), update("f", *FINISHED, "d")]))
    assert hand.finished[0].report.complete
    assert hand.finished[0].report.spent.calls == 2


def test_a_run_that_is_asked_for_while_the_log_is_begun_anew_is_posted_when_it_is_held() -> None:
    """R60."""
    hand = back_with(*branch("abc"))
    hand.sync(1, from_seq=2)
    hand.feed(events.RunRequested())
    assert not any(isinstance(action, actions.PostRun) for action in hand.asked)
    begins_anew(hand, *branch("ab"))
    assert isinstance(hand.asked[-1], actions.PostRun)


def test_a_run_that_is_given_up_before_it_could_be_posted_is_not_posted() -> None:
    hand = back_with(*branch("abc"))
    hand.sync(1, from_seq=2)
    hand.feed(events.RunRequested())
    hand.feed(events.RunAbandoned())
    begins_anew(hand, *branch("ab"))
    assert hand.held() == list("ab")
    assert not any(isinstance(action, actions.PostRun) for action in hand.asked)


def test_a_log_that_is_shorter_than_a_hole_or_has_another_event_beyond_it_is_begun_anew() -> None:
    """R60."""
    for length, new in ((2, ()), (3, (2, "new"))):
        hand = back_with(message("a"), None, message("old"))
        hand.sync(length - 1, from_seq=0)
        if new:
            hand.live(message("a"), seq=0)
            assert "old" in hand.held()
            hand.live(message(new[1]), seq=new[0])
        assert hand.held() == [], "the log is another, and is begun anew"
        assert hand.asked[-1] == actions.OpenSocket(3, "session", None)


def test_an_index_proves_nothing_before_the_last_event_held_was_shown_again() -> None:
    """R60: the log lost its end, and grew past it before the socket was back; and the frame that would tell is lost."""
    hand = back_with(*branch("abc"))
    hand.sync(3, from_seq=2)
    hand.live(message("z"), seq=3)
    hand.begin_run()
    hand.live(*run_of("d", "z"), seq=4)
    hand.snapshot("finished", "d")
    assert not hand.finished
    hand.wait(5.3)
    assert hand.asked[-1] == actions.OpenSocket(3, "session", 1), "asked for the same event once more"
    hand.open_socket()
    hand.sync(6, from_seq=2)
    hand.live(message("y"), seq=2)
    assert hand.held() == [], "the log is another, and is begun anew"


def test_a_hole_that_another_log_has_filled_does_not_make_a_stale_event_contiguous() -> None:
    """R60: what stood beyond the hole got its place by its index, and then the log shows another there."""
    hand = back_with(message("a"), None, message("old"))
    hand.sync(2, from_seq=0)
    hand.live(message("a"), message("b"), seq=0)
    assert hand.held() == ["a", "b", "old"]
    hand.live(message("new"), seq=2)
    assert hand.held() == [], "the log is another, and is begun anew"
    assert hand.asked[-1] == actions.OpenSocket(3, "session", None)


def test_a_leaf_that_is_none_proves_no_branch_that_is_held() -> None:
    """R60: the server died, and came back with a log that has lost all of it: the log is to say what is left."""
    hand = Hand("tree")
    hand.attach_empty()
    hand.begin_run()
    run = run_of("abc")
    hand.live(*run[:-1])
    hand.feed(events.SocketClosed(1, 1012, "restart"))
    hand.wait(0.2)
    hand.open_socket()
    hand.snapshot("error")
    hand.wait(2)
    assert not hand.finished, "a chain of nothing proves nothing of what is held"
    lost = update("z", "execution_status", "error")
    while not hand.finished:
        hand.answer(page([lost]))
        hand.wait(0.5)
    assert hand.finished[0].report.complete
    assert hand.held() == ["z"]
