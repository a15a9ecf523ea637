"""``subscription-lost``: a socket stays open and answers pings, but gets no more events (R35)."""

from __future__ import annotations

from typing import Literal

from gapless.simserver.faults.base import TriggeredFault
from gapless.simserver.faults.match import Facts
from gapless.simserver.faults.verdicts import Unsubscribe


class SubscriptionLost(TriggeredFault):
    """The server forgets the subscription of this socket. The matching frame is the first that is not sent."""

    kind: Literal["subscription-lost"] = "subscription-lost"

    def decide(self, facts: Facts, now_s: float) -> Unsubscribe:
        return Unsubscribe()
