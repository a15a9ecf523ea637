"""``link-refuse``: the handshake is refused (R41)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gapless.simserver.faults.base import BaseFault
from gapless.simserver.faults.match import Facts
from gapless.simserver.faults.verdicts import Refuse


class LinkRefuse(BaseFault):
    """status: the HTTP answer to the handshake; left out, the connection itself is refused (in memory only)."""

    place = "handshake"

    kind: Literal["link-refuse"] = "link-refuse"
    status: Annotated[int, Field(ge=400, le=599)] | None = None

    def concerns(self, facts: Facts) -> bool:
        # Dialling and upgrading are two moments of one handshake; a fault acts at one of them.
        return facts.place == "handshake" and (facts.aspect == "dial") == (self.status is None)

    def decide(self, facts: Facts, now_s: float) -> Refuse:
        return Refuse(self.status)
