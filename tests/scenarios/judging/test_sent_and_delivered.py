"""The oracles about what a client sends, when an event reaches its application, and how its tries are spread."""

from __future__ import annotations

import dataclasses

import pytest

from gapless.reports.records.record import Verdict
from gapless.scenarios.judging.oracles.liveness.delivered_in_time import delivered_in_time
from gapless.scenarios.judging.oracles.liveness.jitter import jitter
from gapless.scenarios.judging.oracles.safety.content import content
from gapless.scenarios.judging.oracles.safety.sent_once import sent_once
from tests.scenarios.by_hand import Story, clean_story


def post(story: Story, call: int) -> Story:
    """A message that the client posts, and the server takes."""
    story.tell("rest", "request", call=call, path="/conversations/c/events", method="POST", counted=False)
    story.append(f"m{call}", kind="MessageEvent")
    return story.tell("rest", "response", call=call, status=200)


def outage(story: Story, *waits_s: float) -> Story:
    """Tries that are refused, after these waits, and one that is taken."""
    for wait_s in waits_s:
        story.wait(wait_s).tell("socket", "refused", connection=7, status=503)
    return story.wait(1.0).tell("socket", "opened", connection=8)


def test_a_message_for_each_send_and_a_run_for_each_run_is_fine() -> None:
    story = post(Story(history=1).attach().tell("client", "send-called"), 1).tell("client", "send-returned")
    finding = sent_once(story.run_called().run_ended().run_returned().case())
    assert finding.violations == ()
    assert finding.judged == 2


def test_a_message_that_is_posted_again_after_its_answer_was_lost_is_made_twice() -> None:
    story = post(post(Story(history=1).attach().tell("client", "send-called"), 1), 2).tell("client", "send-returned")
    finding = sent_once(story.case())
    assert [one.message for one in finding.violations] == ["the client made 2 messages, and was asked for 1"]
    assert finding.violations[0].breaks is Verdict.UNSAFE


def test_a_message_that_was_refused_and_one_of_somebody_else_are_not_the_clients() -> None:
    story = Story(history=1).attach().append("other", kind="MessageEvent").tell("client", "send-called")
    story.tell("rest", "request", call=1, path="/conversations/c/events", method="POST", counted=False)
    story.tell("rest", "response", call=1, status=503).append("another", kind="MessageEvent")
    assert sent_once(post(story, 2).tell("client", "send-returned").case()).violations == ()


def saying(text: str) -> dict[str, object]:
    """The content of a message in the log."""
    return {"source": "user", "llm_message": {"role": "user", "content": [{"type": "text", "text": text}]}}


@pytest.mark.parametrize(
    ("texts", "complaint"),
    [
        (("Do it", "Again"), None),
        (("Do it", "Do it"), "the client sent 'Do it', and was to send 'Do it' and 'Again'"),
        (("Do it", "Do"), "the client sent 'Do', and was to send 'Do it' and 'Again'"),
    ],
)
def test_a_message_says_what_was_to_be_sent(texts: tuple[str, str], complaint: str | None) -> None:
    story = Story(history=1).attach()
    for call, text in enumerate(texts):
        story = post(story.tell("client", "send-called"), call).tell("client", "send-returned")
        story.log[-1].update(saying(text))
    case = story.case()
    assert sent_once(case).violations == ()  # where it was not told what to send
    told = sent_once(dataclasses.replace(case, texts=("Do it", "Again"))).violations
    assert [one.message for one in told] == ([] if complaint is None else [complaint])


def test_what_reaches_the_application_has_the_content_of_the_log() -> None:
    def delivered(*contents: list[str]) -> Story:
        story = clean_story().run_ended().run_returned()
        return story.tell("client", "closed", held=[], delivered_contents=[list(one) for one in contents])

    event_id = clean_story().log[-1]["id"]
    right = clean_story().contents(str(event_id))
    assert content(delivered(*right).case()).violations == ()
    assert content(delivered(["never-persisted", "00"]).case()).violations == ()
    (violation,) = content(delivered([str(event_id), "00"]).case()).violations
    assert "reached the application with other content" in violation.message
    updated = delivered([str(event_id), "00"]).tell("log", "update", id=event_id, index=3)
    assert content(updated.case()).violations == ()


def test_a_client_that_says_nothing_of_its_steps_is_not_judged() -> None:
    story = post(Story(history=1), 1).tell("agent", "run-started", run=0, by="client").run_ended()
    assert sent_once(story.case()).violations == ()
    assert sent_once(story.case()).judged == 0


def test_a_run_that_is_begun_again_is_seen() -> None:
    story = clean_story().tell("agent", "run-started", run=1, by="client").run_ended(1)
    assert "began 2 runs" in sent_once(story.run_returned().case()).violations[0].message


def test_somebody_elses_run_is_not_the_clients() -> None:
    story = clean_story().tell("agent", "run-started", run=1, by="other").run_ended(1)
    assert sent_once(story.run_returned().case()).violations == ()


@pytest.mark.parametrize(("delivered_after_s", "is_late"), [(9.0, False), (11.0, True)])
def test_an_event_has_a_bound_from_the_log_to_the_application(delivered_after_s: float, is_late: bool) -> None:
    story = (
        Story(history=1)
        .attach()
        .append("a1", brought=False)
        .wait(delivered_after_s)
        .deliver("a1")
        .wait(5)
        .tell("client", "closed")
    )
    finding = delivered_in_time(story.case(delivery_bound_s=10))
    assert bool(finding.violations) is is_late
    assert finding.judged == 1
    if is_late:
        assert finding.violations[0].breaks is Verdict.STUCK
        assert "within 10 s: 1 event (ActionEvent a1)" in finding.violations[0].message


def test_an_event_that_never_comes_is_late_only_once_its_time_is_up() -> None:
    never = Story(history=1).attach().append("a1", brought=False)
    assert delivered_in_time(never.wait(11).tell("client", "closed").case(delivery_bound_s=10)).violations != ()
    soon = Story(history=1).attach().append("a1", brought=False)
    assert delivered_in_time(soon.wait(9).tell("client", "closed").case(delivery_bound_s=10)).judged == 0


def test_without_a_bound_or_without_a_word_of_deliveries_nothing_is_judged() -> None:
    story = Story(history=1).attach().append("a1", brought=False).wait(99)
    assert delivered_in_time(story.tell("client", "closed").case()).judged == 0
    silent = story.tell("client", "says-no-deliveries").case(delivery_bound_s=10)
    assert delivered_in_time(silent).violations == ()
    assert "never says" in delivered_in_time(silent).unjudged


def test_equal_waits_after_two_outages_are_seen() -> None:
    alike = outage(outage(Story(history=1).attach(), 0.1, 0.2, 0.4, 0.8), 0.1, 0.2, 0.4, 0.8)
    finding = jitter(alike.case())
    assert "(0.2, 0.4, 0.8, 1 s)" in finding.violations[0].message
    assert finding.violations[0].breaks is Verdict.OVER_BUDGET


def test_other_waits_after_the_second_outage_are_fine_and_few_waits_are_not_judged() -> None:
    spread = outage(outage(Story(history=1).attach(), 0.1, 0.2, 0.4, 0.8), 0.1, 0.25, 0.3, 0.8)
    assert jitter(spread.case()).violations == ()
    assert jitter(spread.case()).judged == 2
    few = outage(outage(Story(history=1).attach(), 0.1, 0.2), 0.1, 0.2)
    assert jitter(few.case()).judged == 0
    once = outage(Story(history=1).attach(), 0.1, 0.2, 0.4, 0.8)
    assert jitter(once.case()).judged == 0
