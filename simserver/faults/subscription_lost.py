"""``subscription-lost``: the socket lives and answers pings, but nothing is published on it any more (R35)."""

from __future__ import annotations

from typing import Literal

from gapless.simserver.faults.base import TriggeredFault
from gapless.simserver.faults.match import Facts
from gapless.simserver.faults.verdicts import Unsubscribe


class SubscriptionLost(TriggeredFault):
    """The server forgets that this socket has subscribed; the matching frame is the first that it is not sent."""

    kind: Literal["subscription-lost"] = "subscription-lost"

    def decide(self, facts: Facts, now_s: float) -> Unsubscribe:
        return Unsubscribe()
