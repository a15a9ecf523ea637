"""``link-half-open``: from now on every byte vanishes, and nobody is told (R35)."""

from __future__ import annotations

from typing import Literal

from gapless.simserver.faults.base import TriggeredFault
from gapless.simserver.faults.match import Facts
from gapless.simserver.faults.verdicts import HalfOpen


class LinkHalfOpen(TriggeredFault):
    """Nothing written in either direction of that socket arrives any more, the end of the stream included; the matching
    frame is the first victim. When the world heals, the path says at last that the connection is gone."""

    kind: Literal["link-half-open"] = "link-half-open"

    def decide(self, facts: Facts, now_s: float) -> HalfOpen:
        return HalfOpen()
