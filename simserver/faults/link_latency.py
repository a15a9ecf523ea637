"""``link-latency``: every chunk of bytes arrives late, and with jitter not always by the same time."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gapless.simserver.faults.base import BaseFault
from gapless.simserver.faults.match import Facts
from gapless.simserver.faults.verdicts import Slow


class LinkLatency(BaseFault):
    """Chunks stay in order. The fault is counted once for each connection that it slows down. ``match.connection``
    selects the nth socket.

    latency_s: virtual seconds in one direction; jitter_s: the most that is added to it, drawn for each chunk; on: which
    connections it acts on.
    """

    place = "connection"

    kind: Literal["link-latency"] = "link-latency"
    latency_s: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    jitter_s: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    on: Literal["socket", "rest", "both"] = "both"

    def concerns(self, facts: Facts) -> bool:
        return facts.place == "connection" and self.on in (facts.aspect, "both")

    def decide(self, facts: Facts, now_s: float) -> Slow:
        return Slow(self.latency_s, self.jitter_s)
