"""``rest-empty-page``: a page without items that says that there is more (R57)."""

from __future__ import annotations

from typing import Literal

from gapless.simserver.faults.base import BaseFault
from gapless.simserver.faults.match import Facts
from gapless.simserver.faults.verdicts import EmptyPage


class RestEmptyPage(BaseFault):
    """It names as the next page the cursor that it was asked for, so a client that asks again gets on, unless this
    fault strikes again. A search without a cursor is left alone: no cursor stands for the natural beginning."""

    place = "call"

    kind: Literal["rest-empty-page"] = "rest-empty-page"

    def concerns(self, facts: Facts) -> bool:
        return facts.place == "call" and facts.call == "search" and facts.cursor is not None

    def decide(self, facts: Facts, now_s: float) -> EmptyPage:
        return EmptyPage()
