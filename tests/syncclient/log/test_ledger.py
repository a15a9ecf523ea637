"""The ledger: order, dedupe, gaps, anchors, paths."""

from __future__ import annotations

import random

import pytest

from gapless.syncclient.log.held import Anchor
from gapless.syncclient.log.ledger import Ledger
from gapless.syncclient.report import Gap
from tests.syncclient.script import branch, message, update


def held(ledger: Ledger) -> list[str]:
    return [event["id"] for event in ledger.ordered()]


def test_duplicate_is_held_once() -> None:
    ledger = Ledger()
    assert ledger.add_live(message("a"), None)
    assert not ledger.add_live(message("a"), None)
    assert held(ledger) == ["a"]


def test_indexes_out_of_order_are_placed_when_the_hole_closes() -> None:
    ledger = Ledger()
    ledger.begin(next_seq=0, at_head=True)
    for seq in (0, 2, 3):
        ledger.add_live(message(f"e{seq}"), seq)
    assert ledger.next_seq() == 1
    assert ledger.unplaced_seq_min() == 2
    ledger.add_live(message("e1"), 1)
    assert ledger.next_seq() == 4
    assert ledger.unplaced_seq_min() is None
    assert held(ledger) == ["e0", "e1", "e2", "e3"]


def test_any_order_of_indexes_gives_the_order_of_the_log() -> None:
    shuffled = list(range(30))
    random.Random(7).shuffle(shuffled)
    ledger = Ledger()
    ledger.begin(next_seq=0, at_head=True)
    for seq in shuffled:
        ledger.add_live(message(f"e{seq:02}"), seq)
    assert held(ledger) == [f"e{seq:02}" for seq in range(30)]


def test_head_and_tail_pages_leave_an_explicit_gap() -> None:
    ledger = Ledger()
    ledger.merge(branch("abc"), at_head=True)
    ledger.merge(branch("xyz"))
    assert ledger.gaps() == (Gap("c", "x"),)
    assert ledger.anchor() == Anchor(cursor="y", echo="z")
    assert ledger.head_id() == "a"


def test_overlapping_pages_close_the_gap() -> None:
    ledger = Ledger()
    ledger.merge(branch("abc"), at_head=True)
    ledger.merge(branch("xyz"))
    ledger.merge(branch("cdwx"))
    assert ledger.gaps() == ()
    assert held(ledger) == list("abcdwxyz")


def test_pages_that_only_touch_are_joined_by_their_border() -> None:
    forward = Ledger()
    forward.merge(branch("abc"), at_head=True)
    forward.merge(branch("de"), after="c")
    assert held(forward) == list("abcde")
    assert forward.gaps() == ()
    backward = Ledger()
    backward.merge(branch("de"))
    backward.merge(branch("bc"), before="d")
    assert held(backward) == list("bcde")
    assert backward.gaps() == (Gap(None, "b"),)


def test_a_page_takes_events_off_the_unplaced_ones() -> None:
    ledger = Ledger()
    ledger.merge(branch("ab"), at_head=True)
    ledger.add_live(message("d"), None)
    assert ledger.merge([message("b"), message("c"), message("d")]) == [message("c")]
    assert held(ledger) == list("abcd")
    assert ledger.is_placed("d")


def test_a_head_page_before_a_replayed_tail_stays_apart_from_it() -> None:
    ledger = Ledger()
    ledger.begin(next_seq=50, at_head=False)
    ledger.merge([message("e00"), message("e01")], at_head=True)
    ledger.add_live(message("e50"), 50)
    assert ledger.gaps() == (Gap("e01", "e50"),)
    assert held(ledger) == ["e00", "e01", "e50"]
    assert ledger.next_seq() == 51


def test_a_page_over_a_hole_in_the_indexes_places_what_lies_beyond() -> None:
    ledger = Ledger()
    ledger.begin(next_seq=0, at_head=True)
    for seq in (0, 1, 3):
        ledger.add_live(message(f"e{seq}"), seq)
    ledger.merge([message("e0"), message("e1"), message("e3")])  # index 2 is unreadable: no call can fill it
    assert ledger.unplaced_seq_min() is None
    assert ledger.next_seq() == 4


def test_path_breaks_off_at_the_missing_parent() -> None:
    ledger = Ledger()
    ledger.begin(next_seq=None, at_head=True)
    ledger.settle_main()
    a, b, c, d = branch("abcd")
    for event in (a, b, d):
        ledger.add_live(event, None)
    assert ledger.path_to("d").missing == "c"
    assert ledger.missing_parents() == ("c",)
    ledger.add_live(c, None)
    path = ledger.path_to("d")
    assert path.ids == ("a", "b", "c", "d")
    assert path.missing is None
    assert ledger.missing_parents() == ()


def test_an_event_stamped_late_is_no_root() -> None:
    ledger = Ledger()
    ledger.merge(branch("ab"), at_head=True)
    ledger.add_live(message("c"), None)  # parent_id null on the socket, set in the log
    assert ledger.path_to("c").missing == ""


