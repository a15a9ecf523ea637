"""``publish-before-persist``: an event is sent on the sockets before it is in the log (R52; measured before 1.45)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gapless.simserver.faults.base import BaseFault
from gapless.simserver.faults.match import Facts
from gapless.simserver.faults.verdicts import PersistLate


class PublishBeforePersist(BaseFault):
    """The log keeps its order, so events that the agent produces meanwhile are persisted late too. The session socket
    sends such an event as transient, and never sends its ``seq``.

    lag_s: virtual seconds between publishing and persisting.
    """

    place = "append"

    kind: Literal["publish-before-persist"] = "publish-before-persist"
    lag_s: Annotated[float, Field(gt=0, allow_inf_nan=False)]

    def decide(self, facts: Facts, now_s: float) -> PersistLate:
        return PersistLate(self.lag_s)
