"""What is said about the end of a run, and what to make of it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from gapless.syncclient.core.authority import EvidenceSource, can_be_vetoed
from gapless.syncclient.core.runs.phases import is_terminal


@dataclass(frozen=True, slots=True)
class Ending:
    """A report that a run is over; `asked_step` is when it was asked for, and `source` who says so."""

    status: str
    leaf_id: str | None
    knows_leaf: bool
    asked_step: int
    timestamp: str = ""
    """When it was said, by the server's clock, where that is known."""
    source: EvidenceSource = EvidenceSource.STATUS
    heard_step: int = 0
    """When it was heard, or believed."""
    is_told_again: bool = False
    """Whether it is told again, after the time in which a veto would have come."""

    @property
    def is_final(self) -> bool:
        """Whether it is what is published when a run has ended."""
        return not can_be_vetoed(self.source)

    @property
    def is_settled(self) -> bool:
        """Whether no stop hook can veto it any more: hooks are asked when the agent says that it has finished."""
        return self.is_final or (self.status != "finished" and is_terminal(self.status))


@dataclass(frozen=True, slots=True)
class EndUpdate:
    """A state update that says that a run is over; `event_id` is the update, where one told it."""

    status: str
    at_s: float
    heard_step: int
    event_id: str | None
    timestamp: str = ""
    """When it happened, by the server's clock, where that is known."""


@dataclass(frozen=True, slots=True)
class Span:
    """A run as the log has it: its terminal status, and what its error event said; nothing, where it has another's."""

    status: str | None
    error: str | None


class Belief(Enum):
    """What to make of an `Ending`."""

    OURS = "ours"
    STALE = "stale"
    UNVERIFIED_END = "unverified-end"
    WAIT = "wait"
    """Nothing shows yet that our run has begun, or the leaf is not here yet: both may come."""
