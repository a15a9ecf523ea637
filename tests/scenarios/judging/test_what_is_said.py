"""The oracles about what a client holds at attach, and about what it says of the log and of itself."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

import pytest

from gapless.reports.records.record import Verdict
from gapless.scenarios.clients.contract import Claim, ClientContext
from gapless.scenarios.definition.catalogue import find_one
from gapless.scenarios.judging.oracles import OracleFinding
from gapless.scenarios.judging.oracles.liveness.bounded import bounded
from gapless.scenarios.judging.oracles.safety.content import content
from gapless.scenarios.judging.oracles.safety.delivered_in_order import delivered_in_order
from gapless.scenarios.judging.oracles.safety.delivered_once import delivered_once
from gapless.scenarios.judging.oracles.safety.ends_first import ends_first
from gapless.scenarios.judging.oracles.safety.held_at_attach import held_at_attach
from gapless.scenarios.judging.oracles.safety.history import history
from gapless.scenarios.judging.oracles.safety.says_what_it_did import says_what_it_did
from gapless.scenarios.judging.oracles.safety.state import state
from gapless.scenarios.running.runner import RunRequest, perform
from tests.scenarios.by_hand import Story, clean_story


def said(finding: OracleFinding) -> str:
    """The message of the only violation."""
    assert len(finding.violations) == 1, finding
    return finding.violations[0].message


class Nothing:
    """A client that does nothing."""

    errors = ()

    def __init__(self, gaps: list[tuple[str | None, str | None]] | None) -> None:
        self._gaps = gaps

    async def attach(self) -> None:
        """Do nothing."""

    async def send(self, text: str) -> None:
        """Do nothing."""

    async def run(self) -> Claim:
        """Claim nothing."""
        return Claim()

    async def close(self) -> None:
        """Do nothing."""

    def held(self) -> list[dict[str, str]]:
        """Nothing."""
        return []

    def gaps(self) -> list[tuple[str | None, str | None]] | None:
        """What it was made with."""
        return self._gaps


# -- held at attach ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("gaps", [[], [(None, None)], None])
@pytest.mark.parametrize("name", ["cost-attach-empty", "cost-attach-short", "cost-attach-long", "clean-run"])
@pytest.mark.parametrize("generation", ["legacy", "tree", "session"])
def test_a_client_that_does_nothing_holds_nowhere(
    name: str, generation: str, gaps: list[tuple[str | None, str | None]] | None
) -> None:
    @contextlib.asynccontextmanager
    async def factory(context: ClientContext) -> AsyncIterator[Nothing]:
        yield Nothing(gaps)

    request = RunRequest(find_one(name), generation, "inclusive", "nothing")
    assert perform(request, factory=factory).record.verdict is not Verdict.HOLDS


def test_an_event_missing_at_attach_without_a_declared_gap_is_seen() -> None:
    assert "declared no gap there: 1 event (MessageEvent h1)" in said(
        held_at_attach(Story(history=3).attach(held=["h0", "h2"]).case())
    )
    declared = Story(history=3).attach(held=["h0", "h2"], gaps=[["h0", "h2"]])
    assert held_at_attach(declared.case()).violations == ()


def test_a_client_that_declares_no_gaps_may_hold_the_end_of_the_log_and_nothing_with_a_hole() -> None:
    story = Story(history=4).attach(held=["h2", "h3"], gaps=None)
    assert held_at_attach(story.case()).violations == ()
    holed = Story(history=4).attach(held=["h1", "h3"], gaps=None)
    assert "neither all of the log" in said(held_at_attach(holed.case()))
    head = Story(history=4).attach(held=["h0", "h1"], gaps=None)
    assert "h2" in said(held_at_attach(head.case()))


def test_a_client_that_says_nothing_about_the_past_is_not_judged_by_it() -> None:
    silent = held_at_attach(Story(history=4).attach(held=[], gaps=None).case())
    assert silent.judged == 0
    assert silent.violations == ()
    assert "cannot declare gaps" in silent.unjudged
    assert said(held_at_attach(Story(history=4).attach(held=[]).case()))


def test_attach_that_heard_nothing_cannot_know_even_an_empty_log() -> None:
    assert "nothing from the server" in said(held_at_attach(Story().attach(greeted=False).case()))
    assert held_at_attach(Story().attach().case()).violations == ()


def test_order_copies_and_made_up_events_at_attach_are_seen() -> None:
    assert "order" in said(held_at_attach(Story(history=2).attach(held=["h1", "h0"]).case()))
    assert "twice" in said(held_at_attach(Story(history=2).attach(held=["h0", "h1", "h1"]).case()))
    assert "greeting" in said(held_at_attach(Story(history=2).attach(held=["h0", "h1", "greeting"]).case()))


def test_what_a_stale_view_hid_is_not_due_at_attach() -> None:
    story = Story(history=3).tell("fault", "fired", name="stale", kind="rest-stale", target="call 1")
    assert held_at_attach(story.attach(held=["h0", "h1"]).case()).violations == ()


# -- content ----------------------------------------------------------------------------------------------------------


def test_the_payload_of_another_event_under_the_right_id_is_seen() -> None:
    story = Story(history=2)
    right = story.contents("h0", "h1")
    assert content(story.attach(contents=right).case()).violations == ()
    other = Story(history=2)
    wrong = [["h0", right[1][1]], right[1]]
    assert "MessageEvent h0" in said(content(other.attach(contents=wrong).case()))


def test_an_event_updated_after_the_run_need_not_be_held_in_its_newest_version() -> None:
    story = clean_story().run_returned(contents=[["a1", "an older version"]])
    assert "a1" in said(content(story.case()))
    late = clean_story().tell("log", "update", id="a1").run_returned(contents=[["a1", "an older version"]])
    assert content(late.case()).violations == ()


def test_a_client_that_gives_ids_only_is_not_judged_by_content() -> None:
    finding = content(clean_story().run_returned().case())
    assert (finding.judged, finding.violations) == (0, ())
    assert "gives the ids" in finding.unjudged


# -- state ------------------------------------------------------------------------------------------------------------


def test_another_status_than_the_runs_is_seen() -> None:
    assert state(clean_story().run_returned(status="finished").case()).violations == ()
    assert "'error'" in said(state(clean_story().run_returned(status="error").case()))


def failing_twice() -> Story:
    story = Story().attach()
    for run in (0, 1):
        error = {"code": "Broken", "detail": f"broken for the {run}. time"}
        story.run_called(run).append(f"e{run}", kind="ConversationErrorEvent", error=error)
        story.run_ended(run, status="error")
        if run == 0:
            story.run_returned(status="error", error="broken for the 0. time")
    return story


def test_the_error_of_the_run_before_is_seen() -> None:
    right = failing_twice().run_returned(status="error", error="Broken: broken for the 1. time")
    assert state(right.case()).violations == ()
    wrong = failing_twice().run_returned(status="error", error="broken for the 0. time")
    assert "another run's error" in said(state(wrong.case()))
    none = failing_twice().run_returned(status="error", error="")
    assert "reported no error" in said(state(none.case()))


def test_stale_statistics_are_seen() -> None:
    def story() -> Story:
        told = Story().attach().run_called().append("s1", kind="ConversationStateUpdateEvent", statistics={"cost": 1})
        return told.append("s2", kind="ConversationStateUpdateEvent", statistics={"cost": 2}).run_ended()

    assert state(story().run_returned(statistics={"cost": 2}).case()).violations == ()
    assert "statistics" in said(state(story().run_returned(statistics={"cost": 1}).case()))


def test_a_client_that_reports_no_state_is_not_judged_by_it() -> None:
    finding = state(clean_story().run_returned().case())
    assert finding.judged == 0
    assert "does not report the status or the error" in finding.unjudged


# -- says what it did -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("generation", "proof", "covers", "problem"),
    [
        ("tree", "seq", "log", "no seq"),
        ("legacy", "chain", "branch", "no parent"),
        ("tree", "chain", "log", "state updates"),
        ("tree", "count", "log", "no count call"),
        ("legacy", "echo", "log", "no search call"),
    ],
)
def test_a_proof_that_cannot_be_is_seen(generation: str, proof: str, covers: str, problem: str) -> None:
    story = clean_story().run_returned(complete=True, covers=covers, proof=proof)
    assert problem in said(says_what_it_did(story.case(generation)))


def test_a_proof_of_a_clients_own_name_is_not_judged() -> None:
    story = clean_story().run_returned(complete=True, covers="log", proof="my-own", calls=0)
    assert says_what_it_did(story.case()).violations == ()


def test_calls_that_are_not_told_or_made_up_are_seen() -> None:
    def story() -> Story:
        return Story().attach().call().run_called().append("a1").deliver("a1").run_ended()

    assert says_what_it_did(story().run_returned(calls=1).case()).violations == ()
    assert "0 REST calls" in said(says_what_it_did(story().run_returned(calls=0).case()))
    assert "3 REST calls" in said(says_what_it_did(story().run_returned(calls=3).case()))


def test_a_repair_called_live_is_seen() -> None:
    def story(*, repaired: bool | None) -> Story:
        told = Story().attach().run_called().append("a1", brought=False).run_ended()
        return told.deliver("a1", repaired=repaired).run_returned(calls=0)

    assert says_what_it_did(story(repaired=True).case()).violations == ()
    assert says_what_it_did(story(repaired=None).case()).violations == ()
    assert "no socket had brought it: 1 event (ActionEvent a1)" in said(says_what_it_did(story(repaired=False).case()))


@pytest.mark.parametrize(("through_seq", "seen"), [(0, True), (1, False)])
def test_what_comes_live_and_is_called_a_repair_is_seen_and_what_a_late_greeting_replays_is_not(
    through_seq: int, seen: bool
) -> None:
    """A server that greets late says through which number it replays: what was appended meanwhile is among it."""
    told = Story().attach().run_called().append("a1", brought=False)
    told.tell("socket", "sent", connection=1, frame=1, id=None, kind="sync", through_seq=through_seq)
    told.tell("socket", "delivered", connection=1, frame=2, id="a1", seq=1)
    finding = says_what_it_did(told.deliver("a1", repaired=True).run_ended().run_returned(calls=0).case())
    assert bool(finding.violations) is seen


# -- history ----------------------------------------------------------------------------------------------------------


def reading(*ids: str, **told: object) -> OracleFinding:
    story = Story(history=4).attach().tell("client", "history-called")
    return history(story.tell("client", "history-returned", read=list(ids), **told).case())


def test_a_history_that_ends_early_or_leaves_out_is_seen() -> None:
    assert reading("h0", "h1", "h2", "h3").violations == ()
    assert "ended early, and raised no error: 2 events" in said(reading("h0", "h1"))
    assert "left out events: 1 event (MessageEvent h1)" in said(reading("h0", "h2", "h3"))
    assert "order" in said(reading("h0", "h2", "h1", "h3"))
    assert "twice" in said(reading("h0", "h1", "h2", "h3", "h3"))
    assert "other content" in said(reading("h0", "h1", "h2", "h3", contents=[["h1", "not the log's"]]))


def test_a_history_that_fails_by_a_typed_error_is_no_early_end() -> None:
    story = Story(history=4).attach().tell("client", "history-called")
    story.tell("client", "error", step="history", outcome="failed", error="Unreachable", message="no page")
    assert history(story.case()).violations == ()


def test_a_client_without_a_history_is_told_so() -> None:
    story = Story(history=4).attach().tell("client", "cannot", step="history")
    assert "has no history()" in history(story.case()).unjudged


# -- ends first -------------------------------------------------------------------------------------------------------


def holding(*places: range, degraded: bool) -> OracleFinding:
    story = Story(history=60)
    if degraded:
        story.tell("fault", "fired", name="refused", kind="rest-status", target="call 1")
    held = [f"h{place}" for one in places for place in one]
    return ends_first(story.attach(held=held, gaps=[[None, None]]).case())


def test_a_middle_that_is_held_before_the_ends_is_seen() -> None:
    assert holding(range(10), range(50, 60), degraded=True).violations == ()
    assert "events of the middle" in said(holding(range(10), range(20, 30), range(55, 60), degraded=True))


def test_an_end_that_is_missing_though_nothing_stood_in_the_way_is_seen() -> None:
    assert "nothing stood in the way" in said(holding(range(10), degraded=False))
    assert holding(range(10), degraded=True).violations == ()


# -- bounded ----------------------------------------------------------------------------------------------------------


def dialling(sockets: int, *, every_s: float) -> OracleFinding:
    story = clean_story()
    for number in range(sockets):
        story.wait(every_s).tell("socket", "refused", connection=number)
    return bounded(story.run_returned().case())


def test_patience_is_no_busy_loop_and_a_rate_is() -> None:
    assert dialling(200, every_s=20.0).violations == ()
    assert "within 60 s" in said(dialling(1660, every_s=65 / 1660))


def test_a_loop_without_an_end_and_without_news_is_seen_though_it_is_slow() -> None:
    assert "while nothing new came" in said(dialling(1001, every_s=2.0))


def test_requests_are_bounded_by_a_rate_too() -> None:
    story = clean_story()
    for _ in range(1001):
        story.call(counted=False)
    assert "1001 requests were made within 60 s" in said(bounded(story.run_returned().case()))


def test_sockets_that_are_never_closed_are_seen() -> None:
    leaky, tidy = clean_story(), clean_story()
    for number in range(2, 10):
        leaky.tell("socket", "opened", connection=number)
        tidy.tell("socket", "opened", connection=number).tell("socket", "closed", connection=number)
    assert "9 sockets were open at once" in said(bounded(leaky.run_returned().case()))
    assert bounded(tidy.run_returned().case()).violations == ()


# -- delivered once ---------------------------------------------------------------------------------------------------


def test_what_a_client_holds_is_no_delivery() -> None:
    story = clean_story().run_returned().tell("client", "says-no-deliveries")
    finding = delivered_once(story.case())
    assert (finding.judged, finding.violations) == (0, ())
    assert "never says which events" in finding.unjudged


# --- the order of deliveries, and a proof beside "incomplete" ------------------------------------------------------


def lost_and_read(*delivered: str, repaired: bool | None = True) -> Story:
    """Two events that no socket brought, and one page with both."""
    story = Story(history=2).attach().run_called().append("a1", brought=False).append("a2", brought=False)
    story.tell("rest", "request", call=1, path="/search", counted=True)
    story.tell("rest", "response", call=1, status=200, items=3, first="h1", last="a2")
    return story.deliver(*delivered, repaired=repaired).run_ended()


def test_what_one_page_brings_is_delivered_in_the_order_of_the_log() -> None:
    good = delivered_in_order(lost_and_read("a1", "a2").case())
    assert (good.judged, good.violations) == (2, ())
    bad = delivered_in_order(lost_and_read("a2", "a1").case())
    assert said(bad).startswith("events that one page brought were delivered out of order: ActionEvent a2 (no. 3)")
    assert bad.violations[0].event_ids == ("a2", "a1")


def test_of_what_two_pages_can_have_brought_no_order_is_known() -> None:
    story = lost_and_read()
    story.tell("rest", "request", call=2, path="/search", counted=True)
    story.tell("rest", "response", call=2, status=200, items=1, first="a1", last="a1")
    finding = delivered_in_order(story.deliver("a2", "a1", repaired=True).case())
    assert (finding.judged, finding.violations) == (1, ())


def test_live_events_are_delivered_as_their_frames_came() -> None:
    assert delivered_in_order(clean_story().case()).violations == ()
    story = Story(history=2).attach().run_called().append("a1").append("a2").deliver("a2", "a1").run_ended()
    assert said(delivered_in_order(story.case())).startswith("live events were delivered in another order")


def test_a_client_that_does_not_say_what_was_repaired_is_not_judged_by_the_order() -> None:
    finding = delivered_in_order(lost_and_read("a2", "a1", repaired=None).run_returned().case())
    assert finding.violations == ()
    assert "does not say whether an event came live" in finding.unjudged


def test_a_proof_beside_incomplete_proves_less_than_was_asked_for() -> None:
    def beside(proof: str, covers: str | None, *, certainty: str = "log", lost: bool = False) -> OracleFinding:
        story = clean_story()
        held = ["h0", "h1", "a1"] if lost else ["h0", "h1", "a1", "a2"]
        story.run_returned(held, complete=False, covers=covers, proof=proof, calls=0)
        return says_what_it_did(story.case(certainty=certainty, incomplete_allowed=True))

    assert beside("chain", "branch").violations == ()
    assert beside("none", "log").violations == ()
    assert beside("chain", None, lost=True).violations == ()
    assert "did not hold 1 event (ActionEvent a2)" in said(beside("chain", "branch", lost=True))
    assert "that is all that was asked for" in said(beside("chain", "branch", certainty="branch"))
    assert "does not cover state updates" in said(beside("chain", "log"))
