"""Paging through the log: forward from an anchor or from the head, or backward from the tail. Pure.

A walk asks for one page at a time, judges it by the cursor discipline and places it in the ledger. It ends at the log's
tail (forward), where it meets what is held (backward), when its cursor turns out to be unknown, or at its bound.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from itertools import pairwise

from gapless.syncclient.decisions import decision
from gapless.syncclient.log.cursor import CursorMode, goes_on, mode_from_echo, mode_from_next_page
from gapless.syncclient.log.held import Anchor, ids_of
from gapless.syncclient.log.ledger import Ledger
from gapless.syncclient.log.stub import shares
from gapless.syncclient.path_marks import sometimes
from gapless.syncclient.wire import LogEvent, Page

_EMPTY_PAGES_MAX = 3
"""Empty pages with a next cursor in a row before a walk is called endless (R57)."""


class Outcome(Enum):
    """What a page made of a walk."""

    MORE = "more"
    DONE = "done"
    CURSOR_UNKNOWN = "cursor unknown"
    ENDLESS = "endless"
    BOUNDED = "bounded"


@dataclass(frozen=True, slots=True)
class Query:
    """The next page to ask for."""

    page_id: str | None
    descending: bool


class Walk:
    """One walk over pages; `direction` is fixed by how it is begun: `forward`, `from_head` or `backward`."""

    def __init__(
        self, *, anchor: Anchor | None, descending: bool, pages_max: int, must_show: str | None = None
    ) -> None:
        self._anchor = anchor
        self._must_show = must_show
        self._passes_main = False
        self._reads_to: str | None = None
        self._descending = descending
        self._pages_left = pages_max
        self._page_id = anchor.cursor if anchor else None
        self._asked: dict[str, None] = {}
        self._border: str | None = None  # the id at which the last page ended, where the next one must join
        self._seen: dict[str, None] = {}
        self._expected: tuple[str, ...] = ()
        self._news_id: str | None = None
        self._lost_head = False
        self._empty_pages = 0
        self.is_broken = False
        """Whether an item of its pages could not be read, so that it proves nothing of what stands there."""
        self.mode = CursorMode.UNLEARNED

    @classmethod
    @decision("walk-forward")
    def forward(cls, anchor: Anchor, *, pages_max: int, must_show: str | None = None) -> Walk:
        """From an anchor in what is confirmed to the tail of the log.

        A first page without the event `must_show` is taken as one of a log that we do not know.
        """
        return cls(anchor=anchor, descending=False, pages_max=pages_max, must_show=must_show)

    @classmethod
    @decision("walk-from-head")
    def from_head(cls, *, pages_max: int, must_show: str | None = None) -> Walk:
        """From the head of the log to its tail."""
        return cls(anchor=None, descending=False, pages_max=pages_max, must_show=must_show)

    @classmethod
    def backward(cls, *, pages_max: int, must_show: str | None = None) -> Walk:
        """From the tail of the log back to what is confirmed. Needs no cursor to begin with."""
        return cls(anchor=None, descending=True, pages_max=pages_max, must_show=must_show)

    @classmethod
    def back_to(cls, event_id: str | None, *, pages_max: int) -> Walk:
        """From the tail of the log, through what is held, back to a placed event, or to the log's head (None)."""
        walk = cls(anchor=None, descending=True, pages_max=pages_max)
        walk._passes_main, walk._reads_to = True, event_id
        return walk

    @property
    def descending(self) -> bool:
        """Whether the walk goes from the tail towards the head."""
        return self._descending

    @property
    def reads_back(self) -> bool:
        """Whether the walk goes back to an event, whatever is held on the way."""
        return self._passes_main

    @property
    def border(self) -> str | None:
        """The id at which the last page ended, in the direction of the walk."""
        return self._border

    @property
    def pages_left(self) -> int:
        """How many more pages it may read."""
        return self._pages_left

    @property
    def shown_events(self) -> int:
        """How many events its pages have shown."""
        return len(self._seen)

    def shown_branch_events(self, ledger: Ledger) -> int:
        """How many of them are on the branch, and no state updates."""
        return sum(ledger.is_branch_event(event_id) for event_id in self._seen)

    def has_read(self, event_id: str) -> bool:
        """Whether the event was on one of its pages, or is where it begins."""
        return event_id in self._seen or (self._anchor is not None and event_id == self._anchor.echo)

    def query(self) -> Query:
        """The page to ask for now."""
        return Query(self._page_id, self._descending)

    def unseen(self, ledger: Ledger) -> tuple[str, ...]:
        """What was placed where this walk has read, and was on none of its pages; of a walk that came to the tail."""
        return tuple(i for i in self._expected if i not in self._seen and i in ledger)

    @property
    def news_id(self) -> str | None:
        """The last event of the log, if it was not placed before: then this may be no older view of what is held."""
        return self._news_id

    @property
    def lost_head(self) -> bool:
        """Whether the walk came to the log's head, and it was not the one that is known: the log is another (R60)."""
        return self._lost_head

    @decision("take-page")
    def take(self, page: Page, ledger: Ledger) -> tuple[Outcome, list[LogEvent]]:
        """Judge a page and place it; returns what follows and the events that are new."""
        head_id = ledger.head_id()
        if not self._believe(page, ledger):
            return Outcome.CURSOR_UNKNOWN, []
        if self._goes_back(page, ledger):
            return Outcome.ENDLESS, []
        met = self._descending and any(self._is_met(event_id, ledger) for event_id in ids_of(page.items))
        if self._anchor is not None and self._border is None:
            # A server that ignores a cursor it does not know begins before it: the page covers that, too.
            cursor = self._anchor.cursor
            first_id = page.items[0]["id"] if page.items else cursor
            self._expected = tuple(
                ledger.placed_after(first_id if ledger.is_out_of_order(cursor, first_id) else cursor)
            )
        elif met:
            earliest = next(i for i in reversed(ids_of(page.items)) if self._is_met(i, ledger))
            self._expected = tuple(ledger.placed_after(earliest))
        elif self._descending and page.next_page_id is None:
            self._expected = tuple(ledger.placed_ids())
        elif self._begins_elsewhere(page, head_id):
            self._lost_head, self._expected = True, tuple(ledger.placed_ids())
            self._seen.clear()
        if page.items and not (self._descending and self._border is not None):
            last_id = page.items[0 if self._descending else -1]["id"]
            self._news_id = None if ledger.has_place(last_id) else last_id
        is_joined = self._descending and bool(page.items) and self._follows_directly(page, ledger)
        met = met or (is_joined and (self._passes_main is False) and ledger.joins_main(str(page.next_page_id)))
        new = self._place(page, ledger)
        if self._descending and page.next_page_id is None:
            self._lost_head = head_id not in (None, *self._seen)
        if page.next_page_id is None or met:
            return Outcome.DONE, new
        self._empty_pages = 0 if page.items else self._empty_pages + 1
        is_loop = page.next_page_id in self._asked and bool(page.items)  # an empty page may name its own cursor
        if is_loop or self._empty_pages > _EMPTY_PAGES_MAX:
            return Outcome.ENDLESS, new
        self._pages_left -= 1
        if self._pages_left <= 0:
            return Outcome.BOUNDED, new
        self._asked[page.next_page_id] = None
        self._page_id = page.next_page_id
        return Outcome.MORE, new

    def _goes_back(self, page: Page, ledger: Ledger) -> bool:
        """Whether the server's cursor led back to what the walk has read, or to where it came from: a loop, and no next
        page (R57)."""
        if self._border is None or not page.items:
            return False
        first_id = page.items[0]["id"]
        if self.mode is CursorMode.INCLUSIVE and first_id in self._seen:
            return True
        ends = (first_id, self._border) if self._descending else (self._border, first_id)
        return ledger.is_out_of_order(*ends)

    def _begins_elsewhere(self, page: Page, head_id: str | None) -> bool:
        """Whether this is the log's first page, and the head that is known is not on it.

        It may stand behind state updates, which the chain that gave it its place says nothing of.
        """
        if self._descending or self._anchor is not None or self._border is not None or head_id is None:
            return False
        return head_id not in ids_of(page.items) and (bool(page.items) or page.next_page_id is None)

    def _is_met(self, event_id: str, ledger: Ledger) -> bool:
        if self._passes_main:
            return self._reads_to == event_id
        return ledger.is_main(event_id)

    @decision("believe-page")
    def _believe(self, page: Page, ledger: Ledger) -> bool:
        if self._border is None:
            if self._must_show is not None and self._must_show not in ids_of(page.items):
                return False
            if self._anchor is None:
                mode = mode_from_next_page(page)
            else:
                mode = mode_from_echo(page, cursor=self._anchor.cursor, echo=self._anchor.echo)
                if mode is CursorMode.UNLEARNED:
                    return False
            self.mode = mode
            head_id = ledger.head_id()
            if head_id is not None and not self._descending:
                # Seen, and so a sign of the natural start on any later page; backward it is where the walk ends.
                self._seen[head_id] = None
            return True
        assert self._page_id is not None, "only a first page has no cursor"
        return goes_on(page, cursor=self._page_id, mode=self.mode, seen=self._seen)

    def _pieces(self, breaks: list[int], length: int) -> list[tuple[int, int]]:
        """The parts of a page, in the log's order, between which items could not be read: gaps are left there."""
        edges = [0, *sorted({one for one in breaks if 0 < one < length}), length]
        pieces = list(pairwise(edges))
        # Going back, what is older than such an item is read again, when the gap is.
        return pieces[-1:] if self._descending and self._border is not None else pieces

    def _follows_directly(self, page: Page, ledger: Ledger) -> bool:
        """Whether what an inclusive server would show next, going back, is the last event of a segment that is held."""
        next_id = page.next_page_id
        return (
            next_id is not None and mode_from_next_page(page) is CursorMode.INCLUSIVE and ledger.ends_segment(next_id)
        )

    @decision("place-page")
    def _place(self, page: Page, ledger: Ledger) -> list[LogEvent]:
        items = page.items[::-1] if self._descending else page.items
        self.is_broken = self.is_broken or bool(page.breaks)
        joint = {} if self._border is None else {"before" if self._descending else "after": self._border}
        if self._descending and items and self._follows_directly(page, ledger):
            sometimes("walk: the next page's cursor was held, and joined two segments")
            joint["after"] = str(page.next_page_id)
        at_head = page.next_page_id is None if self._descending else self._anchor is None and self._border is None
        sizes_bytes = shares(page.size_bytes, items)
        new: list[LogEvent] = []
        breaks = [len(items) - one if self._descending else one for one in page.breaks]
        for start, stop in self._pieces(breaks, len(items)):
            is_first = start == 0 and 0 not in breaks
            is_last = stop == len(items) and len(items) not in breaks
            ends = {name: one for name, one in joint.items() if (is_first if name == "after" else is_last)}
            piece, sizes = items[start:stop], sizes_bytes[start:stop]
            new += ledger.merge(piece, at_head=at_head and is_first, sizes_bytes=sizes, **ends)
        self._seen.update(dict.fromkeys(ids_of(page.items)))
        if page.items:
            self._border = page.items[-1]["id"]
        return new
