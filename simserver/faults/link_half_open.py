"""``link-half-open``: every byte on a socket is lost from now on, and neither end sees an error (R35)."""

from __future__ import annotations

from typing import Literal

from gapless.simserver.faults.base import TriggeredFault
from gapless.simserver.faults.match import Facts
from gapless.simserver.faults.verdicts import HalfOpen


class LinkHalfOpen(TriggeredFault):
    """The matching frame is the first to be lost. Whatever either end writes after it is lost too, even the end of the
    stream. When the world heals, the connection is reset.
    """

    kind: Literal["link-half-open"] = "link-half-open"

    def decide(self, facts: Facts, now_s: float) -> HalfOpen:
        return HalfOpen()
