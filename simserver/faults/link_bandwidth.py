"""``link-bandwidth``: a connection carries a limited number of bytes per second; the others wait."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gapless.simserver.faults.base import BaseFault
from gapless.simserver.faults.match import Facts
from gapless.simserver.faults.verdicts import Throttle


class LinkBandwidth(BaseFault):
    """The fault is counted once for each connection that it slows down. ``match.connection`` selects the nth socket.

    bytes_per_s: in each direction of each connection; on: which connections it acts on.
    """

    place = "connection"

    kind: Literal["link-bandwidth"] = "link-bandwidth"
    bytes_per_s: Annotated[float, Field(ge=0.001, allow_inf_nan=False)]
    on: Literal["socket", "rest", "both"] = "both"

    def concerns(self, facts: Facts) -> bool:
        return facts.place == "connection" and self.on in (facts.aspect, "both")

    def decide(self, facts: Facts, now_s: float) -> Throttle:
        return Throttle(self.bytes_per_s)
