"""``event-reorder``: an event is sent after later ones (R31). On the real server this happens in every run."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gapless.simserver.faults.base import EventFault
from gapless.simserver.faults.match import Facts
from gapless.simserver.faults.verdicts import Hold


class EventReorder(EventFault):
    """The frame is held until later frames have been sent.

    after: how many later frames are sent first; hold_s: how long it waits for them at most, in virtual seconds.
    """

    kind: Literal["event-reorder"] = "event-reorder"
    after: Annotated[int, Field(ge=1, le=10_000)] = 1
    hold_s: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0

    def decide(self, facts: Facts, now_s: float) -> Hold:
        return Hold(self.after, self.hold_s)
