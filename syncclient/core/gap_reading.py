"""Reading history that was left alone, or whose payload was dropped, a page at a time, as somebody asks for it. Pure.

It has a GET of its own, so that it never keeps a repair or a run waiting; and it begins none while one of those has
anything to ask. Pages go on from one another, so each is read once; after an interruption they go on from an anchor. If
the server does not know the cursor, the walk is from the tail backward, to where the reader is, within `pages_max`.
"""

from __future__ import annotations

from dataclasses import replace

from gapless.syncclient.core import actions
from gapless.syncclient.core.events import RequestFailed
from gapless.syncclient.core.repairs import Repairs
from gapless.syncclient.core.requests import FailureVerdict, Request
from gapless.syncclient.core.situation import Situation
from gapless.syncclient.errors import ProtocolViolation, RequestRefused, ServerUnreachable, SyncError
from gapless.syncclient.log.walk import Outcome, Walk
from gapless.syncclient.wire import Page


class Reading:
    """The history asked for, one page at a time."""

    def __init__(self, situation: Situation, repairs: Repairs) -> None:
        self._situation = situation
        self._repairs = repairs
        self._is_wanted = False
        self._after_id: str | None = None
        self._walk: Walk | None = None
        self._exchange: Request | None = None

    def want(self, after_id: str | None) -> None:
        """Somebody wants the page that follows a placed event, or begins the log (None)."""
        self._is_wanted, self._after_id = True, after_id

    def abandon(self) -> None:
        """Nobody wants it any more."""
        self._situation.forget(self._exchange)
        self._is_wanted, self._exchange, self._walk = False, None, None

    def step(self) -> None:
        """Ask for the page, when nothing else has anything to ask."""
        now, exchange = self._situation, self._exchange
        if not self._is_wanted or self._repairs.has_work():
            return
        if exchange is None:
            self._exchange = Request("history", now.step, now.now_s + now.settings.repair_deadline_s, self._next_walk())
            now.ask(self._exchange)

    # -- inside -------------------------------------------------------------------------------------------------------

    def _next_walk(self) -> Walk:
        """The walk under way, if it stands where the reader does, or a new one from an anchor there."""
        if self._walk is not None and self._walk.border == self._after_id:
            return self._walk
        now, after_id = self._situation, self._after_id
        pages_max = now.settings.pages_max
        if after_id is None or after_id == now.ledger.head_id():
            return Walk.from_head(pages_max=pages_max)
        anchor = now.ledger.anchor_at(after_id)
        return (
            Walk.back_to(after_id, pages_max=pages_max) if anchor is None else Walk.forward(anchor, pages_max=pages_max)
        )

    def take(self, exchange: Request, page: Page) -> None:
        """A page came."""
        now, walk = self._situation, exchange.walk
        assert walk is not None, "history is read by walks"
        # A gap that a reader asks for is closed, whatever cannot be read in it: else it would be asked for for ever.
        origin: actions.Origin = "repair" if now.unread.follows(self._after_id) else "history"
        outcome, new = walk.take(replace(page, breaks=()), now.ledger)
        now.note_unreadable(page)
        if outcome is not Outcome.CURSOR_UNKNOWN:
            now.renew_from_page(exchange, page, new)
        now.hand_over(new, origin)
        match outcome:
            case Outcome.CURSOR_UNKNOWN:
                self._turn_back(exchange)
            case Outcome.MORE if walk.descending or not self._shows_next(page):
                now.ask(exchange)
            case Outcome.MORE | Outcome.DONE:
                self._walk = walk if outcome is Outcome.MORE else None
                self._end(actions.HistoryRead(page.items[::-1] if walk.descending else page.items))
            case Outcome.BOUNDED if walk.descending:
                self._fail(
                    ServerUnreachable(f"pages_max ({now.settings.pages_max}) was reached on the way from the tail")
                )
            case Outcome.BOUNDED:
                self._walk = None  # the next page goes on from an anchor
                self._end(actions.HistoryRead(page.items))
            case Outcome.ENDLESS:
                self._fail(ProtocolViolation("the server's page cursor never comes to an end"))

    def _shows_next(self, page: Page) -> bool:
        """Whether the page goes beyond where the reader is; one that only leads there costs another."""
        after_id = self._after_id
        return after_id is None or (bool(page.items) and page.items[-1]["id"] != after_id)

    def _turn_back(self, exchange: Request) -> None:
        now, walk = self._situation, exchange.walk
        assert walk is not None, "only a walk has cursors"
        self._walk = None
        if walk.descending:
            self._fail(ProtocolViolation("the server knows none of its own page cursors"))
            return
        now.note("the server did not know a page cursor of the history; read backward from the tail")
        exchange.walk = Walk.back_to(self._after_id, pages_max=now.settings.pages_max)
        now.ask(exchange)

    def failed(self, exchange: Request, failure: RequestFailed, verdict: FailureVerdict) -> None:
        """The request has failed, and is not tried again."""
        match verdict:
            case FailureVerdict.UNKNOWN_CURSOR:
                self._turn_back(exchange)
            case FailureVerdict.TOO_LATE:
                limit_s = self._situation.settings.repair_deadline_s
                why = f"repair_deadline_s ({limit_s:g} s) was reached; the last answer: {failure.reason}"
                self._fail(ServerUnreachable(why))
            case _:
                why = f"the server refused a request for good: {failure.reason}"
                self._fail(RequestRefused(why, status=failure.status or 0, body=failure.reason))

    def _fail(self, error: SyncError) -> None:
        self._walk = None
        self._end(actions.HistoryFailed(error))

    def _end(self, action: actions.HistoryRead | actions.HistoryFailed) -> None:
        if isinstance(action, actions.HistoryRead) and self._situation.unread.follows(self._after_id):
            self._situation.unread.close()  # no page shows what it follows: nothing more is to be learnt
        self._situation.forget(self._exchange)
        self._is_wanted, self._exchange = False, None
        self._situation.out.append(action)
