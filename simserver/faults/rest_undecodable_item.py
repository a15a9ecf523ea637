"""``rest-undecodable-item``: one item of an otherwise good page cannot be decoded (R73)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gapless.simserver.faults.base import BaseFault
from gapless.simserver.faults.match import Facts
from gapless.simserver.faults.verdicts import ItemShape, SpoilItem


class RestUndecodableItem(BaseFault):
    """The page is valid JSON, and its other items are good. A page without items is not affected.

    item: which item of the page, from 0; the last one when there are fewer; shape: what stands in its place: ``null``,
    a ``text``, or an event with ``no-id``.
    """

    place = "call"

    kind: Literal["rest-undecodable-item"] = "rest-undecodable-item"
    item: Annotated[int, Field(ge=0, le=99)] = 0
    shape: ItemShape = "no-id"

    def concerns(self, facts: Facts) -> bool:
        return facts.place == "call" and facts.call == "search"

    def decide(self, facts: Facts, now_s: float) -> SpoilItem:
        return SpoilItem(self.item, self.shape)
