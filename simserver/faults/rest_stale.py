"""``rest-stale``: a call is answered from an older state of the log, as by a replica that lags (R52, R54)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gapless.simserver.faults.base import BaseFault
from gapless.simserver.faults.match import Facts
from gapless.simserver.faults.verdicts import StaleView


class RestStale(BaseFault):
    """lag_s: how old the state of the log is, in virtual seconds."""

    place = "call"

    kind: Literal["rest-stale"] = "rest-stale"
    lag_s: Annotated[float, Field(gt=0, allow_inf_nan=False)]

    def concerns(self, facts: Facts) -> bool:
        return facts.place == "call" and facts.call in {"search", "count", "event"}

    def decide(self, facts: Facts, now_s: float) -> StaleView:
        return StaleView(self.lag_s)
