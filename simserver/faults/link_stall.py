"""``link-stall``: the path goes silent, nothing is lost (R35 for as long as it lasts)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gapless.simserver.faults.base import TriggeredFault
from gapless.simserver.faults.match import Facts
from gapless.simserver.faults.verdicts import Stall


class LinkStall(TriggeredFault):
    """stall_s: how long nothing is delivered in either direction of that socket; the matching frame is the
    first victim."""

    kind: Literal["link-stall"] = "link-stall"
    stall_s: Annotated[float, Field(gt=0, allow_inf_nan=False)]

    def decide(self, facts: Facts, now_s: float) -> Stall:
        return Stall(self.stall_s)
