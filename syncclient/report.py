"""What the client reports: complete or not, by which proof, what is missing, what it cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Proof = Literal["seq", "chain", "count", "echo", "none"]
"""The certificate of completeness; see `gapless.syncclient.log.proof`."""


Coverage = Literal["branch", "log"]
"""What is complete: `branch` is messages, actions and observations; `log` includes state updates."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Events known to be missing, between `after_id` (None: the log's head) and `before_id` (None: the log's tail)."""

    after_id: str | None
    before_id: str | None


@dataclass(frozen=True, slots=True)
class Range:
    """Events proven held, from `first_id` through `last_id` in the order of the log, and the proof."""

    first_id: str
    last_id: str
    proof: Proof
    covers: Coverage


@dataclass(frozen=True, slots=True)
class Unloaded:
    """Events held without their payload: their number, the first and the last in the order of the log."""

    first_id: str
    last_id: str
    events: int


@dataclass(frozen=True, slots=True)
class Spent:
    """What the client has spent since the conversation was opened."""

    calls: int = 0
    """GETs for events, their number or the conversation. The POSTs of `send()` and `run()` do not count."""
    failed_calls: int = 0
    body_bytes: int = 0
    """Size of the bodies of usable answers, in bytes."""
    connections: int = 0
    """WebSocket connections opened or tried."""


@dataclass(frozen=True, slots=True)
class SyncReport:
    """What the client knows at one moment. Immutable.

    `complete` is true only if all events that `covers` includes are proven held, from the attach up to this moment.
    History that the attach left unread is listed in `gaps` and does not make a report incomplete.
    """

    status: str
    """The execution status that ended the run, or the last one known."""
    error: str | None
    """The detail of the run's error event, if the run ended in `error` or `stuck` and had one (R22)."""
    complete: bool
    covers: Coverage
    proof: Proof
    """The certificate of what `covers` includes; `none` without one.

    Where `covers` is less than was asked for, `complete` is false all the same.
    """
    gaps: tuple[Gap, ...]
    ranges: tuple[Range, ...]
    """What is proven, and by which proof, in the order of the log."""
    held_events: int
    unloaded: tuple[Unloaded, ...]
    """Events held without a payload in memory, in the order of the log. `history()` reads them again."""
    repaired_events: int
    skipped_frames: int
    spent: Spent
    notes: tuple[str, ...]
    """Everything unusual. A bound that was reached is mentioned by its name."""
