"""``link-quiet``: a proxy breaks each socket on which the server has sent nothing for a while (R80)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gapless.simserver.faults.base import BaseFault
from gapless.simserver.faults.match import Facts
from gapless.simserver.faults.verdicts import BreakWhenQuiet


class LinkQuiet(BaseFault):
    """What the client sends does not count. The client sees a reset, without a close code.

    quiet_s: virtual seconds without a frame.
    """

    place = "handshake"

    kind: Literal["link-quiet"] = "link-quiet"
    quiet_s: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 15.0

    def concerns(self, facts: Facts) -> bool:
        return facts.place == "handshake" and facts.aspect == "upgrade"

    def decide(self, facts: Facts, now_s: float) -> BreakWhenQuiet:
        return BreakWhenQuiet(self.quiet_s)
