"""``event-delay``: an event is sent late on a socket, after later events (R10, R11)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from gapless.simserver.cause import Cause
from gapless.simserver.faults.base import EventFault
from gapless.simserver.faults.match import Facts
from gapless.simserver.faults.verdicts import Delay


class EventDelay(EventFault):
    """Other frames are not held up.

    delay_s: virtual seconds between publishing the event and writing its frame; until: the cause that it waits for
    instead.
    """

    kind: Literal["event-delay"] = "event-delay"
    delay_s: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    until: Cause | None = None

    @model_validator(mode="after")
    def _ends_once(self) -> EventDelay:
        if (self.delay_s is None) == (self.until is None):
            told = "neither is given: add one" if self.until is None else "both are given: keep one"
            raise ValueError(f"delay_s and until say how long the event is late, and {told}")
        return self

    def decide(self, facts: Facts, now_s: float) -> Delay:
        return Delay(self.delay_s or 0.0)
