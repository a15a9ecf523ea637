"""``rest-empty-page``: a page has no items although there are some; it names a next page, or none (R57, R85)."""

from __future__ import annotations

from typing import Literal

from gapless.simserver.faults.base import BaseFault
from gapless.simserver.faults.match import Facts
from gapless.simserver.faults.verdicts import EmptyPage


class RestEmptyPage(BaseFault):
    """The ``next_page_id`` of the page is the cursor of the request. A client that follows it gets the real page unless
    the fault acts again. Searches without a cursor are not affected, as no cursor names the natural beginning.

    blank: the page names no next page either, as if the log ended there. Searches without a cursor are affected too.
    """

    place = "call"

    kind: Literal["rest-empty-page"] = "rest-empty-page"
    blank: bool = False

    def concerns(self, facts: Facts) -> bool:
        return facts.place == "call" and facts.call == "search" and (self.blank or facts.cursor is not None)

    def decide(self, facts: Facts, now_s: float) -> EmptyPage:
        return EmptyPage(self.blank)
