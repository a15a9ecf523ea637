"""``delta-flood``: hundreds of token deltas are sent right before an event (R40)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gapless.simserver.faults.base import BaseFault
from gapless.simserver.faults.match import Facts
from gapless.simserver.faults.verdicts import Flood


class DeltaFlood(BaseFault):
    """Token deltas are never persisted. The session socket sends each as a ``delta`` frame, the other socket as a
    StreamingDeltaEvent.

    frames: how many deltas are published right before the matching event; size_bytes: length of the text in each.
    """

    place = "append"

    kind: Literal["delta-flood"] = "delta-flood"
    frames: Annotated[int, Field(ge=1, le=9_000)] = 500
    size_bytes: Annotated[int, Field(ge=1, le=10_000)] = 8

    def decide(self, facts: Facts, now_s: float) -> Flood:
        return Flood(self.frames, self.size_bytes)
