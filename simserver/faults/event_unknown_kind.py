"""``event-unknown-kind``: an event is of a kind that no client knows (R73)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gapless.simserver.faults.base import BaseFault
from gapless.simserver.faults.match import Facts
from gapless.simserver.faults.verdicts import ChangeKind


class EventUnknownKind(BaseFault):
    """A newer server than the client sends the event. It is persisted as any other, and becomes the leaf.

    new_kind: the kind that the event has instead of its own.
    """

    place = "append"

    kind: Literal["event-unknown-kind"] = "event-unknown-kind"
    new_kind: Annotated[str, Field(min_length=1, max_length=60)] = "HologramEvent"

    def decide(self, facts: Facts, now_s: float) -> ChangeKind:
        return ChangeKind(self.new_kind)
