"""``event-drop``: the server swallows a failed send; the socket stays open, with a hole in it (R30)."""

from __future__ import annotations

from typing import Literal

from gapless.simserver.faults.base import EventFault
from gapless.simserver.faults.match import Facts
from gapless.simserver.faults.verdicts import Drop


class EventDrop(EventFault):
    """The frame is never written to that socket. leaves: ``half`` writes the first half of its text in its place, as a
    message that is whole and cannot be read."""

    kind: Literal["event-drop"] = "event-drop"
    leaves: Literal["nothing", "half"] = "nothing"

    def decide(self, facts: Facts, now_s: float) -> Drop:
        return Drop(self.leaves)
