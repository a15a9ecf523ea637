"""``link-latency``: every chunk takes a while, in order; jitter makes the while uneven."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gapless.simserver.faults.base import BaseFault
from gapless.simserver.faults.match import Facts
from gapless.simserver.faults.verdicts import Slow


class LinkLatency(BaseFault):
    """latency_s: one way; jitter_s: up to this much more, drawn per chunk; on: which connections. Counted once for each
    connection that it slows down; ``match.connection`` means the nth socket."""

    place = "connection"

    kind: Literal["link-latency"] = "link-latency"
    latency_s: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    jitter_s: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    on: Literal["socket", "rest", "both"] = "both"

    def concerns(self, facts: Facts) -> bool:
        return facts.place == "connection" and self.on in (facts.aspect, "both")

    def decide(self, facts: Facts, now_s: float) -> Slow:
        return Slow(self.latency_s, self.jitter_s)
