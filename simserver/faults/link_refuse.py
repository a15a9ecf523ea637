"""``link-refuse``: the handshake of a socket is refused (R41)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gapless.simserver.faults.base import BaseFault
from gapless.simserver.faults.match import Facts
from gapless.simserver.faults.verdicts import Refuse


class LinkRefuse(BaseFault):
    """status: the HTTP status that answers the handshake. Without it, the connection itself is refused; on a real port
    it is reset before any answer.
    """

    place = "handshake"

    kind: Literal["link-refuse"] = "link-refuse"
    status: Annotated[int, Field(ge=400, le=599)] | None = None

    def concerns(self, facts: Facts) -> bool:
        # Dialing and upgrading are two steps of one handshake. With a status the fault acts at the upgrade.
        return facts.place == "handshake" and (facts.aspect == "dial") == (self.status is None)

    def decide(self, facts: Facts, now_s: float) -> Refuse:
        return Refuse(self.status)
