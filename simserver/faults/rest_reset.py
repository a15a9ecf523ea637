"""``rest-reset``: the connection is reset instead of an answer (R56)."""

from __future__ import annotations

from typing import Literal

from gapless.simserver.faults.base import BaseFault
from gapless.simserver.faults.match import Facts
from gapless.simserver.faults.verdicts import ResetCall, When


class RestReset(BaseFault):
    """when: with ``before`` the call is not performed; with ``after`` it is performed, and only its answer is lost."""

    place = "call"

    kind: Literal["rest-reset"] = "rest-reset"
    when: When = "before"

    def decide(self, facts: Facts, now_s: float) -> ResetCall:
        return ResetCall(self.when)
