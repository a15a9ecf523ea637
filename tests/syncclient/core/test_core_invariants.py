"""Invariants of the core: phases go forward, deciding twice asks for nothing, failures are judged by one rule."""

from __future__ import annotations

import itertools

import pytest

from gapless.syncclient.core import actions, events
from gapless.syncclient.core.authority import EvidenceSource, can_be_vetoed, outranks
from gapless.syncclient.core.requests import FailureVerdict, Request, judge
from gapless.syncclient.core.runs.phases import PHASES, Phase, Sign
from gapless.syncclient.core.runs.run_in_progress import RunInProgress
from gapless.syncclient.core.situation import NOTE_CHARS_MAX, NOTES_MAX
from gapless.syncclient.log.held import Anchor
from gapless.syncclient.log.walk import Walk
from tests.syncclient.script import Hand, branch, message, page, run_of, said, update


def test_a_run_only_goes_forward() -> None:
    assert all(after > before for (before, _), after in PHASES.items())


@pytest.mark.parametrize(
    "signs", list(itertools.product(Sign, repeat=3)), ids=lambda signs: "-".join(s.value for s in signs)
)
def test_no_sequence_of_signs_takes_a_run_back(signs: tuple[Sign, ...]) -> None:
    for start in (Phase.POSTED, Phase.REPOSTED):
        run = RunInProgress(request=1, armed_at_s=0.0, tail_at_arm=None, status_at_arm="idle", phase=start)
        phases = [run.phase]
        for sign in signs:
            run.sign(sign)
            phases.append(run.phase)
        assert phases == sorted(phases)


def test_every_phase_but_the_last_leads_on() -> None:
    leading = {before for before, _ in PHASES}
    assert {phase for phase in Phase if phase not in leading} == {Phase.BLOCKED, Phase.OVER}, "409 is posted anew"


def test_the_table_of_authority_is_a_strict_order() -> None:
    for one, other in itertools.permutations(EvidenceSource, 2):
        assert outranks(one, other) != outranks(other, one)
    assert [source for source in EvidenceSource if not can_be_vetoed(source)] == [
        EvidenceSource.FINAL,
        EvidenceSource.INDEX,
        EvidenceSource.LOG,
    ]


def test_deciding_twice_asks_for_nothing_more() -> None:
    """What is wanted depends on what is known alone, so a second look at the same moment wants nothing new."""
    hand = Hand("tree")
    hand.attach_empty()
    hand.begin_run()
    for event in run_of("abcd")[:-2]:
        hand.live(event)
        assert hand.feed(events.TimerFired()) == []
    hand.live(message("f", "e"))
    for _ in range(40):
        hand.wait(0.5)
        assert hand.feed(events.TimerFired()) == []


FAILURES = {
    "503": (events.RequestFailed(1, 503, True, None, "503"), FailureVerdict.RETRY, FailureVerdict.RETRY),
    "500": (events.RequestFailed(1, 500, True, None, "500"), FailureVerdict.RETRY, FailureVerdict.REFUSED),
    "401": (events.RequestFailed(1, 401, False, None, "401"), FailureVerdict.KEY_REFUSED, FailureVerdict.KEY_REFUSED),
    "404": (events.RequestFailed(1, 404, False, None, "404"), FailureVerdict.GONE, FailureVerdict.GONE),
    "409": (events.RequestFailed(1, 409, False, None, "409"), FailureVerdict.REFUSED, FailureVerdict.CONFLICT),
    "lost": (events.RequestFailed(1, None, True, None, "lost"), FailureVerdict.RETRY, FailureVerdict.UNSURE),
    "unsent": (events.RequestFailed(1, None, True, None, "unsent", False), FailureVerdict.RETRY, FailureVerdict.RETRY),
}


@pytest.mark.parametrize("name", FAILURES)
def test_one_rule_judges_every_failure(name: str) -> None:
    failure, of_get, of_post = FAILURES[name]
    for purpose, verdict in (("status", of_get), ("run", of_post), ("message", of_post)):
        request = Request(purpose, 0, deadline_s=30.0)  # type: ignore[arg-type]  # one of the purposes
        assert judge(request, failure, now_s=0.0, backoff_s=0.1, hidden_s_max=0.0) is verdict
    late = Request("status", 0, deadline_s=0.0)
    if of_get is FailureVerdict.RETRY:
        assert judge(late, failure, now_s=0.0, backoff_s=0.1, hidden_s_max=0.0) is FailureVerdict.TOO_LATE


