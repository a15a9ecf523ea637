"""``late-tail``: events are persisted after the final snapshot of a run (R20)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gapless.simserver.faults.base import BaseFault
from gapless.simserver.faults.match import Facts
from gapless.simserver.faults.verdicts import AppendLater, TailKind


class LateTail(BaseFault):
    """These events come after the end of the run, so they are part of no run, also when the next one has begun.

    after_s: virtual seconds between the final snapshot and the first of them; events: how many there are; what:
    ``stats`` appends state updates, ``log`` appends events of the branch.
    """

    place = "ending"

    kind: Literal["late-tail"] = "late-tail"
    after_s: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.05
    events: Annotated[int, Field(ge=1, le=1_000)] = 1
    what: TailKind = "stats"

    def concerns(self, facts: Facts) -> bool:
        return facts.place == "ending" and facts.aspect == "ended"

    def decide(self, facts: Facts, now_s: float) -> AppendLater:
        return AppendLater(self.after_s, self.events, self.what)
