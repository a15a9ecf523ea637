"""``event-delay``: an event is sent late on a socket, after later events (R10, R11)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gapless.simserver.faults.base import EventFault
from gapless.simserver.faults.match import Facts
from gapless.simserver.faults.verdicts import Delay


class EventDelay(EventFault):
    """Other frames are not held up.

    delay_s: virtual seconds between publishing the event and writing its frame.
    """

    kind: Literal["event-delay"] = "event-delay"
    delay_s: Annotated[float, Field(gt=0, allow_inf_nan=False)]

    def decide(self, facts: Facts, now_s: float) -> Delay:
        return Delay(self.delay_s)
