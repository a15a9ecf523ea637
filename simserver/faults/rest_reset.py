"""``rest-reset``: the connection breaks instead of an answer (R56)."""

from __future__ import annotations

from typing import Literal

from gapless.simserver.faults.base import BaseFault
from gapless.simserver.faults.match import Facts
from gapless.simserver.faults.verdicts import ResetCall, When


class RestReset(BaseFault):
    """when: ``before`` the call is performed, or ``after``: then it has been, and only the answer is lost. On a real
    port, where a connection cannot be reset from here, the answer is an empty 502."""

    place = "call"

    kind: Literal["rest-reset"] = "rest-reset"
    when: When = "before"

    def decide(self, facts: Facts, now_s: float) -> ResetCall:
        return ResetCall(self.when)
