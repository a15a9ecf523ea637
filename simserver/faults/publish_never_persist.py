"""``publish-never-persist``: an event is sent on the sockets, but is never in the log, as its append fails (R53)."""

from __future__ import annotations

from typing import Literal

from gapless.simserver.faults.base import BaseFault
from gapless.simserver.faults.match import Facts
from gapless.simserver.faults.verdicts import PersistNever


class PublishNeverPersist(BaseFault):
    """The event does not become the leaf. The session socket sends it as transient."""

    place = "append"

    kind: Literal["publish-never-persist"] = "publish-never-persist"

    def decide(self, facts: Facts, now_s: float) -> PersistNever:
        return PersistNever()
