"""``clock-step``: the server's clock jumps, forwards or back (R61): daylight saving, a time service."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gapless.simserver.faults.base import ServerFault
from gapless.simserver.faults.match import Facts
from gapless.simserver.faults.verdicts import StepClock


class ClockStep(ServerFault):
    """step_s: how far; negative goes back, and then later events have earlier timestamps."""

    kind: Literal["clock-step"] = "clock-step"
    step_s: Annotated[float, Field(allow_inf_nan=False)]

    def decide(self, facts: Facts, now_s: float) -> StepClock:
        return StepClock(self.step_s)
