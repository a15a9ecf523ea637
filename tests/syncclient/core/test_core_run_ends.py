"""The core, fed by hand: whose end of a run is it?"""

from __future__ import annotations

import pytest

from gapless.syncclient.core import actions, events
from gapless.syncclient.core.runs.run_in_progress import RunInProgress
from gapless.syncclient.log.ledger import Ledger
from gapless.syncclient.wire import Generation, LogEvent, Snapshot
from tests.syncclient.script import RUNNING, Hand, branch, message, page, run_of, update


def ended_with_a_stray() -> tuple[Hand, list[dict[str, object]]]:
    """A run whose every event came, with one, ``bb``, that is beside the chain; and the events of the run itself."""
    hand = Hand("tree")
    hand.attach_empty()
    hand.begin_run()
    run = run_of("abd")
    hand.live(*run[:3], message("bb", "b"), *run[3:])
    return hand, run


def tell_again(hand: Hand, status: str, leaf_id: str) -> None:
    """The subscription that is renewed when a veto would have come is answered as the one before was."""
    hand.open_socket()
    hand.snapshot(status, leaf_id)


@pytest.mark.parametrize("generation", ["legacy", "tree", "session"])
def test_an_idle_snapshot_while_the_agent_initialises_ends_nothing(generation: Generation) -> None:
    """R15."""
    hand = Hand(generation)
    hand.attach_empty()
    hand.begin_run()
    hand.feed(events.SocketClosed(hand.connection, None, "reset"))
    hand.wait(0.2)
    hand.open_socket()
    if generation == "session":
        hand.sync(None)
    hand.snapshot("idle")
    assert not hand.finished


def test_the_previous_runs_late_snapshot_ends_nothing() -> None:
    """R16."""
    hand = Hand("tree")
    hand.attach_empty()
    hand.begin_run()
    hand.live(*run_of("abc"))
    hand.snapshot("finished", "c")
    assert len(hand.finished) == 1
    hand.live(message("m", "c"))
    hand.begin_run()
    hand.snapshot("finished", "c")
    hand.live(update("<", *RUNNING, parent_id="m"))
    hand.snapshot("finished", "c")
    hand.wait(5)
    assert len(hand.finished) == 1
    hand.live(message("d", "m"))
    hand.snapshot("finished", "d")
    assert len(hand.finished) == 2


def test_a_legacy_end_is_believed_only_when_the_log_says_it() -> None:
    hand = Hand("legacy")
    hand.attach_empty()
    hand.begin_run()
    hand.live(*run_of("abc"))
    hand.snapshot("finished")
    first = run_of("abc")
    hand.answer(page(first))
    hand.begin_run()
    asked = len(hand.pages)
    hand.snapshot("finished")  # the first run's, late: nothing shows that ours has begun, so nothing is asked
    assert len(hand.pages) == asked
    second = run_of("def")
    hand.live(*second[:2])
    hand.snapshot("finished")  # and once more, later
    hand.answer(page([*first[-2:], *second[:2]]))
    assert len(hand.finished) == 1
    hand.live(*second[2:])
    hand.snapshot("finished")
    hand.answer(page([*second[:2], *second[2:]]))
    assert len(hand.finished) == 2


def test_a_lost_final_snapshot_is_had_again_by_subscribing_anew() -> None:
    """R17."""
    hand = Hand("tree")
    hand.attach_empty()
    hand.begin_run()
    hand.live(*run_of("abc"))
    hand.wait(0.9)
    assert hand.connection == 1
    hand.wait(0.2)
    assert hand.connection == 2
    hand.open_socket()
    hand.snapshot("finished", "c")
    hand.wait(3.8)
    assert not hand.finished, "a stop hook may still veto it (R14)"
    hand.wait(0.2)
    assert not hand.finished, "the veto may have gone unheard (R13)"
    tell_again(hand, "finished", "c")
    assert hand.finished[0].report.complete
    assert hand.finished[0].report.spent.calls == 0


def test_the_end_that_a_subscription_tells_of_may_yet_be_vetoed() -> None:
    """R13: only the snapshot that a run's end publishes is final at once."""
    hand = Hand("tree")
    hand.attach_empty()
    hand.begin_run()
    hand.live(*run_of("abc"))
    hand.feed(events.SocketClosed(1, None, "reset"))
    hand.wait(0.2)
    hand.open_socket()
    hand.snapshot("finished", "c")
    hand.wait(0.5)
    hand.live(update("veto", *RUNNING, parent_id="c"))
    hand.wait(5)
    assert not hand.finished
    hand.live(message("d", "c"))
    hand.snapshot("finished", "d")
    assert len(hand.finished) == 1


