"""``rest-unknown-cursor``: the server no longer knows the page cursor (R51, R52)."""

from __future__ import annotations

from typing import Literal

from gapless.simserver.faults.base import BaseFault
from gapless.simserver.faults.match import Facts
from gapless.simserver.faults.verdicts import ForgetCursor


class RestUnknownCursor(BaseFault):
    """The search is answered as if its ``page_id`` were unknown. The server's settings say how: from the natural
    beginning, or with 404 or 400.
    """

    place = "call"

    kind: Literal["rest-unknown-cursor"] = "rest-unknown-cursor"

    def concerns(self, facts: Facts) -> bool:
        return facts.place == "call" and facts.call == "search" and facts.cursor is not None

    def decide(self, facts: Facts, now_s: float) -> ForgetCursor:
        return ForgetCursor()
