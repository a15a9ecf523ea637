"""``rest-cursor-loop``: the next page is always this one (R57)."""

from __future__ import annotations

from typing import Literal

from gapless.simserver.faults.base import BaseFault
from gapless.simserver.faults.match import Facts
from gapless.simserver.faults.verdicts import LoopCursor


class RestCursorLoop(BaseFault):
    """Each page names as the next one the cursor that it was asked for (its first item where none was given), and never
    comes to an end."""

    place = "call"

    kind: Literal["rest-cursor-loop"] = "rest-cursor-loop"

    def concerns(self, facts: Facts) -> bool:
        return facts.place == "call" and facts.call == "search"

    def decide(self, facts: Facts, now_s: float) -> LoopCursor:
        return LoopCursor()
