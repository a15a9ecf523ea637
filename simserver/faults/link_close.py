"""``link-close``: the server closes the socket with a code (1012 restart, 1013 slow consumer, 4001 bad key, …)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from gapless.simserver.faults.base import TriggeredFault
from gapless.simserver.faults.match import Facts
from gapless.simserver.faults.verdicts import Close, When


def _sendable(code: int) -> int:
    if code in {1004, 1005, 1006, 1015} or 1016 <= code < 3000:
        raise ValueError(
            f"{code} is reserved and cannot be sent (RFC 6455, 7.4); use link-reset for a loss without a code"
        )
    return code


class LinkClose(TriggeredFault):
    """The server closes the socket of the matching frame, or every open socket at ``at_s``.

    code: the WebSocket close code; when: ``before`` closes the socket in place of the matching frame, ``after`` writes
    the frame first.
    """

    kind: Literal["link-close"] = "link-close"
    code: Annotated[int, Field(ge=1000, le=4999), AfterValidator(_sendable)] = 1012
    when: When = "before"

    def decide(self, facts: Facts, now_s: float) -> Close:
        return Close(self.code, self.when)
