"""When the newest version of an event that was updated under its id has reached the client."""

from __future__ import annotations

from gapless.scenarios.judging.told_updates import ToldUpdates

PLACES = {"first": 0, "one": 1, "last": 2, "later": 3}
FRAME = (1, 7)


def updated(at: int = 10) -> ToldUpdates:
    updates = ToldUpdates()
    updates.opened(1, 5)
    updates.updated("one", at)
    return updates


def test_an_update_that_nothing_brings_is_never_told() -> None:
    assert updated().told_at(PLACES) == {}


def test_a_frame_tells_when_it_arrives() -> None:
    updates = updated()
    updates.sent(FRAME, "one", is_update=True)
    assert updates.told_at(PLACES) == {}
    updates.delivered(FRAME, 12)
    assert updates.told_at(PLACES) == {"one": 12}


def test_a_frame_of_an_older_version_tells_nothing() -> None:
    updates = updated()
    updates.sent(FRAME, "one", is_update=True)
    updates.updated("one", 11)
    updates.delivered(FRAME, 12)
    assert updates.told_at(PLACES) == {}


def test_an_older_version_that_comes_late_untells_what_frames_told() -> None:
    updates = updated()
    updates.sent(FRAME, "one", is_update=True)
    updates.delivered(FRAME, 12)
    updates.sent((1, 8), "one", is_update=False)
    updates.delivered((1, 8), 14)
    assert updates.told_at(PLACES) == {}


def test_what_a_later_socket_replays_is_the_newest() -> None:
    updates = updated()
    updates.opened(2, 12)
    updates.sent((2, 1), "one", is_update=False)
    updates.delivered((2, 1), 14)
    assert updates.told_at(PLACES) == {"one": 14}


def test_a_page_that_was_asked_for_since_tells_whichever_way_it_is_sorted() -> None:
    for ends in (("first", "last"), ("last", "first"), ("one", "one")):
        updates = updated()
        updates.answered(asked_at=11, at=13, ends=ends)
        assert updates.told_at(PLACES) == {"one": 13}


def test_a_page_that_was_asked_for_before_or_shows_other_events_tells_nothing() -> None:
    updates = updated()
    updates.answered(asked_at=9, at=13, ends=("first", "last"))
    updates.answered(asked_at=11, at=14, ends=("last", "later"))
    updates.answered(asked_at=11, at=15, ends=("gone", "later"))
    assert updates.told_at(PLACES) == {}


def test_what_tells_first_counts() -> None:
    updates = updated()
    updates.sent(FRAME, "one", is_update=True)
    updates.delivered(FRAME, 15)
    updates.answered(asked_at=11, at=13, ends=("first", "last"))
    assert updates.told_at(PLACES) == {"one": 13}
