"""From where on the log may have what nothing tells of."""

from __future__ import annotations

from gapless.syncclient.core.unread import Unread


def opened(after_id: str | None = "b") -> Unread:
    unread = Unread()
    unread.open(after_id)
    return unread


def test_nothing_is_unread_before_an_outage() -> None:
    unread = Unread()
    assert not unread.follows(None)
    assert unread.up_to(None, ["a", "b"]) == ["a", "b"]


def test_what_comes_before_needs_no_page_and_what_follows_does() -> None:
    unread = opened()
    assert unread.up_to(None, ["a", "b", "c"]) == ["a", "b"]
    assert unread.up_to("b", ["c"]) == []
    assert unread.up_to("c", ["d"]) == ["d"]
    assert unread.follows("b")
    assert not unread.follows("a")


def test_a_second_outage_leaves_open_what_the_first_had_opened() -> None:
    unread = opened()
    unread.open("d")
    assert unread.follows("b")


def test_pages_lead_on_to_the_tail() -> None:
    unread = opened()
    unread.shown(["c", "d"], begins_log=False, is_last=False)
    assert unread.follows("b"), "a page that does not show where it begins leads nowhere"
    unread.shown(["a", "b", "c"], begins_log=True, is_last=False)
    assert unread.follows("c")
    unread.shown(["c", "d"], begins_log=False, is_last=True)
    assert not unread.follows("d")


def test_the_head_is_shown_by_the_page_that_begins_the_log() -> None:
    unread = opened(None)
    unread.shown(["a", "b"], begins_log=False, is_last=True)
    assert unread.follows(None)
    unread.shown(["a", "b"], begins_log=True, is_last=True)
    assert not unread.follows(None)


def test_a_log_that_is_begun_anew_is_read_anyway() -> None:
    unread = opened()
    unread.close()
    assert not unread.follows("b")
