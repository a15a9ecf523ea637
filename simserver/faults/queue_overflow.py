"""``queue-overflow``: a client that reads too slowly is disconnected with 1013, or loses a frame (R37)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gapless.simserver.faults.base import EventFault
from gapless.simserver.faults.match import Facts
from gapless.simserver.faults.verdicts import Close, Drop


class QueueOverflow(EventFault):
    """The fault acts, and is counted, only when the client has that many unread frames.

    frames_max: how many frames may be unread; then: ``close`` closes the socket at the next frame, ``drop`` drops it.
    """

    kind: Literal["queue-overflow"] = "queue-overflow"
    frames_max: Annotated[int, Field(ge=1, le=10_000)] = 100
    then: Literal["close", "drop"] = "close"

    def concerns(self, facts: Facts) -> bool:
        return super().concerns(facts) and facts.unread_frames >= self.frames_max

    def decide(self, facts: Facts, now_s: float) -> Close | Drop:
        return Close(1013, "before") if self.then == "close" else Drop()
