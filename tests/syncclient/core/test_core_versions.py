"""An event that comes again under its id with other content (R72), and which of its versions is held."""

from __future__ import annotations

from tests.syncclient.script import Hand, message, page, run_of


def repaired(*, shown: dict[str, object]) -> Hand:
    """A run of the tree whose second event was lost, and then read from a page that shows a version of it."""
    hand = Hand("tree")
    hand.attach_empty()
    hand.begin_run()
    run = run_of("abc")
    hand.live(run[0], run[1], *run[3:])
    hand.snapshot("finished", "c")
    hand.wait(1)
    hand.answer(page([*run[:2], shown, *run[3:]]))
    assert hand.finished[0].report.complete
    return hand


def test_the_frame_after_a_late_first_one_is_no_copy_of_what_a_page_has_shown() -> None:
    old, new = message("b", "a"), {**message("b", "a"), "revision": 2}
    hand = repaired(shown=new)
    assert hand.core.ledger.payloads.get("b") == new
    hand.live(old)
    hand.live(new)
    assert hand.core.ledger.payloads.get("b") == new, "frames come in the order in which they were published"


def test_a_copy_of_the_first_frame_takes_nothing_back() -> None:
    old, new = message("b", "a"), {**message("b", "a"), "revision": 2}
    hand = repaired(shown=old)
    hand.live(old)
    hand.live(new)
    hand.live(old)
    assert hand.core.ledger.payloads.get("b") == new
