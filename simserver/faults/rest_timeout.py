"""``rest-timeout``: a call is performed, but its answer comes later than most clients wait (R56)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gapless.simserver.faults.base import BaseFault
from gapless.simserver.faults.match import Facts
from gapless.simserver.faults.verdicts import Hang


class RestTimeout(BaseFault):
    """A message whose answer is late has been taken. A client that sends it again has sent it twice.

    hang_s: virtual seconds between performing the call and answering it.
    """

    place = "call"

    kind: Literal["rest-timeout"] = "rest-timeout"
    hang_s: Annotated[float, Field(gt=0, allow_inf_nan=False)]

    def decide(self, facts: Facts, now_s: float) -> Hang:
        return Hang(self.hang_s)