def test_a_conversation_at_rest_in_the_status_of_the_run_before_ends_nothing() -> None:
    """R15: the agent initialises, and the conversation still rests in `paused`."""
    hand = Hand("tree")
    hand.attach_empty()
    hand.begin_run()
    hand.live(*run_of("abc"))
    hand.snapshot("paused", "c")
    assert len(hand.finished) == 1
    hand.begin_run()
    hand.live({**message("m", "c"), "source": "user"})
    hand.feed(events.SocketClosed(hand.connection, None, "reset"))
    hand.wait(0.2)
    hand.open_socket()
    hand.snapshot("paused", "m")
    hand.wait(5)
    assert len(hand.finished) == 1
    assert not hand.pages
    hand.live(*run_of("def", "m"))
    hand.snapshot("finished", "f")
    assert len(hand.finished) == 2


def test_a_renewal_that_is_refused_is_tried_again_with_backoff() -> None:
    """R41: the old connection is alive, and the new one is refused at once, each time."""
    hand = Hand("session", certainty="log")
    hand.attach_empty()
    hand.begin_run()
    hand.live(*run_of("abc"), seq=0)
    hand.snapshot("finished", "c")
    for _ in range(50):
        if hand.pages:
            break
        hand.feed(events.SocketClosed(hand.connection, None, "refused"))
        hand.wait(0.5)
    assert hand.connection <= 4
    hand.answer(page(run_of("abc")[-2:]))
    assert hand.finished[0].report.covers == "log"


def test_the_end_that_a_subscription_tells_of_counts_when_nothing_follows() -> None:
    hand = Hand("tree")
    hand.attach_empty()
    hand.begin_run()
    hand.live(*branch("abc"))
    hand.feed(events.SocketClosed(1, None, "reset"))
    hand.wait(0.2)
    hand.open_socket()
    hand.snapshot("finished", "c")
    hand.wait(4.9)
    assert not hand.finished
    hand.wait(0.2)
    tell_again(hand, "finished", "c")
    assert hand.finished[0].report.complete


def test_silence_renews_the_subscription_with_growing_patience() -> None:
    """R35: a socket may be open and dead."""
    hand = Hand("tree", silence_s=10, silence_s_max=40)
    hand.attach_empty()
    hand.begin_run()
    numbers = []
    for _ in range(4):
        hand.wait(15)
        if hand.connection not in numbers:
            hand.open_socket()
        numbers.append(hand.connection)
    assert numbers == [2, 2, 3, 3]


@pytest.mark.parametrize("status", ["paused", "waiting_for_confirmation", "error", "stuck"])
def test_every_terminal_status_ends_the_run_and_is_reported(status: str) -> None:
    hand = Hand("tree")
    hand.attach_empty()
    hand.begin_run()
    hand.live(*run_of("abc"))
    hand.snapshot(status, "c")
    assert hand.finished[0].report.status == status


def test_an_event_beside_the_chain_is_dropped_when_the_log_does_not_have_it() -> None:
    """R53: it was published, and never persisted."""
    hand, run = ended_with_a_stray()
    hand.snapshot("finished", "d")
    assert not hand.finished, "only the log can say whether that is another branch"
    hand.answer(page(run))
    assert hand.finished[0].report.complete
    assert hand.held() == [event["id"] for event in run]
    assert "dropped what the log does not have: bb" in hand.finished[0].report.notes


def test_an_event_of_another_branch_is_kept() -> None:
    hand = Hand("tree")
    hand.attach_empty()
    hand.begin_run()
    run = run_of("abd")
    other = message("bb", "b")
    hand.live(*run[:3], other, *run[3:])
    hand.snapshot("finished", "d")
    hand.answer(page([*run[:3], other, *run[3:]]))
    assert "bb" in hand.held()


def say(hand: Hand, event_id: str) -> LogEvent:
    """A message of ours is sent; returns its event."""
    hand.feed(events.SendRequested(1, "Do it"))
    hand.feed(events.PostTaken(next(a.request for a in reversed(hand.asked) if isinstance(a, actions.PostMessage))))
    said = {"content": [{"type": "text", "text": "Do it"}]}
    return {**message(event_id), "source": "user", "llm_message": said}


def test_a_post_run_that_was_lost_is_sent_again_when_the_log_shows_no_run() -> None:
    """R56: the answer to `POST run` was lost, and so was the request."""
    hand = Hand("tree")
    hand.attach_empty()
    said = say(hand, "m")
    hand.feed(events.RunRequested(None))
    hand.lose_post()
    hand.live(said)
    assert actions.OpenSocket(2, "tree", None) in hand.wait(3.1), "its greeting says how things stand, at no cost"
    hand.snapshot("idle", "m")
    hand.wait(1.1)
    hand.answer(page([said]))
    assert hand.asked[-1] == actions.PostRun(4)


def test_a_post_run_that_was_taken_after_all_is_followed() -> None:
    """R56: the second `POST run` is answered 409, for the run in progress is the first one's."""
    hand = Hand("tree")
    hand.attach_empty()
    said = say(hand, "m")
    hand.feed(events.RunRequested(None))
    hand.lose_post()
    hand.live(said)
    hand.wait(3.1)
    hand.snapshot("idle", "m")
    hand.wait(1.1)
    hand.answer(page([said]))
    hand.conflict()
    run = run_of("npq", "m")
    hand.live(*run)
    hand.snapshot("finished", "q")
    assert hand.finished[0].report.complete
    assert not [action for action in hand.asked if isinstance(action, actions.PostRun)][2:]


