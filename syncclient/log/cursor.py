"""Page-cursor discipline: is this page the one that was asked for? Pure.

A server answers a cursor inclusively (the page starts with it), exclusively (the page starts behind it), or does not
know it and answers with the natural start of the log, as if that were a success (R50, R51). So a page is believed
only by what is on it: the cursor itself, or the event known to follow it.
"""

from __future__ import annotations

from collections.abc import Container
from enum import Enum

from gapless.syncclient.decisions import decision
from gapless.syncclient.path_marks import sometimes
from gapless.syncclient.wire import Page


class CursorMode(Enum):
    """How a server reads a cursor, as far as it has shown."""

    UNLEARNED = "unlearned"
    INCLUSIVE = "inclusive"
    EXCLUSIVE = "exclusive"


def mode_from_next_page(page: Page) -> CursorMode:
    """What a page with a `next_page_id` shows for free: on the page itself is exclusive, off it inclusive."""
    if page.next_page_id is None:
        return CursorMode.UNLEARNED
    on_page = any(item["id"] == page.next_page_id for item in page.items)
    return CursorMode.EXCLUSIVE if on_page else CursorMode.INCLUSIVE


def mode_from_echo(page: Page, *, cursor: str, echo: str) -> CursorMode:
    """How the server read `cursor`, by what is on the page; UNLEARNED means it did not know the cursor.

    A page that shows `echo` further down joins what is confirmed as well: state updates whose order was a guess may
    come first, or a log so short that its natural start reaches that far.
    """
    ids = [item["id"] for item in page.items]
    if ids[:1] == [cursor]:
        sometimes("cursor: inclusive by its echo")
        return CursorMode.INCLUSIVE
    if ids[:1] == [echo]:
        sometimes("cursor: exclusive by its echo")
        return CursorMode.EXCLUSIVE
    if echo not in ids:
        sometimes("cursor: unknown, for no echo came")
        return CursorMode.UNLEARNED
    sometimes("cursor: the echo came further down")
    learned = mode_from_next_page(page)
    return CursorMode.EXCLUSIVE if learned is CursorMode.UNLEARNED else learned


@decision("page-goes-on")
def goes_on(page: Page, *, cursor: str, mode: CursorMode, seen: Container[str]) -> bool:
    """Whether `page` goes on where the page before it, which gave `cursor` as its next, left off.

    An inclusive server starts with the cursor. An exclusive one gives no echo here, so the page must at least show
    nothing that was seen before: the natural start of the log was.
    """
    if not page.items:
        return True
    if mode is CursorMode.INCLUSIVE:
        return bool(page.items[0]["id"] == cursor)
    return not any(item["id"] in seen for item in page.items)