def test_placing_a_path_puts_state_updates_behind_their_parents() -> None:
    ledger = Ledger()
    ledger.begin(next_seq=None, at_head=True)
    ledger.settle_main()
    ledger.add_live(update("s2", "last_user_message_id", "b", "b") | {"timestamp": "b2"}, None)
    for event in branch("abc"):
        ledger.add_live(event, None)
    ledger.add_live(update("s3", "execution_status", "running", "b") | {"timestamp": "b3"}, None)
    ledger.place_path(ledger.path_to("c"))
    assert held(ledger) == ["a", "b", "s2", "s3", "c"]


def test_a_late_state_update_goes_behind_its_parent_in_the_middle() -> None:
    ledger = Ledger()
    ledger.begin(next_seq=None, at_head=True)
    ledger.settle_main()
    for event in branch("abc"):
        ledger.add_live(event, None)
    ledger.place_path(ledger.path_to("c"))
    ledger.add_live(update("s", "execution_status", "running", "a") | {"timestamp": "aa"}, None)
    ledger.place_path(ledger.path_to("c"))
    assert held(ledger) == ["a", "s", "b", "c"]


def test_where_the_leaf_went_back_parents_give_no_place() -> None:
    """R33: the process died before it had saved the leaf, and what follows names an older parent."""
    ledger = Ledger()
    ledger.begin(next_seq=None, at_head=True)
    ledger.settle_main()
    for event in branch("abc"):
        ledger.add_live(event, None)
    ledger.place_path(ledger.path_to("c"))
    ledger.add_live(update("s", "execution_status", "running", "a") | {"timestamp": "d"}, None)
    ledger.add_live(message("e", "a"), None)
    ledger.place_path(ledger.path_to("e"))
    assert held(ledger) == ["a", "b", "c", "s", "e"]
    assert [ledger.is_unplaced(event_id) for event_id in "se"] == [True, True]


def test_linked_path_stops_before_the_newest_and_at_a_hole() -> None:
    ledger = Ledger()
    ledger.begin(next_seq=None, at_head=True)
    ledger.settle_main()
    for event in branch("abcd"):
        ledger.add_live(event, None)
    ledger.add_live(message("f", "e"), None)
    assert ledger.linked_path().ids == ("a", "b", "c")


def test_statuses_are_read_in_the_order_of_the_log() -> None:
    ledger = Ledger()
    ledger.merge(
        [
            update("1", "execution_status", "finished"),
            message("2"),
            update("3", "execution_status", "running"),
            update("4", "stats", {}),
            update("5", "execution_status", "paused"),
        ],
        at_head=True,
    )
    assert ledger.statuses_after("2", among="12345") == ["running", "paused"]
    assert ledger.statuses_after(None, among="12345") == ["finished", "running", "paused"]
    assert ledger.statuses_after(None, among="135") == ledger.statuses_after(None, among="12345")
    assert ledger.statuses_after(None, among="5") == ["paused"]


@pytest.mark.parametrize("at_head", [True, False])
def test_repr_reads_well(at_head: bool) -> None:
    ledger = Ledger()
    ledger.merge(branch("ab"), at_head=at_head)
    assert repr(ledger) == f"<Ledger 2 placed, 0 unplaced, head {'known' if at_head else 'open'}>"


def test_what_a_walk_left_unfinished_is_placed_by_the_chain() -> None:
    ledger = Ledger()
    ledger.merge(branch("ab"), at_head=True)
    ledger.settle_main()
    c, d, e = branch("cde", "b")
    ledger.merge([d, e])  # from the tail, and the walk could not go on
    ledger.add_live(c, None)
    path = ledger.path_to("e")
    assert path.ids == ("c", "d", "e")
    ledger.place_path(path)
    assert held(ledger) == list("abcde")
    assert ledger.gaps() == ()


def test_a_page_corrects_the_guessed_order_of_state_updates() -> None:
    ledger = Ledger()
    ledger.merge([*branch("ab"), update("y", "stats", 1, "b"), update("x", "stats", 2, "b")], at_head=True)
    ledger.settle_main()
    ledger.merge([update("y", "stats", 1, "b"), *branch("cd", "b")])
    assert held(ledger) == ["a", "b", "x", "y", "c", "d"]


def test_a_corrupt_record_that_is_held_keeps_the_place_that_its_index_gives_it() -> None:
    """R59: no page has it."""
    ledger = Ledger()
    ledger.begin(next_seq=0, at_head=True)
    for seq, event_id in ((0, "a"), (1, "b"), (2, "corrupt"), (4, "e")):
        ledger.add_live(message(event_id), seq)
    ledger.merge([message("b"), message("d"), message("e")])
    assert ledger.ordered_ids() == ["a", "b", "corrupt", "d", "e"]
    assert [ledger.seq_of(event_id) for event_id in ("corrupt", "d", "e")] == [2, 3, 4]
    assert ledger.next_seq() == 5