def test_a_run_that_is_stopped_before_it_has_begun_is_over() -> None:
    """R15: somebody pauses while the agent initialises; no `running` is ever seen."""
    hand = Hand("legacy")
    hand.attach_empty()
    message_ = say(hand, "m")
    hand.begin_run()
    paused = update("n", "execution_status", "paused")
    hand.live(message_, paused)
    hand.frame(Snapshot("paused", None, False, timestamp="o"))
    hand.answer(page([message_, paused]))
    assert hand.finished[0].report.status == "paused"
    assert hand.finished[0].report.complete


def test_a_run_that_was_armed_in_this_log_keeps_its_place_when_an_attach_ends() -> None:
    ledger = Ledger()
    ledger.merge([{"id": "a", "kind": "MessageEvent"}, {"id": "b", "kind": "MessageEvent"}], at_head=True)
    run = RunInProgress(request=1, armed_at_s=0.0, tail_at_arm="a", status_at_arm="idle")
    run.find_arm(ledger)
    assert run.tail_at_arm == "a"
    run.lost_log(ledger, 0.0)
    ledger.drop(["a"])
    run.find_arm(ledger)
    assert run.tail_at_arm is None


def test_how_an_earlier_pause_ended_is_no_end_of_this_run() -> None:
    """R52: the log is behind, and ends with a status that was held before the run was asked for."""
    hand = Hand("legacy")
    hand.attach_empty()
    paused = update("0", "execution_status", "paused")
    hand.live(paused)
    hand.begin_run()
    run = run_of("abc")
    hand.live(run[0], *run[2:])
    hand.snapshot("finished")
    hand.answer(page([paused]))
    assert not hand.finished, "a page that shows nothing of the run is behind"
    hand.wait(2)
    hand.answer(page([paused, *run]))
    assert hand.finished[0].report.complete
    assert hand.held() == ["0", *(event["id"] for event in run)]


def test_an_end_that_was_told_and_that_the_log_has_lost_is_no_veto() -> None:
    """R60: the server died, and came back with a log that ends one record sooner."""
    hand, run = ended_with_a_stray()
    hand.feed(events.SocketClosed(1, 1012, "restart"))
    hand.wait(0.2)
    hand.open_socket()
    hand.snapshot("finished", "d")
    hand.wait(5)
    tell_again(hand, "finished", "d")
    hand.answer(page(run[:-1]))
    assert hand.finished[0].report.complete
    assert hand.finished[0].report.status == "finished"


def test_a_server_that_insists_on_an_end_that_its_log_denies_is_believed_in_the_end() -> None:
    """The log says that the run goes on, and nothing ever comes of it: that is said, not waited for without end."""
    hand = Hand("tree", repair_deadline_s=30.0)
    hand.attach_empty()
    hand.begin_run()
    run = run_of("abc")
    hand.live(*run[:-1], message("bb", "b"))
    hand.feed(events.SocketClosed(1, None, "reset"))
    for _ in range(4):
        while not any(isinstance(action, actions.OpenSocket) for action in hand.wait(0.1)):
            assert hand.now_s < 60, "the silence has the subscription renewed"
        hand.open_socket()
        hand.snapshot("finished", "c")
        hand.wait(6)
        tell_again(hand, "finished", "c")
        hand.answer(page(run[:-1]))
        if hand.finished:
            break
    assert not hand.finished[0].report.complete
    assert "an end of the run was taken back: the log says that it goes on" in hand.finished[0].report.notes


def test_what_was_there_before_the_last_of_the_branch_and_is_on_no_page_is_in_no_log() -> None:
    """R53 and R52: how the run ended is not persisted yet, so the page ends at the leaf."""
    hand, run = ended_with_a_stray()
    hand.snapshot("finished", "d")
    hand.answer(page(run[:-1]))
    assert hand.finished[0].report.complete
    assert "bb" not in hand.held()
    assert "d>" in hand.held(), "what came last may yet be persisted"


@pytest.mark.parametrize("leaf_id", [None, "m"])
def test_an_old_idle_snapshot_that_nobody_asked_for_ends_nothing(leaf_id: str | None) -> None:
    """R36: it tells of a moment before the run, though an update has told of the end."""
    hand = Hand("tree")
    hand.attach_empty()
    hand.live(message("m"))
    hand.begin_run()
    run = run_of("nop", "m")
    hand.live(run[0], run[-1])
    hand.snapshot("idle", leaf_id)
    assert not hand.finished
    hand.wait(1)
    hand.open_socket()
    hand.snapshot("finished", "p")
    hand.wait(5)
    tell_again(hand, "finished", "p")
    hand.answer(page([message("m"), *run]))
    assert hand.finished[0].report.complete
    assert "p" in hand.held()
