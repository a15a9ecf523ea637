"""``log-truncate``: the end of the log is gone, or the conversation was replaced (R60)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gapless.simserver.faults.base import ServerFault
from gapless.simserver.faults.match import Facts
from gapless.simserver.faults.verdicts import Truncate


class LogTruncate(ServerFault):
    """events: how many of the last events are lost, as when a backup is put back; left out, all of them. Nobody is
    told. New events get new ids, and the indices of those that are gone."""

    kind: Literal["log-truncate"] = "log-truncate"
    events: Annotated[int, Field(ge=1)] | None = None

    def decide(self, facts: Facts, now_s: float) -> Truncate:
        return Truncate(self.events)
