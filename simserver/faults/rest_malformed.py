"""``rest-malformed``: status 200 and a body that is no answer (R56)."""

from __future__ import annotations

from typing import Literal

from gapless.simserver.faults.base import BaseFault
from gapless.simserver.faults.match import Facts
from gapless.simserver.faults.verdicts import BodyShape, Malform


class RestMalformed(BaseFault):
    """body: ``truncated`` (half of the real one, with a matching content-length), ``not-json`` (a proxy's page), or
    ``wrong-shape`` (JSON, but not what was asked for). The call is performed."""

    place = "call"

    kind: Literal["rest-malformed"] = "rest-malformed"
    body: BodyShape = "truncated"

    def decide(self, facts: Facts, now_s: float) -> Malform:
        return Malform(self.body)
