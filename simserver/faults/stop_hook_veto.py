"""``stop-hook-veto``: a run goes on after ``finished``, as a stop hook vetoes it (R13; R14 when the veto is late)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gapless.simserver.faults.base import BaseFault
from gapless.simserver.faults.match import Facts
from gapless.simserver.faults.verdicts import Veto


class StopHookVeto(BaseFault):
    """A vetoed run ends once more, and ``match.nth`` counts each end.

    after_s: virtual seconds from the status ``finished`` to the veto; actions: how many action and observation pairs
    follow; step_s: virtual seconds before each of their events.
    """

    place = "ending"

    kind: Literal["stop-hook-veto"] = "stop-hook-veto"
    after_s: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.5
    actions: Annotated[int, Field(ge=0, le=1_000)] = 1
    step_s: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.1

    def concerns(self, facts: Facts) -> bool:
        # The real server asks a stop hook only when the agent itself has finished.
        return facts.place == "ending" and facts.aspect == "finishing" and facts.status == "finished"

    def decide(self, facts: Facts, now_s: float) -> Veto:
        return Veto(self.after_s, self.actions, self.step_s)
