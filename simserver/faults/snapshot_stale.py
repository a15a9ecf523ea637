"""``snapshot-stale``: a snapshot reports an older state of the conversation (R36)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gapless.simserver.faults.base import BaseFault
from gapless.simserver.faults.match import Facts
from gapless.simserver.faults.verdicts import Stale


class SnapshotStale(BaseFault):
    """With ``match.connection`` the fault acts on the snapshot that greets that socket, otherwise also on the final
    snapshots of runs. For a snapshot that is correct but late use `event-delay`, and for a missing one `event-drop`,
    both with ``match.snapshot``.

    stale_s: how old the status, the leaf and the last message in the snapshot are, in virtual seconds.
    """

    place = "snapshot"

    kind: Literal["snapshot-stale"] = "snapshot-stale"
    stale_s: Annotated[float, Field(gt=0, allow_inf_nan=False)]

    def decide(self, facts: Facts, now_s: float) -> Stale:
        return Stale(self.stale_s)
