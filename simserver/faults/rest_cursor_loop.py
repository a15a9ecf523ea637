"""``rest-cursor-loop``: each page names itself, or the page before it, as the next page (R57)."""

from __future__ import annotations

from typing import Literal

from gapless.simserver.faults.base import BaseFault
from gapless.simserver.faults.match import Facts
from gapless.simserver.faults.verdicts import LoopCursor


class RestCursorLoop(BaseFault):
    """The ``next_page_id`` of the page is the cursor of the request, or its first item when the request had none. A
    client that follows it never comes to an end.

    period: with 2 it is the cursor of the request before, if that had one, so that two pages name each other.
    """

    place = "call"

    kind: Literal["rest-cursor-loop"] = "rest-cursor-loop"
    period: Literal[1, 2] = 1

    def concerns(self, facts: Facts) -> bool:
        return facts.place == "call" and facts.call == "search"

    def decide(self, facts: Facts, now_s: float) -> LoopCursor:
        return LoopCursor(self.period)
