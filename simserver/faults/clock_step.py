"""``clock-step``: the server's clock jumps forward or back, as by daylight saving or a time service (R61)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gapless.simserver.faults.base import ServerFault
from gapless.simserver.faults.match import Facts
from gapless.simserver.faults.verdicts import StepClock


class ClockStep(ServerFault):
    """The log keeps its order. After a step back, later events have earlier timestamps.

    step_s: how far the clock jumps; negative goes back.
    """

    kind: Literal["clock-step"] = "clock-step"
    step_s: Annotated[float, Field(allow_inf_nan=False)]

    def decide(self, facts: Facts, now_s: float) -> StepClock:
        return StepClock(self.step_s)
