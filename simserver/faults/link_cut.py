"""``link-cut``: the connection breaks in the middle of a frame."""

from __future__ import annotations

from typing import Literal

from gapless.simserver.faults.base import BaseFault
from gapless.simserver.faults.match import Facts
from gapless.simserver.faults.verdicts import Cut


class LinkCut(BaseFault):
    """The frames sent before it and the first half of the matching frame arrive. Then the connection is broken, without
    a close code.
    """

    place = "frame"

    kind: Literal["link-cut"] = "link-cut"

    def decide(self, facts: Facts, now_s: float) -> Cut:
        return Cut()
