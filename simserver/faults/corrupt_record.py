"""``corrupt-record``: an event is in the log and cannot be read again (R59): counted, never returned."""

from __future__ import annotations

from typing import Literal

from gapless.simserver.faults.base import BaseFault
from gapless.simserver.faults.match import Facts
from gapless.simserver.faults.verdicts import Corrupt


class CorruptRecord(BaseFault):
    """The event is published as usual; pages, filters and replays skip it, the unfiltered count counts it, and on the
    session socket its ``seq`` is a hole that no call can fill."""

    place = "append"

    kind: Literal["corrupt-record"] = "corrupt-record"

    def decide(self, facts: Facts, now_s: float) -> Corrupt:
        return Corrupt()
