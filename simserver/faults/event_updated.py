"""``event-updated``: an event comes again under its id, with newer content (R72)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gapless.simserver.faults.base import BaseFault
from gapless.simserver.faults.match import Facts
from gapless.simserver.faults.verdicts import UpdateLater


class EventUpdated(BaseFault):
    """The log has the newer content from then on, under the same id and at the same place.

    after_s: virtual seconds between publishing the event and publishing it again.
    """

    place = "append"

    kind: Literal["event-updated"] = "event-updated"
    after_s: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 0.05

    def decide(self, facts: Facts, now_s: float) -> UpdateLater:
        return UpdateLater(self.after_s)
