"""``corrupt-record``: an event is persisted, but its record cannot be read again (R59)."""

from __future__ import annotations

from typing import Literal

from gapless.simserver.faults.base import BaseFault
from gapless.simserver.faults.match import Facts
from gapless.simserver.faults.verdicts import Corrupt


class CorruptRecord(BaseFault):
    """The event is published as usual. Pages, filters and replays skip it, but the unfiltered count counts it. After a
    reconnect its ``seq`` is missing on the session socket, and no call returns the event.

    until_restart: the record is good, and only the server's index misses it until the next restart (R85).
    """

    place = "append"

    kind: Literal["corrupt-record"] = "corrupt-record"
    until_restart: bool = False

    def decide(self, facts: Facts, now_s: float) -> Corrupt:
        return Corrupt(self.until_restart)
