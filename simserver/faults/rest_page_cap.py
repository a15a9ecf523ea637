"""``rest-page-cap``: pages have fewer items than were asked for, although there are more."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gapless.simserver.faults.base import BaseFault
from gapless.simserver.faults.match import Facts
from gapless.simserver.faults.verdicts import CapPage


class RestPageCap(BaseFault):
    """items_max: the most items on a page, whatever ``limit`` the request asks for."""

    place = "call"

    kind: Literal["rest-page-cap"] = "rest-page-cap"
    items_max: Annotated[int, Field(ge=1, le=100)]

    def concerns(self, facts: Facts) -> bool:
        return facts.place == "call" and facts.call == "search"

    def decide(self, facts: Facts, now_s: float) -> CapPage:
        return CapPage(self.items_max)
