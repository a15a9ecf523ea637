"""``log-truncate``: the log loses its last events or all of them, as when a backup is restored (R60)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gapless.simserver.faults.base import ServerFault
from gapless.simserver.faults.match import Facts
from gapless.simserver.faults.verdicts import Truncate


class LogTruncate(ServerFault):
    """Nothing is published. Later events get new ids, and the log indices of the lost ones.

    events: how many of the last events are lost; all of them when it is left out.
    """

    kind: Literal["log-truncate"] = "log-truncate"
    events: Annotated[int, Field(ge=1)] | None = None

    def decide(self, facts: Facts, now_s: float) -> Truncate:
        return Truncate(self.events)
