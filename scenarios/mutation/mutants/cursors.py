"""Bugs with page cursors and resume positions (R12, R31, R50, R51, R57)."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import replace

from gapless.scenarios.clients.baselines.tail_cursor import TailCursor
from gapless.scenarios.clients.baselines.wire import BaselineError
from gapless.scenarios.mutation.planting import Method, Original, mutant
from gapless.syncclient.core.actions import OpenSocket
from gapless.syncclient.core.situation import Situation
from gapless.syncclient.log.cursor import CursorMode
from gapless.syncclient.log.held import Anchor, Held
from gapless.syncclient.log.ledger import Ledger
from gapless.syncclient.log.walk import Outcome, Walk
from gapless.syncclient.wire import LogEvent, Page


def _resume_behind(now: Situation, seq: int | None) -> None:
    """Make the socket that is about to be opened replay the events after a log index."""
    action = now.out[-1]
    assert isinstance(action, OpenSocket), "the last action opens a socket"
    now.out[-1] = replace(action, after_seq=seq)


@mutant("open-socket", races=["R31", "R34"], killed=("r34-disconnect-in-mid-run", "session/inclusive", "budget"))
def off_by_one_cursor(original: Original, now: Situation, after_seq: int | None = None) -> None:
    """Resumes after the index that it needs next, so that event is never replayed."""
    original(now, after_seq)
    next_seq = now.ledger.next_seq()
    if now.is_attached and now.generation == "session" and next_seq is not None:
        _resume_behind(now, next_seq)


@mutant("open-socket", races=["R31"], killed=("r31-overtaken-then-cut", "session/inclusive", "budget"))
def max_seq_cursor(original: Original, now: Situation, after_seq: int | None = None) -> None:
    """Resumes after the highest index seen, even if lower ones are missing."""
    original(now, after_seq)
    highest = max((now.ledger.seq_of(event_id) or 0 for event_id in now.ledger.ordered_ids()), default=None)
    if now.is_attached and now.generation == "session":
        _resume_behind(now, highest)


@mutant("open-socket", races=["R34"], killed=("r34-disconnect-in-mid-run", "session/inclusive", "budget"))
def live_only_socket(original: Original, now: Situation, after_seq: int | None = None) -> None:
    """Asks a session socket for a replay only at the attach, not after a reconnect."""
    original(now, after_seq)
    if now.is_attached:
        _resume_behind(now, None)


@mutant("take-page", races=["R50"], killed=("r50-page-borders", "legacy/exclusive", "no-holes"))
def first_item_always_dropped(
    original: Original, one: Walk, page: Page, ledger: Ledger
) -> tuple[Outcome, list[LogEvent]]:
    """Drops the first item of every further page, because it takes that item for the cursor itself."""
    is_further = one.border is not None and page.next_page_id is not None
    items = page.items[1:] if is_further else page.items
    found: tuple[Outcome, list[LogEvent]] = original(one, replace(page, items=items), ledger)
    return found


@mutant("page-goes-on", races=["R50"], killed=("r50-page-borders", "legacy/exclusive", "budget"))
def exclusive_taken_for_inclusive(
    original: Original, page: Page, *, cursor: str, mode: CursorMode, seen: Container[str]
) -> bool:
    """Expects every page to begin with the event that its cursor names, as on an inclusive server."""
    found: bool = original(page, cursor=cursor, mode=CursorMode.INCLUSIVE, seen=seen)
    return found


@mutant("anchor", races=["R50"], killed=("r30-lost-frame", "legacy/exclusive", "budget"), fails_clean=True)
def anchored_at_the_last(original: Original, ledger: Held, *, back: int = 0) -> Anchor | None:
    """Uses the last confirmed event as the cursor, although an exclusive server does not return that event."""
    anchor: Anchor | None = original(ledger, back=back)
    return anchor and Anchor(cursor=anchor.echo, echo=anchor.echo)


@mutant(
    Method(TailCursor, "reconcile"),
    races=["R12"],
    killed=("r12-snapshot-as-cursor", "legacy/inclusive", "budget"),
    base="tail-cursor",
    fails_clean=True,
)
async def transient_id_as_cursor(original: Original, client: TailCursor) -> None:
    """Like tail-cursor, uses even a snapshot as the cursor, but keeps the first item of each page."""
    try:
        async for page in client.wire.pages(client.cache[-1]["id"] if client.cache else None):
            client.keep_all(page.items, repaired=True)
    except BaselineError:
        return


@mutant("believe-page", races=["R51"], killed=("r51-unknown-cursor-start", "legacy/inclusive", "budget"))
def natural_start_taken_for_success(original: Original, one: Walk, page: Page, ledger: Ledger) -> bool:
    """Accepts every page as the one it asked for, even if the server did not know the cursor and began at the start."""
    original(one, page, ledger)
    return True


def _forget_what_was_read(one: Walk, ledger: Ledger) -> None:
    """Nothing on a page tells any more that it leads back."""
    one._seen.clear()
    ledger.is_out_of_order = lambda event_id, later_id: False  # type: ignore[method-assign]  # a broken client


@mutant("take-page", races=["R57"], killed=("r57-cursor-loop", "legacy/inclusive", "bounded"))
def loop_not_noticed(original: Original, one: Walk, page: Page, ledger: Ledger) -> tuple[Outcome, list[LogEvent]]:
    """Follows every next cursor, even one that it has followed before."""
    one._asked.clear()
    _forget_what_was_read(one, ledger)
    found: tuple[Outcome, list[LogEvent]] = original(one, page, ledger)
    return found


@mutant("take-page", races=["R57"], killed=("r57-two-pages-name-each-other", "legacy/inclusive", "bounded"))
def only_its_own_cursor_is_a_loop(
    original: Original, one: Walk, page: Page, ledger: Ledger
) -> tuple[Outcome, list[LogEvent]]:
    """Notices a page that names itself as the next, and no loop of two pages."""
    last = list(one._asked)[-1:]
    one._asked.clear()
    one._asked.update(dict.fromkeys(last))
    _forget_what_was_read(one, ledger)
    found: tuple[Outcome, list[LogEvent]] = original(one, page, ledger)
    return found


@mutant("take-page", races=["R57"], killed=("r57-empty-page-half-way", "legacy/inclusive", "no-tail-loss"))
def empty_page_is_a_loop(original: Original, one: Walk, page: Page, ledger: Ledger) -> tuple[Outcome, list[LogEvent]]:
    """Treats an empty page whose next cursor is its own cursor as an endless log."""
    if not page.items and page.next_page_id in one._asked:
        return Outcome.ENDLESS, []
    found: tuple[Outcome, list[LogEvent]] = original(one, page, ledger)
    return found


@mutant("take-page", races=["R57"], killed=("r57-short-pages", "legacy/inclusive", "budget"))
def short_page_ends_the_log(
    original: Original, one: Walk, page: Page, ledger: Ledger
) -> tuple[Outcome, list[LogEvent]]:
    """Treats a page that is not full as the last one."""
    next_page_id = page.next_page_id if len(page.items) >= 100 else None
    found: tuple[Outcome, list[LogEvent]] = original(one, replace(page, next_page_id=next_page_id), ledger)
    return found


@mutant("place-page", races=["R04"], killed=("r04-long-history", "legacy/inclusive", "budget"))
def descending_page_as_it_comes(original: Original, one: Walk, page: Page, ledger: Ledger) -> list[LogEvent]:
    """Keeps the items of a page that was read backward in the order in which they arrived, newest first."""
    new: list[LogEvent] = original(one, replace(page, items=page.items[::-1]) if one.descending else page, ledger)
    return new


MUTANTS = (
    off_by_one_cursor,
    max_seq_cursor,
    live_only_socket,
    first_item_always_dropped,
    exclusive_taken_for_inclusive,
    anchored_at_the_last,
    transient_id_as_cursor,
    natural_start_taken_for_success,
    loop_not_noticed,
    only_its_own_cursor_is_a_loop,
    empty_page_is_a_loop,
    short_page_ends_the_log,
    descending_page_as_it_comes,
)
