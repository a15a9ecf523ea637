"""The one GET under way: what it is for, how often it was tried, when to try again. Pure state.

One at a time, so that a repair never races another and every answer has one reader.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from gapless.syncclient.log.walk import Walk

Purpose = Literal["attach", "repair", "status", "count", "history"]


@dataclass(slots=True)
class Exchange:
    """A GET, or a walk of them; times are the caller's clock, seconds."""

    purpose: Purpose
    begun_step: int
    """The core's step at which it was begun: what it says is no older."""
    deadline_s: float
    walk: Walk | None
    """The walk whose pages are fetched; None when the status or a count is asked for."""
    request: int = 0
    to_tail: bool = True
    """Whether the walk is to come to the log's tail, and so to prove it; else it may stop when nothing is missing."""
    held_events: int = 0
    """How many events were held when it was last asked: a count is compared with these, not with what came later."""
    unplaced_ids: tuple[str, ...] = ()
    """What was held without a proven place when it was begun: a walk to the tail shows it, or the log has it not."""
    failures: int = 0
    turns: int = 0
    """How often a walk from the tail was begun anew, because its cursor was unknown."""
    retry_at_s: float | None = None
