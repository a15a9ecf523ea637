"""``clock-ties``: the server's clock is coarse, so several events have the same timestamp (R61)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gapless.simserver.faults.base import ServerFault
from gapless.simserver.faults.match import Facts
from gapless.simserver.faults.verdicts import CoarsenClock


class ClockTies(ServerFault):
    """From then on, timestamps are rounded down to multiples of a tick.

    resolution_s: the length of a tick.
    """

    kind: Literal["clock-ties"] = "clock-ties"
    resolution_s: Annotated[float, Field(gt=0, allow_inf_nan=False)]

    def decide(self, facts: Facts, now_s: float) -> CoarsenClock:
        return CoarsenClock(self.resolution_s)
