"""``link-handshake-hang``: the connection is accepted, but the handshake is not answered for a while (R41)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gapless.simserver.faults.base import BaseFault
from gapless.simserver.faults.match import Facts
from gapless.simserver.faults.verdicts import Hang


class LinkHandshakeHang(BaseFault):
    """A client that leaves before the answer is never subscribed.

    hang_s: virtual seconds until the handshake is answered.
    """

    place = "handshake"

    kind: Literal["link-handshake-hang"] = "link-handshake-hang"
    hang_s: Annotated[float, Field(gt=0, allow_inf_nan=False)]

    def concerns(self, facts: Facts) -> bool:
        return facts.place == "handshake" and facts.aspect == "upgrade"

    def decide(self, facts: Facts, now_s: float) -> Hang:
        return Hang(self.hang_s)
