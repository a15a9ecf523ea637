"""``rest-timeout``: a call is performed, but the answer takes longer than most clients wait (R56)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gapless.simserver.faults.base import BaseFault
from gapless.simserver.faults.match import Facts
from gapless.simserver.faults.verdicts import Hang


class RestTimeout(BaseFault):
    """hang_s: virtual seconds between performing the call and answering it. A message that hangs *has been* taken: a
    client that sends it again says it twice."""

    place = "call"

    kind: Literal["rest-timeout"] = "rest-timeout"
    hang_s: Annotated[float, Field(gt=0, allow_inf_nan=False)]

    def decide(self, facts: Facts, now_s: float) -> Hang:
        return Hang(self.hang_s)
