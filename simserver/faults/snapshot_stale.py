"""``snapshot-stale``: a snapshot says what was so a while ago (R36)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gapless.simserver.faults.base import BaseFault
from gapless.simserver.faults.match import Facts
from gapless.simserver.faults.verdicts import Stale


class SnapshotStale(BaseFault):
    """stale_s: how old the status, the leaf and the last message in it are. ``match.connection`` means the snapshot
    that greets that socket; without it the final ones of runs are meant too. A snapshot that is right but late is an
    `event-delay`, one that is missing an `event-drop`, both with ``match.snapshot``."""

    place = "snapshot"

    kind: Literal["snapshot-stale"] = "snapshot-stale"
    stale_s: Annotated[float, Field(gt=0, allow_inf_nan=False)]

    def decide(self, facts: Facts, now_s: float) -> Stale:
        return Stale(self.stale_s)
