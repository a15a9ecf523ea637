"""``publish-never-persist``: an event is published, then its append fails (R53): no log will ever hold it."""

from __future__ import annotations

from typing import Literal

from gapless.simserver.faults.base import BaseFault
from gapless.simserver.faults.match import Facts
from gapless.simserver.faults.verdicts import PersistNever


class PublishNeverPersist(BaseFault):
    """The event is published, and is in no log; it never becomes the leaf, and a session socket calls it transient."""

    place = "append"

    kind: Literal["publish-never-persist"] = "publish-never-persist"

    def decide(self, facts: Facts, now_s: float) -> PersistNever:
        return PersistNever()