def test_a_cursor_that_is_refused_is_no_missing_conversation() -> None:
    request = Request("repair", 0, 30.0, Walk.forward(Anchor("a", "b"), pages_max=3))
    failure = events.RequestFailed(1, 404, False, None, "404")
    assert judge(request, failure, now_s=0.0, backoff_s=0.1, hidden_s_max=60.0) is FailureVerdict.UNKNOWN_CURSOR


def test_a_conversation_that_was_known_is_asked_for_again_for_a_minute_and_no_longer() -> None:
    request, failure = Request("status", 0, 1.0), events.RequestFailed(1, 404, False, None, "404")
    at_s, tries = 0.0, 0
    while judge(request, failure, now_s=at_s, backoff_s=0.1, hidden_s_max=60.0) is FailureVerdict.RETRY:
        assert request.retry_at_s is not None
        at_s, tries = request.retry_at_s, tries + 1
    assert (at_s, tries) == (60.0, 2)


def test_an_attach_ends_at_its_deadline_whatever_it_waits_for() -> None:
    hand = Hand("session", attach_deadline_s=30)
    hand.open_socket()
    hand.sync(100)
    hand.open_socket()
    hand.sync(100, from_seq=1)  # and nothing of what was promised comes
    hand.wait(40)
    assert any(isinstance(action, actions.Fail) for action in hand.asked)


def test_backoff_grows_until_something_is_learned() -> None:
    """A server that greets and closes (1013) is no progress."""
    hand = Hand("tree")
    hand.attach_empty()
    sockets = []
    for _ in range(12):
        hand.feed(events.SocketClosed(hand.connection, 1013, "too many"))
        began_s = hand.now_s
        while not isinstance(hand.asked[-1], actions.OpenSocket) or hand.asked[-1].connection in sockets:
            hand.wait(0.05)
        sockets.append(hand.connection)
        hand.open_socket()
        hand.snapshot("idle")
        waited_s = hand.now_s - began_s
    assert waited_s > 5


def test_notes_are_bounded_in_number_and_length() -> None:
    hand = Hand("tree")
    for number in range(1000):
        hand.feed(events.FrameRejected(1, f"{number} " + "x" * 10_000))
    notes = hand.core.report().notes
    assert len(notes) == NOTES_MAX
    assert max(len(note) for note in notes) <= NOTE_CHARS_MAX + 2
    assert hand.core.report().skipped_frames == 1000


def test_an_event_that_comes_again_with_newer_content_replaces_the_older_version_once() -> None:
    hand = Hand("tree")
    hand.attach_empty()
    started, completed = message("a") | {"state": "started"}, message("a") | {"state": "completed"}
    for version in (started, completed, completed, started):
        hand.live(version)
    assert hand.core.ledger.ordered() == [completed]
    assert hand.delivered == [("a", "live"), ("a", "update")]


def test_the_version_of_the_log_is_believed_against_that_of_a_frame() -> None:
    hand = Hand("legacy")
    hand.open_socket()
    hand.snapshot("idle")
    hand.live(message("a") | {"state": "started"})
    hand.answer(page([message("a") | {"state": "completed"}]))
    assert [event["state"] for event in hand.core.ledger.ordered()] == ["completed"]
    assert hand.delivered == [("a", "history"), ("a", "update")]


def test_a_blank_page_is_no_empty_log_where_the_socket_has_named_a_leaf() -> None:
    hand = Hand("tree")
    hand.open_socket()
    hand.snapshot("finished", "c")
    hand.answer(page([]))
    assert not any(isinstance(action, actions.FinishAttach) for action in hand.asked)
    hand.wait(0.5)
    hand.answer(page(branch("abc")))
    assert hand.held() == ["a", "b", "c"]


def test_a_run_that_is_refused_for_good_while_none_is_in_progress_ends_in_an_error_within_a_minute() -> None:
    hand = Hand("tree")
    hand.attach_empty()
    hand.feed(events.RunRequested())
    for _ in range(60):
        if hand.asked[-1] == actions.PostRun(hand.post):
            hand.conflict()
        hand.wait(1)
    assert any(isinstance(action, actions.FailRun) for action in hand.asked)


