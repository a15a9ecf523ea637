"""``rest-status``: a call fails with an HTTP status, with or without Retry-After (R56)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gapless.simserver.faults.base import BaseFault
from gapless.simserver.faults.match import Facts
from gapless.simserver.faults.verdicts import AnswerWith


class RestStatus(BaseFault):
    """The call is not performed.

    status: 4xx or 5xx; retry_after_s: the value of a Retry-After header, in seconds.
    """

    place = "call"

    kind: Literal["rest-status"] = "rest-status"
    status: Annotated[int, Field(ge=400, le=599)]
    retry_after_s: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None

    def decide(self, facts: Facts, now_s: float) -> AnswerWith:
        return AnswerWith(self.status, self.retry_after_s)
