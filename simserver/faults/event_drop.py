"""``event-drop``: the server swallows a failed send; the socket stays open, with a hole in it (R30)."""

from __future__ import annotations

from typing import Literal

from .base import EventFault
from .match import Facts
from .verdicts import Drop


class EventDrop(EventFault):
    """The frame is never written to that socket."""

    kind: Literal["event-drop"] = "event-drop"

    def decide(self, facts: Facts, now_s: float) -> Drop:
        return Drop()
