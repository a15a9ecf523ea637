"""``log-insert``: events appear in the middle of the log, and nothing says so (R76)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gapless.simserver.faults.base import ServerFault
from gapless.simserver.faults.match import Facts
from gapless.simserver.faults.verdicts import Insert


class LogInsert(ServerFault):
    """The events are back-filled from elsewhere. They are published to nobody. Later events move to higher indices.

    events: how many are inserted; before_last: how many events of the log follow them.
    """

    kind: Literal["log-insert"] = "log-insert"
    events: Annotated[int, Field(ge=1, le=1000)] = 1
    before_last: Annotated[int, Field(ge=0)] = 5

    def decide(self, facts: Facts, now_s: float) -> Insert:
        return Insert(self.events, self.before_last)
