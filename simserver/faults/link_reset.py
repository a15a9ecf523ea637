"""``link-reset``: the connection breaks without a close frame (R33, R34)."""

from __future__ import annotations

from typing import Literal

from gapless.simserver.faults.base import TriggeredFault
from gapless.simserver.faults.match import Facts
from gapless.simserver.faults.verdicts import Reset, When


class LinkReset(TriggeredFault):
    """Bytes that have not arrived by then are lost.

    when: ``before`` resets the connection in place of the matching frame, ``after`` writes the frame first.
    """

    kind: Literal["link-reset"] = "link-reset"
    when: When = "before"

    def decide(self, facts: Facts, now_s: float) -> Reset:
        return Reset(self.when)
