"""``rest-malformed``: a call is answered with a body that cannot be used (R56)."""

from __future__ import annotations

from typing import Literal

from gapless.simserver.faults.base import BaseFault
from gapless.simserver.faults.match import Facts
from gapless.simserver.faults.verdicts import BodyShape, Malform


class RestMalformed(BaseFault):
    """The call is performed, and its status is unchanged.

    body: ``truncated`` is the first half of the real answer, with a matching content-length; ``not-json`` is an HTML
    page of a proxy; ``wrong-shape`` is JSON of another shape.
    """

    place = "call"

    kind: Literal["rest-malformed"] = "rest-malformed"
    body: BodyShape = "truncated"

    def decide(self, facts: Facts, now_s: float) -> Malform:
        return Malform(self.body)
