"""``link-stall``: nothing arrives on a socket for a while, but nothing is lost (R35 while it lasts)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gapless.simserver.faults.base import TriggeredFault
from gapless.simserver.faults.match import Facts
from gapless.simserver.faults.verdicts import Stall


class LinkStall(TriggeredFault):
    """Both directions of the socket stall. The matching frame is the first to be delayed.

    stall_s: for how many virtual seconds nothing is delivered.
    """

    kind: Literal["link-stall"] = "link-stall"
    stall_s: Annotated[float, Field(gt=0, allow_inf_nan=False)]

    def decide(self, facts: Facts, now_s: float) -> Stall:
        return Stall(self.stall_s)
