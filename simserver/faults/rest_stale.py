"""``rest-stale``: a replica that is behind answers (R52, R54)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from .base import BaseFault
from .match import Facts
from .verdicts import StaleView


class RestStale(BaseFault):
    """lag_s: the log is shown as it was that long ago."""

    place = "call"

    kind: Literal["rest-stale"] = "rest-stale"
    lag_s: Annotated[float, Field(gt=0, allow_inf_nan=False)]

    def concerns(self, facts: Facts) -> bool:
        return facts.place == "call" and facts.call in {"search", "count", "event"}

    def decide(self, facts: Facts, now_s: float) -> StaleView:
        return StaleView(self.lag_s)
