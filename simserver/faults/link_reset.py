"""``link-reset``: the connection breaks without a close frame (R33, R34)."""

from __future__ import annotations

from typing import Literal

from gapless.simserver.faults.base import TriggeredFault
from gapless.simserver.faults.match import Facts
from gapless.simserver.faults.verdicts import Reset, When


class LinkReset(TriggeredFault):
    """when: before the matching frame is written, or after; what had not arrived by then is lost."""

    kind: Literal["link-reset"] = "link-reset"
    when: When = "before"

    def decide(self, facts: Facts, now_s: float) -> Reset:
        return Reset(self.when)
