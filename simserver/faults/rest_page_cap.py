"""``rest-page-cap``: pages have fewer items than were asked for, although there are more (R88)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from gapless.simserver.faults.base import BaseFault
from gapless.simserver.faults.match import Facts
from gapless.simserver.faults.verdicts import CapPage


class RestPageCap(BaseFault):
    """items_max: the most items on a page, whatever ``limit`` the request asks for; bytes_max: the most bytes of events
    on a page, which has one event at least. One of the two must be given.
    """

    place = "call"

    kind: Literal["rest-page-cap"] = "rest-page-cap"
    items_max: Annotated[int, Field(ge=1, le=100)] | None = None
    bytes_max: Annotated[int, Field(ge=1)] | None = None

    @model_validator(mode="after")
    def _caps_something(self) -> RestPageCap:
        if self.items_max is None and self.bytes_max is None:
            raise ValueError("a rest-page-cap fault needs a bound: add items_max, bytes_max, or both")
        return self

    def concerns(self, facts: Facts) -> bool:
        return facts.place == "call" and facts.call == "search"

    def decide(self, facts: Facts, now_s: float) -> CapPage:
        return CapPage(self.items_max, self.bytes_max)
