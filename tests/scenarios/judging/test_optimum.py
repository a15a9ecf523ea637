"""The optimum is a lower bound: what it forces is forced, and what is conceivable for less costs less."""

from __future__ import annotations

import pytest

from gapless.scenarios.judging.optimum import Optimum, optimum
from tests.scenarios.by_hand import Story


def least(story: Story, generation: str, certainty: str = "branch") -> Optimum:
    return optimum(story.evidence(), generation=generation, certainty=certainty, run_bound_s=15)


@pytest.mark.parametrize(("events", "legacy", "tree"), [(0, 1, 0), (1, 1, 1), (100, 1, 1), (101, 2, 2), (60_000, 2, 2)])
def test_attach_costs_head_and_tail_whatever_the_length(events: int, legacy: int, tree: int) -> None:
    story = Story(history=events).attach()
    assert least(story, "legacy").attach == legacy
    assert least(story, "tree").attach == tree
    assert least(story, "session").attach == 0


def test_a_script_that_never_attaches_costs_nothing() -> None:
    assert least(Story(history=5), "legacy").calls == 0


def a_run(brought: int, missed: int, *, state_updates_missed: int = 0) -> Story:
    story = Story(history=10).attach().run_called()
    for number in range(brought):
        story.append(f"b{number}")
    for number in range(missed):
        story.append(f"m{number}", brought=False)
    for number in range(state_updates_missed):
        story.state(f"s{number}", brought=False)
    return story.wait(1).run_ended().run_returned()


@pytest.mark.parametrize(
    ("brought", "missed", "legacy", "tree", "tree_log"),
    [
        (5, 0, 1, 0, 1),  # a clean run: one proof, no proof, one count
        (5, 1, 1, 1, 1),  # one page repairs, and proves, for it holds the whole run
        (5, 100, 2, 1, 2),  # 105 events: two pages, or a page and a count; the chain needs but the page
        (50, 50, 1, 1, 1),
        (500, 1, 2, 1, 2),  # rereading six pages is dearer than a page and a count
        (500, 101, 3, 2, 3),
    ],
)
def test_the_end_of_a_run(brought: int, missed: int, legacy: int, tree: int, tree_log: int) -> None:
    story = a_run(brought, missed)
    assert least(story, "legacy").runs == (legacy,)
    assert least(story, "tree").runs == (tree,)
    assert least(story, "tree", "log").runs == (tree_log,)
    assert least(story, "session").runs == (0,)
    assert least(story, "session", "log").runs == (0,)


def test_a_lost_state_update_costs_nothing_when_only_the_branch_is_wanted() -> None:
    story = a_run(5, 0, state_updates_missed=3)
    assert least(story, "tree").runs == (0,)
    assert least(story, "tree", "log").runs == (1,)


def test_an_event_that_comes_within_the_bound_counts_as_brought() -> None:
    story = Story(history=1).attach().run_called().append("late", brought=False).run_ended().run_returned()
    assert least(story.wait(14.9).bring("late"), "tree").runs == (0,)


def test_an_event_that_comes_after_the_bound_has_to_be_fetched() -> None:
    story = Story(history=1).attach().run_called().append("late", brought=False).run_ended().run_returned()
    assert least(story.wait(15.1).bring("late"), "tree").runs == (1,)


def test_what_came_before_attach_returned_is_the_attachs_business() -> None:
    story = Story(history=3).tell("client", "attach-called").append("early", brought=False)
    story.tell("client", "attach-returned").run_called().append("a1").run_ended().run_returned()
    assert least(story, "tree").calls == 1


def test_each_run_pays_for_itself() -> None:
    story = a_run(2, 1).run_called(1).append("x", brought=False).run_ended(1).run_returned()
    assert least(story, "tree").runs == (1, 1)
    assert least(story, "legacy").calls == 3


def test_a_run_that_never_ends_forces_nothing() -> None:
    story = Story(history=3).attach().run_called().append("a1", brought=False)
    assert least(story, "legacy").runs == ()


def test_a_page_reaches_over_what_cannot_be_read() -> None:
    def two_holes(readable: bool) -> Story:
        story = Story(history=10).attach().run_called().append("m1", brought=False).append("c", readable=readable)
        for number in range(98):
            story.append(f"b{number}")
        return story.append("m2", brought=False).wait(1).run_ended().run_returned()

    assert least(two_holes(readable=True), "tree").runs == (2,)
    assert least(two_holes(readable=False), "tree").runs == (1,)


def test_a_run_before_a_truncation_is_priced_by_the_log_of_its_time() -> None:
    story = Story(history=10).attach().run_called().append("m1", brought=False).append("b1").wait(1).run_ended()
    story.run_returned().truncate(11).run_called(1).append("b2").wait(1).run_ended(1).run_returned()
    assert least(story, "tree").runs == (1, 0)


def test_where_no_socket_stood_attach_costs_a_call_in_every_generation() -> None:
    for events, calls in ((0, 1), (100, 1), (101, 2)):
        story = Story(history=events).attach(greeted=False)
        assert [least(story, generation).attach for generation in ("legacy", "tree", "session")] == [calls] * 3


def test_where_no_socket_told_of_a_run_a_call_must() -> None:
    story = Story(history=2).attach(greeted=False).run_called()
    story.append("a1", brought=False).run_ended(final=False).run_returned()
    assert [least(story, generation).runs for generation in ("legacy", "tree", "session")] == [(1,)] * 3


def test_where_the_final_snapshot_was_lost_a_call_names_the_leaf() -> None:
    story = Story(history=2).attach().run_called().append("a1").run_ended(final=False).run_returned()
    assert least(story, "tree").runs == (1,)
    assert least(story, "session").runs == (0,)
    assert "no snapshot named the leaf" in least(story, "tree").basis[1]


def test_what_a_filtered_replay_left_out_takes_a_page() -> None:
    story = Story(history=150).tell("client", "attach-called").tell("socket", "opened", connection=1, after_seq=-1)
    story.tell("fault", "fired", name="filter", kind="event-drop", target="h0").snapshot("greeting")
    story.tell("client", "attach-returned", held=[], gaps=[])
    assert least(story, "session").attach == 1
    assert "the replay left out (h0)" in least(story, "session").basis[0]
    brought = story.bring("h0")
    assert least(brought, "session").attach == 0


def test_a_live_frame_that_was_lost_is_no_filtered_replay() -> None:
    story = Story(history=2).attach().run_called().append("a1", brought=False)
    story.tell("publisher", "publish", id="a1").tell("fault", "fired", name="lost", kind="event-drop", target="a1")
    assert least(story.run_ended().run_returned(), "session").runs == (0,)
