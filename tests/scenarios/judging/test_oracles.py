"""Each oracle is seen passing and seen biting, on journals written by hand."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gapless.reports.records.record import Verdict
from gapless.scenarios.definition.scenario import Budget
from gapless.scenarios.judging.oracles import ORACLES, Case, OracleFinding
from gapless.scenarios.judging.oracles.budget import budget, cost
from gapless.scenarios.judging.oracles.liveness.no_hang import no_hang
from gapless.scenarios.judging.oracles.liveness.returns_in_time import returns_in_time
from gapless.scenarios.judging.oracles.safety.delivered_once import delivered_once
from gapless.scenarios.judging.oracles.safety.honest import honest
from gapless.scenarios.judging.oracles.safety.no_holes import no_holes
from gapless.scenarios.judging.oracles.safety.no_tail_loss import no_tail_loss
from tests.scenarios.by_hand import Story, clean_story

ALL = ("h0", "h1", "a1", "a2", "s1")


def bites(finding: OracleFinding, *words: str, verdict: Verdict = Verdict.UNSAFE) -> None:
    assert len(finding.violations) == 1, finding
    violation = finding.violations[0]
    assert violation.breaks is verdict
    for word in words:
        assert word in violation.message


def without(*ids: str) -> tuple[str, ...]:
    return tuple(one for one in ALL if one not in ids)


@pytest.mark.parametrize(("name", "oracle"), ORACLES)
def test_a_clean_run_passes_every_oracle_and_none_is_idle(name: str, oracle: object) -> None:
    story = clean_story()
    story.run_returned(
        complete=True,
        covers="branch",
        proof="chain",
        status="finished",
        error="",
        calls=0,
        contents=story.contents(*ALL),
    )
    story.tell("client", "history-called").tell("client", "history-returned", read=ALL)
    case = story.wait(10).tell("client", "closed", held=ALL).case(delivery_bound_s=5)
    finding = dict(ORACLES)[name](case)
    assert finding.violations == ()
    assert finding.judged > 0 or name == "jitter", "no outage, no tries"


def test_a_missing_last_event_is_a_lost_tail() -> None:
    finding = no_tail_loss(clean_story().run_returned(without("a2")).case())
    bites(finding, "run() returned without 1 event", "ActionEvent a2")
    assert finding.violations[0].event_ids == ("a2",)


def test_a_state_update_may_be_missing_when_only_the_branch_is_wanted() -> None:
    story = clean_story().run_returned(without("s1"))
    assert no_tail_loss(story.case()).violations == ()
    bites(no_tail_loss(story.case(certainty="log")), "s1")


def test_a_claim_of_the_whole_log_is_held_to_the_whole_log() -> None:
    story = clean_story().run_returned(without("s1"), complete=True, covers="log", proof="count")
    bites(no_tail_loss(story.case()), "s1")
    bites(honest(story.case()), "claimed to be complete (log, by count)", "s1")


def test_a_declared_gap_excuses_history_and_nothing_that_came_after_the_attach() -> None:
    old = Story(history=5).attach().run_called().append("a1").run_ended()
    assert no_tail_loss(old.run_returned(("h0", "h4", "a1"), gaps=[("h0", "h4")]).case()).violations == ()
    new = clean_story().run_returned(without("a1"), gaps=[("h1", "a2")])
    bites(no_tail_loss(new.case()), "a1")


@pytest.mark.parametrize(("gaps", "excused"), [((), 0), ((("h0", "h9"),), 8)])
def test_a_gap_excuses_the_events_of_the_history_between_its_ends(
    gaps: tuple[tuple[str, str], ...], excused: int
) -> None:
    story = Story(history=50).attach().run_called().append("a1").append("a2").run_ended()
    case = story.run_returned(("h0", "a1"), gaps=gaps).case()
    assert len(case.missing(case.evidence.runs[0], "branch")) == 50 - excused


def test_what_was_appended_after_the_run_is_not_asked_for() -> None:
    story = clean_story()
    story.append("later", brought=False)
    assert no_tail_loss(story.run_returned(ALL).case()).violations == ()


def test_an_honest_incomplete_is_an_answer_only_where_it_is_allowed() -> None:
    story = clean_story().run_returned(without("a2"), complete=False, covers="branch", proof="none")
    assert no_tail_loss(story.case(incomplete_allowed=True)).violations == ()
    assert honest(story.case(incomplete_allowed=True)).violations == ()
    bites(no_tail_loss(story.case()), "a2")
    bites(honest(story.case()), "said that it is incomplete", verdict=Verdict.STUCK)


def test_a_snapshot_that_is_held_as_an_event_is_called_by_its_name() -> None:
    read = clean_story().tell("socket", "delivered", id="all", key="full_state")
    story = read.run_returned((*ALL, "all", "stranger"))
    bites(no_holes(story.case()), "2 events held that no log holds: snapshot all, stranger")


def test_a_missing_event_before_a_held_one_is_a_hole() -> None:
    bites(no_holes(clean_story().run_returned(without("a1")).case()), "hole", "a1")


def test_a_missing_last_event_is_no_hole() -> None:
    assert no_holes(clean_story().run_returned(without("a2", "s1")).case()).violations == ()


def test_another_order_than_the_logs_is_seen() -> None:
    story = clean_story().run_returned(("h0", "h1", "a2", "a1", "s1"))
    bites(no_holes(story.case()), "order", "a2", "a1")


def test_the_order_of_state_updates_matters_only_for_the_whole_log() -> None:
    story = clean_story().run_returned(("h0", "h1", "a1", "s1", "a2"))
    assert no_holes(story.case()).violations == ()
    bites(no_holes(story.case(certainty="log")), "order")


def test_an_event_held_twice_is_seen() -> None:
    bites(no_holes(clean_story().run_returned((*ALL, "a1")).case(certainty="branch")), "held twice")


def test_an_event_that_no_log_holds_is_seen() -> None:
    bites(no_holes(clean_story().run_returned((*ALL, "stranger")).case()), "no log holds", "stranger")


def test_an_event_delivered_twice_is_seen() -> None:
    bites(delivered_once(clean_story().deliver("a1").run_returned().case()), "more than once", "a1")


def test_an_event_held_and_never_delivered_is_seen() -> None:
    story = Story().attach().run_called().append("a1").run_ended().run_returned()
    bites(delivered_once(story.case()), "never delivered", "a1")


def test_history_need_not_be_delivered() -> None:
    assert delivered_once(clean_story().run_returned().case()).violations == ()


def test_a_client_that_claims_nothing_and_lost_something_lost_it_silently() -> None:
    bites(honest(clean_story().run_returned(without("a2")).case()), "said nothing")


def test_a_claim_without_a_proof_is_not_honest() -> None:
    bites(honest(clean_story().run_returned(complete=True, covers="branch", proof="none").case()), "no proof")


def test_a_return_without_a_run_is_not_honest_even_if_nothing_is_lost() -> None:
    story = clean_story().run_returned(complete=True, covers="branch", proof="chain")
    assert honest(story.case()).violations == ()
    again = story.tell("client", "run-called").run_returned(complete=True, covers="branch", proof="chain").case()
    bites(honest(again), "run() no. 2 returned, and the server had no run under way at any time until then")


def test_a_return_with_somebody_elses_run_is_no_return_without_a_run() -> None:
    story = clean_story().run_returned(complete=True, covers="branch", proof="chain").tell("client", "run-called")
    story.tell("agent", "run-started", run=1, by="somebody").tell(
        "agent", "run-ended", run=1, log_length=5, status="finished"
    )
    assert honest(story.run_returned(complete=True, covers="branch", proof="chain").case()).violations == ()


def test_an_early_return_is_unsafe() -> None:
    story = Story().attach().run_called().append("a1").run_returned().wait(1.0).run_ended()
    bites(returns_in_time(story.case()), "before the server's end")
    assert "ms" not in returns_in_time(story.case()).violations[0].message


def test_a_return_at_the_last_status_is_told_why_that_is_early() -> None:
    story = Story().attach().run_called().append("a1").run_returned().wait(0.0004).run_ended()
    words = "before the server's end at 0.000 s, by 0.4 ms: a run ends with its final snapshot"
    bites(returns_in_time(story.case()), words)


def test_a_late_return_is_a_matter_of_liveness() -> None:
    story = clean_story().wait(16.0).run_returned()
    bites(returns_in_time(story.case()), "16.0 s after", verdict=Verdict.STUCK)
    assert returns_in_time(story.case(run_bound_s=20)).violations == ()


def test_a_return_from_a_run_that_never_ended_is_seen() -> None:
    bites(returns_in_time(Story().attach().run_called().run_returned().case()), "never ended")


@pytest.mark.parametrize(
    ("outcome", "words"), [("hung", "had not ended"), ("failed", "gave up"), ("crashed", "crashed")]
)
def test_a_step_that_does_not_return_is_seen(outcome: str, words: str) -> None:
    story = Story().attach().run_called()
    story.tell("client", "error", step="run", outcome=outcome, error="SomeError", message="no")
    bites(no_hang(story.case()), words, verdict=Verdict.STUCK)


def test_a_typed_error_is_an_answer_where_errors_are_allowed() -> None:
    story = Story().attach().run_called()
    story.tell("client", "error", step="run", outcome="failed", error="SomeError", message="no")
    assert no_hang(story.case(errors_allowed=True)).violations == ()


def test_a_step_without_an_end_is_seen() -> None:
    bites(no_hang(Story().attach().run_called().case()), "never ended", verdict=Verdict.STUCK)


def test_one_call_more_than_the_optimum_is_over_budget() -> None:
    at_the_bound = clean_story().call().run_returned()
    assert budget(at_the_bound.case()).violations == ()
    above = clean_story().call().call().run_returned()
    bites(budget(above.case()), "2 REST calls", "optimum is 1", verdict=Verdict.OVER_BUDGET)


def test_an_allowance_counts_in_its_generations_only() -> None:
    allowed = Budget.model_validate(
        {"allowances": [{"calls": 1, "because": "for the sake of the test", "generations": ["tree"]}]}
    )
    story = clean_story().call().call().call().run_returned()
    bites(budget(story.case("legacy", allowed)), "3 REST calls", verdict=Verdict.OVER_BUDGET)
    bites(budget(story.case("tree", allowed)), "1 allowed above", verdict=Verdict.OVER_BUDGET)
    assert cost(clean_story().call().call().run_returned().case("tree", allowed)).allowed_calls == 2


def test_sends_and_runs_are_not_counted_as_calls() -> None:
    assert budget(clean_story().call().call(counted=False).run_returned().case()).violations == ()


def test_bytes_and_event_reads_have_budgets_of_their_own() -> None:
    story = clean_story().call(size_bytes=500, events_read=101).run_returned()
    bites(budget(story.case(budget=Budget(bytes_max=499))), "500 body bytes", verdict=Verdict.OVER_BUDGET)
    bites(budget(story.case(budget=Budget(events_read_max=100))), "101 events", verdict=Verdict.OVER_BUDGET)


def test_a_case_reads_well_in_a_failing_test() -> None:
    assert isinstance(clean_story().case(), Case)
    assert "PersistedEvent" in repr(clean_story().evidence().log[0])


# --- records that cannot be read, and logs that lose their end ---------------------------------------------


def test_a_corrupt_record_is_held_against_nobody_and_may_be_held() -> None:
    story = clean_story_with_a_corrupt_record()
    for held in (("h0", "h1", "a1", "a3"), ("h0", "h1", "a1", "a2", "a3")):
        case = story().run_returned(held, complete=True, covers="log", proof="echo").case(certainty="log")
        for name, oracle in ORACLES:
            if name not in ("budget", "delivered-once"):
                assert oracle(case).violations == (), name
    bites(no_tail_loss(story().run_returned(("h0", "h1", "a1")).case()), "a3")


def test_incomplete_is_an_answer_where_nobody_could_have_had_all_of_it() -> None:
    story = clean_story_with_a_corrupt_record()
    assert honest(story().run_returned(("h0", "h1", "a1", "a3"), complete=False).case()).violations == ()
    bites(no_tail_loss(story().run_returned(("h0", "h1", "a1"), complete=False).case()), "a3")
    had = story().bring("a2").run_returned(("h0", "h1", "a1", "a3"), complete=False).case()
    bites(honest(had), "though nothing stood in the way", verdict=Verdict.STUCK)


def clean_story_with_a_corrupt_record() -> Callable[[], Story]:
    def story() -> Story:
        told = Story(history=2).attach().run_called().append("a1").append("a2", brought=False, readable=False)
        return told.append("a3").wait(1.0).run_ended().call()

    return story


def test_what_a_truncation_lost_may_have_been_held_before_and_not_after() -> None:
    story = clean_story().run_returned(ALL).truncate(3).run_called(1).append("b1").deliver("b1").wait(1.0).run_ended(1)
    kept = story.run_returned(("h0", "h1", "a1", "b1")).case()
    for name, oracle in ORACLES:
        assert oracle(kept).violations == (), name


def test_a_gap_excuses_nothing_that_came_after_the_attach_wherever_in_the_log_it_is() -> None:
    story = Story(history=4).attach().truncate(2).run_called().append("b1").append("b2").wait(1.0).run_ended()
    finding = no_tail_loss(story.run_returned(("h0", "h1", "b2"), gaps=[("h1", "b2")]).case())
    bites(finding, "b1")


def test_a_gap_excuses_what_came_while_the_client_was_not_there() -> None:
    story = Story(history=2).attach().tell("client", "killed").append("a1", brought=False)
    story.attach(held=["h0", "h1"], gaps=[["h1", None]]).run_called().append("b1").wait(1.0).run_ended()
    assert no_tail_loss(story.run_returned(("h0", "h1", "b1"), gaps=[("h1", "b1")]).case()).violations == ()


def test_a_stale_event_that_is_kept_after_a_truncation_is_a_stranger() -> None:
    story = clean_story().run_returned(ALL).truncate(3).run_called(1).append("b1").deliver("b1").wait(1.0).run_ended(1)
    finding = no_holes(story.run_returned(("h0", "h1", "a1", "a2", "b1")).case())
    bites(finding, "when run() no. 2 returned", "no log holds", "a2")


def test_a_run_is_judged_by_the_log_as_it_stood_at_its_end() -> None:
    story = clean_story().run_returned(without("a2")).truncate(3).run_called(1).append("b1").append("b2").run_ended(1)
    bites(no_tail_loss(story.run_returned(("h0", "h1", "a1", "b1", "b2")).case()), "run() no. 1", "a2")


def test_a_gap_after_a_truncation_excuses_what_the_application_had_been_given() -> None:
    story = Story(history=2).attach().run_called().append("a1").append("a2").append("a3").deliver("a1", "a3")
    story.wait(1.0).run_ended().run_returned(("h0", "h1", "a1", "a2", "a3"))
    story.truncate(4).run_called(1).append("b1").wait(1.0).run_ended(1)
    given = story.run_returned(("h0", "a2", "b1"), gaps=[("h0", "a2")])
    assert [one.event_ids for one in no_tail_loss(given.case()).violations] == []
    story = Story(history=2).attach().run_called().append("a1").append("a2").append("a3").deliver("a3")
    story.wait(1.0).run_ended().run_returned(("h0", "h1", "a1", "a2", "a3"))
    story.truncate(4).run_called(1).append("b1").wait(1.0).run_ended(1)
    bites(no_tail_loss(story.run_returned(("h0", "a2", "b1"), gaps=[("h0", "a2")]).case()), "a1")


def test_what_a_truncation_lost_after_the_client_was_closed_may_be_held_at_the_end() -> None:
    story = clean_story().run_returned(ALL).tell("client", "close-called").truncate(3)
    assert no_holes(story.tell("client", "closed", held=ALL).case()).violations == ()
    story = clean_story().run_returned(ALL).truncate(3).bring("h1").tell("client", "close-called")
    bites(no_holes(story.tell("client", "closed", held=ALL).case()), "at the end", "no log holds", "a2")
