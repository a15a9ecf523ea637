"""``event-drop``: an event is never sent on a socket, which stays open; later events arrive (R30)."""

from __future__ import annotations

from typing import Literal

from gapless.simserver.faults.base import EventFault
from gapless.simserver.faults.match import Facts
from gapless.simserver.faults.verdicts import Drop


class EventDrop(EventFault):
    """The real server does this when a send fails: it ignores the error.

    leaves: ``nothing`` writes no frame; ``half`` writes a complete message with the first half of the text, which
    cannot be parsed.
    """

    kind: Literal["event-drop"] = "event-drop"
    leaves: Literal["nothing", "half"] = "nothing"

    def decide(self, facts: Facts, now_s: float) -> Drop:
        return Drop(self.leaves)
