"""``rest-idle-close``: a call is lost, for it meets the end of a connection that nobody has used for a while (R56)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gapless.simserver.faults.base import BaseFault
from gapless.simserver.faults.match import Facts
from gapless.simserver.faults.verdicts import ResetCall


class RestIdleClose(BaseFault):
    """The server has closed the idle connection while the call was on its way. So the call is not performed, and the
    client sees a reset. The first call on a connection is never lost so. Found by ``gapless explore`` with
    openhands-agent-server 1.58.2, which closes connections after 5 s.

    idle_s: for how many virtual seconds nobody has used the connection, at least, from the last answer on it to the
    call.
    """

    place = "call"

    kind: Literal["rest-idle-close"] = "rest-idle-close"
    idle_s: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 5.0

    def concerns(self, facts: Facts) -> bool:
        return facts.place == "call" and facts.idle_s >= self.idle_s

    def decide(self, facts: Facts, now_s: float) -> ResetCall:
        return ResetCall("before")