@pytest.mark.parametrize("heard", [["running"], ["running", "finished"]])
def test_a_run_that_was_heard_of_before_ours_was_taken_is_somebody_elses(heard: list[str]) -> None:
    hand = Hand("tree")
    hand.attach_empty()
    hand.feed(events.RunRequested())
    hand.live(*branch("#"), {**message("$", "#"), "source": "user"})
    others = run_of("abc", "$")
    hand.live(*(others if "finished" in heard else others[:-1]))
    if "finished" in heard:
        hand.snapshot("finished", "c")
    hand.accept()
    if "finished" not in heard:
        hand.live(others[-1])
        hand.snapshot("finished", "c")
    hand.wait(9)
    assert not hand.finished
    hand.live(*run_of("def", "c"))
    hand.snapshot("finished", "f")
    assert {event["id"] for event in run_of("def", "c")} <= set(hand.held())
    assert hand.finished[0].report.complete


def test_a_run_that_nobody_else_has_asked_for_is_ours_soon_though_the_server_is_slow_to_say_that_it_took_it() -> None:
    hand = Hand("tree")
    hand.attach_empty()
    hand.feed(events.RunRequested())
    hand.live(*run_of("abc"))
    hand.snapshot("finished", "c")
    hand.accept()
    hand.wait(5)
    assert hand.finished[0].report.complete


def test_what_ends_later_than_a_frame_may_be_late_is_ours_at_once() -> None:
    """R18: the server takes a run only when no other is in progress, so another's end was told by then."""
    hand = Hand("tree")
    hand.attach_empty()
    hand.feed(events.RunRequested())
    hand.live(*branch("#"), {**message("$", "#"), "source": "user"})
    run = run_of("abc", "$")
    hand.live(*run[:-1])
    hand.accept()
    hand.wait(1)
    hand.live(run[-1])
    hand.snapshot("finished", "c")
    assert hand.finished[0].report.complete


def test_a_page_does_not_take_back_what_a_frame_has_brought_since_it_was_asked_for() -> None:
    hand = Hand("legacy")
    hand.open_socket()
    hand.live(message("a") | {"state": "started"})
    hand.snapshot("idle")  # and the page is asked for
    hand.live(message("a") | {"state": "completed"})
    hand.answer(page([message("a") | {"state": "started"}]))
    assert [event["state"] for event in hand.core.ledger.ordered()] == ["completed"]


def test_a_run_is_the_one_behind_our_message_however_many_the_log_shows_at_once() -> None:
    hand = Hand("legacy")
    hand.attach_empty()
    hand.feed(events.SendRequested(1, "Go on"))
    sent = next(action for action in hand.asked if isinstance(action, actions.PostMessage))
    hand.feed(events.PostTaken(sent.request))
    hand.begin_run()
    others = [update("<1", "execution_status", "running"), message("x"), update(">1", "execution_status", "error")]
    ours = [update("<2", "execution_status", "running"), message("y"), update(">2", "execution_status", "finished")]
    hand.wait(10)
    hand.open_socket()
    hand.snapshot("finished")
    hand.wait(5)
    log = [event | {"timestamp": f"{index}"} for index, event in enumerate([*others, said("m", "Go on"), *ours])]
    hand.answer(page(log))
    assert [finish.report.status for finish in hand.finished] == ["finished"]


def test_a_conversation_may_be_hidden_only_where_a_connection_to_it_was_lost() -> None:
    gone = events.SocketClosed(1, 4004, "Conversation not found")
    hand = Hand("legacy")
    hand.feed(gone)
    assert any(isinstance(action, actions.Fail) for action in hand.asked)
    hand = Hand("legacy")
    hand.feed(events.SocketClosed(1, None, "reset"))
    hand.wait(0.2)
    hand.feed(events.SocketClosed(2, 4004, "Conversation not found"))
    assert not any(isinstance(action, actions.Fail) for action in hand.asked)
    hand.wait(60)
    assert hand.connection > 2
    hand.feed(events.SocketClosed(hand.connection, 4004, "Conversation not found"))
    assert any(isinstance(action, actions.Fail) for action in hand.asked), "not for ever"
