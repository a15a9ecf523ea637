"""``event-stamped-late``: an event has no ``parent_id`` on the socket, but has one in the log (R74)."""

from __future__ import annotations

from typing import Literal

from gapless.simserver.faults.base import BaseFault
from gapless.simserver.faults.match import Facts
from gapless.simserver.faults.verdicts import StampLate


class EventStampedLate(BaseFault):
    """The real server does this with hook events. In the generation without a tree nothing changes."""

    place = "append"

    kind: Literal["event-stamped-late"] = "event-stamped-late"

    def decide(self, facts: Facts, now_s: float) -> StampLate:
        return StampLate()
