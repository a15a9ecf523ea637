"""``rest-empty-page``: a page has no items, but names a next page (R57)."""

from __future__ import annotations

from typing import Literal

from gapless.simserver.faults.base import BaseFault
from gapless.simserver.faults.match import Facts
from gapless.simserver.faults.verdicts import EmptyPage


class RestEmptyPage(BaseFault):
    """The ``next_page_id`` of the page is the cursor of the request. A client that follows it gets the real page unless
    the fault acts again. Searches without a cursor are not affected, as no cursor names the natural beginning.
    """

    place = "call"

    kind: Literal["rest-empty-page"] = "rest-empty-page"

    def concerns(self, facts: Facts) -> bool:
        return facts.place == "call" and facts.call == "search" and facts.cursor is not None

    def decide(self, facts: Facts, now_s: float) -> EmptyPage:
        return EmptyPage()