def test_a_corrupt_record_is_told_from_its_neighbours_by_how_many_indexes_are_to_spare() -> None:
    ledger = Ledger()
    ledger.begin(next_seq=0, at_head=True)
    for seq, event_id in ((0, "a"), (2, "corrupt"), (4, "e")):
        ledger.add_live(message(event_id), seq)
    ledger.merge([message("a"), message("b"), message("d"), message("e")])
    assert ledger.ordered_ids() == ["a", "b", "corrupt", "d", "e"]
    assert [ledger.seq_of(event_id) for event_id in ("b", "corrupt", "d")] == [1, 2, 3]


def test_where_more_is_skipped_than_is_held_nothing_is_guessed() -> None:
    ledger = Ledger()
    ledger.begin(next_seq=0, at_head=True)
    for seq, event_id in ((0, "a"), (2, "corrupt"), (5, "f")):
        ledger.add_live(message(event_id), seq)
    ledger.merge([message("a"), message("b"), message("f")])
    assert ledger.is_unplaced("corrupt")
    assert ledger.ordered_ids() in (["a", "b", "corrupt", "f"], ["a", "corrupt", "b", "f"])  # by what its index says


def test_where_no_index_is_to_spare_what_was_held_there_is_another_logs() -> None:
    """R60."""
    ledger = Ledger()
    ledger.begin(next_seq=0, at_head=True)
    for seq, event_id in ((0, "a"), (1, "old"), (3, "d")):
        ledger.add_live(message(event_id), seq)
    ledger.merge([message("a"), message("b"), message("c"), message("d")])
    assert [one for one in ledger.ordered_ids() if one != "old"] == ["a", "b", "c", "d"]


@pytest.mark.parametrize("first_shown", [0, 1, 3])
def test_an_index_among_events_of_a_page_is_taken_wherever_a_socket_began_to_show_it(first_shown: int) -> None:
    ledger = Ledger()
    page = [message(f"e{n}") for n in range(5)]
    ledger.merge(page)
    ledger.settle_main()
    ledger.add_live(page[first_shown], 10 + first_shown)
    assert ledger.is_taken(14), "the page has an event there"
    assert ledger.is_taken(10 + first_shown)
    assert not ledger.is_taken(15)


def test_what_is_unplaced_at_an_index_that_is_anothers_is_its_rival() -> None:
    """R60: the log lost its end beyond a hole, and went on otherwise."""
    ledger = Ledger()
    ledger.begin(next_seq=0, at_head=True)
    ledger.add_live(message("a"), 0)
    ledger.add_live(message("old"), 2)
    assert ledger.unplaced_from(2) == ["old"]
    assert ledger.unplaced_from(3) == []
    assert ledger.conflicting("old", 2) == []
    assert ledger.conflicting("new", 2) == ["old"]
    assert ledger.conflicting("new", None) == []


def test_what_a_page_skips_though_one_of_its_events_names_it_as_its_parent_has_its_place() -> None:
    """R59: its record is corrupt, and the chain tells where it stands."""
    ledger = Ledger()
    ledger.merge(branch("ab"), at_head=True)
    ledger.settle_main()
    for event in (*branch("cd", "b"), update("e", "execution_status", "finished", "d")):
        ledger.add_live(event, None)
    ledger.merge([message("b", "a"), update("e", "execution_status", "finished", "d")])
    assert ledger.ordered_ids() == list("abcde")
    assert ledger.is_placed("d")


def test_what_a_page_skips_and_follows_on_nothing_of_it_is_left_unplaced() -> None:
    ledger = Ledger()
    ledger.merge(branch("ab"), at_head=True)
    ledger.settle_main()
    ledger.add_live(message("d", "c"), None)
    ledger.merge([message("b", "a"), update("e", "execution_status", "finished", "d")])
    assert ledger.is_unplaced("d")


def test_an_index_of_our_own_counting_puts_nothing_behind_a_page() -> None:
    """R75: the index begins anew behind a log that went on, and pages show what came before it."""
    before, after = [f"b{number:02}" for number in range(30)], [f"c{number}" for number in range(5)]
    log = branch([*before, *after])
    ledger = Ledger()
    ledger.begin(next_seq=0, at_head=True)
    for seq in range(1, 5):
        ledger.add_live(log[30 + seq], seq)  # the replay is bounded, and does not bring the first
    ledger.merge(log[:20], at_head=True)
    ledger.merge(log[20:], after=before[19])
    assert ledger.ordered_ids() == [*before, *after]


def test_an_index_that_leaves_no_room_for_what_was_held_contradicts_it() -> None:
    """R60: the log was shorter, and has grown past it; both where a page goes on and where it begins the log."""
    log, lost = branch("abcd"), message("x", "b")
    for page, at_head in ((log[1:], False), (log, True)):
        ledger = Ledger()
        ledger.begin(next_seq=0, at_head=True)
        if not at_head:
            ledger.add_live(log[0], 0)
            ledger.add_live(log[1], 1)
        ledger.add_live(lost, 2)
        ledger.add_live(log[3], 3)
        ledger.merge(page, at_head=at_head)
        assert ledger.is_contradicted
