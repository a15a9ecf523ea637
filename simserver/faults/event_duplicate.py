"""``event-duplicate``: an event is sent more than once (R32)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gapless.simserver.cause import Cause
from gapless.simserver.faults.base import EventFault
from gapless.simserver.faults.match import Facts
from gapless.simserver.faults.verdicts import Duplicate


class EventDuplicate(EventFault):
    """The event is sent once as usual, and then again.

    copies: how many more times it is sent; gap_s: virtual seconds between two copies; until: the cause that the copies
    wait for, ``gap_s`` apart from there on.
    """

    kind: Literal["event-duplicate"] = "event-duplicate"
    copies: Annotated[int, Field(ge=1, le=100)] = 1
    gap_s: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    until: Cause | None = None

    def decide(self, facts: Facts, now_s: float) -> Duplicate:
        return Duplicate(self.copies, self.gap_s)
