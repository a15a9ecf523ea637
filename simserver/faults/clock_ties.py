"""``clock-ties``: the server's clock is coarse, and events of one tick have one timestamp (R61)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gapless.simserver.faults.base import ServerFault
from gapless.simserver.faults.match import Facts
from gapless.simserver.faults.verdicts import CoarsenClock


class ClockTies(ServerFault):
    """resolution_s: the length of a tick, from then on."""

    kind: Literal["clock-ties"] = "clock-ties"
    resolution_s: Annotated[float, Field(gt=0, allow_inf_nan=False)]

    def decide(self, facts: Facts, now_s: float) -> CoarsenClock:
        return CoarsenClock(self.resolution_s)
