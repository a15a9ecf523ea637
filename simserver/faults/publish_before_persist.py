"""``publish-before-persist``: the socket knows an event before the log does (R52; measured before 1.45)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gapless.simserver.faults.base import BaseFault
from gapless.simserver.faults.match import Facts
from gapless.simserver.faults.verdicts import PersistLate


class PublishBeforePersist(BaseFault):
    """lag_s: virtual seconds between publishing and persisting. The log keeps its order, so what the agent produces
    meanwhile waits too. A session socket calls such an event transient, and never announces its ``seq``."""

    place = "append"

    kind: Literal["publish-before-persist"] = "publish-before-persist"
    lag_s: Annotated[float, Field(gt=0, allow_inf_nan=False)]

    def decide(self, facts: Facts, now_s: float) -> PersistLate:
        return PersistLate(self.lag_s)
