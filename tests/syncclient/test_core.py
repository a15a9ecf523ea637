"""The core, fed by hand: attach, clean runs, holes, ends of runs that are not ours, outages. No trio, no bytes."""

from __future__ import annotations

import pytest

from syncclient import actions, events
from syncclient.errors import AuthenticationFailed, ConversationNotFound, ServerUnreachable
from syncclient.wire import Generation, Info, Snapshot
from tests.syncclient.script import Hand, branch, message, page, update

RUNNING = ("execution_status", "running")
FINISHED = ("execution_status", "finished")


def run_of(ids: str, parent_id: str | None = None) -> list[dict[str, object]]:
    """The events of a run: `running`, a branch, `finished`; update ids are `<`, `>` and the last id."""
    made = branch(ids, parent_id)
    first = update(f"<{ids}", *RUNNING, parent_id=parent_id) | {"timestamp": ids}
    last = update(f"{ids[-1]}>", *FINISHED, parent_id=ids[-1])
    return [dict(event) for event in (first, *made, last)]


# -- attach -----------------------------------------------------------------------------------------------------------


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


# -- clean runs -------------------------------------------------------------------------------------------------------


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
    """Attached to an empty log in the tree, a run begun, nothing left unproven wanted."""
    hand = Hand("tree", certainty="log")
    hand.open_socket()
    hand.snapshot("idle")
    hand.answer(page([]))
    hand.begin_run()
    return hand


def test_whole_log_certainty_in_the_tree_takes_one_count() -> None:
    hand = attached_for_the_whole_log()
    hand.live(*run_of("abc"))
    hand.snapshot("finished", "c")
    assert not hand.finished
    hand.answer(5)
    assert (hand.finished[0].report.proof, hand.finished[0].report.covers) == ("count", "log")
    assert len(hand.pages) == 1


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
    hand.live(run[-1], seq=4)
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
    hand.live(*run_of("def", "e"))
    hand.snapshot("finished", "f")
    assert hand.finished[1].report.error is None


def test_an_overtaken_snapshot_does_not_take_the_status_back() -> None:
    """R36."""
    hand = Hand("tree")
    hand.attach_empty()
    hand.begin_run()
    hand.live({**update("r", *RUNNING), "timestamp": "2"})
    hand.frame(Snapshot("idle", None, True, timestamp="1"))
    assert hand.core.report().status == "running"


# -- holes ------------------------------------------------------------------------------------------------------------


def test_frames_out_of_order_cost_nothing() -> None:
    """R31: the state update comes before the message that it speaks of, always."""
    hand = Hand("tree")
    hand.attach_empty()
    hand.begin_run()
    a, b, c = branch("abc")
    hand.live(update("s", *RUNNING, parent_id="a"), c, a)
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
    assert hand.pages == [actions.FetchPage(1, "a", 100, False)]
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
    assert hand.asked[-1] == actions.OpenSocket(2, "session", 0)
    hand.live(d, seq=3)
    hand.open_socket()
    asked = hand.sync(3, from_seq=0)
    assert actions.CloseSocket(1) in asked
    hand.live(b, c, d, seq=1)
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
        if hand.core.ledger.loose_seq_min() is not None and not hand.pages:
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


# -- whose end is it --------------------------------------------------------------------------------------------------


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
    assert "the end of another run was passed over" in hand.finished[1].report.notes


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
    hand.wait(0.9)
    assert not hand.finished
    hand.wait(0.2)
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


# -- outages ----------------------------------------------------------------------------------------------------------


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
    """R31: the highest seq seen would skip what is missing below it."""
    hand = Hand("session")
    hand.attach_empty()
    hand.live(message("a"), seq=0)
    hand.live(message("c", "b"), seq=2)
    hand.feed(events.SocketClosed(1, None, "reset"))
    hand.wait(0.2)
    assert hand.asked[-1] == actions.OpenSocket(2, "session", 0)


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
    hand.wait(1.5)
    hand.answer(page(branch("abcd")))
    assert hand.finished[0].report.complete
    assert hand.finished[0].report.spent.calls == 2


# -- cursors and failures ---------------------------------------------------------------------------------------------


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
    hand.feed(events.RunConflicted(hand.post))
    hand.live(*run_of("abc"))
    asked = hand.snapshot("finished", "c")
    assert asked == [actions.PostRun(2)]
    assert not hand.finished
    hand.feed(events.RunAccepted(hand.post))
    hand.live(*run_of("def", "c"))
    hand.snapshot("finished", "f")
    assert len(hand.finished) == 1
