"""What the client says of itself: complete or not, by which proof, what is missing, what it cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Proof = Literal["seq", "chain", "count", "echo", "none"]
"""The certificate behind a claim; see `gapless.syncclient.log.proof`."""


Coverage = Literal["branch", "log"]
"""What a claim is about: `branch` is messages, actions and observations; `log` is state updates too."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Events known to be missing: those between `after_id` and `before_id` (None: the log's head, or its tail)."""

    after_id: str | None
    before_id: str | None


@dataclass(frozen=True, slots=True)
class Range:
    """Events proven held, from `first_id` through `last_id` in the log's order, and the certificate that proves it."""

    first_id: str
    last_id: str
    proof: Proof
    covers: Coverage


@dataclass(frozen=True, slots=True)
class Unloaded:
    """`events` events held without their payload, from `first_id` through `last_id` in the order of the log."""

    first_id: str
    last_id: str
    events: int


@dataclass(frozen=True, slots=True)
class Spent:
    """What the client has spent since it was opened."""

    calls: int = 0
    """GETs for events or the conversation; the POSTs that send and run are not calls."""
    failed_calls: int = 0
    body_bytes: int = 0
    """Size of the bodies of usable answers."""
    connections: int = 0
    """WebSocket connections opened or tried."""


@dataclass(frozen=True, slots=True)
class SyncReport:
    """What the client knows at one moment. Immutable.

    `complete` is true only when everything that `covers` names is proven held from the attach up to this moment;
    history that was left unread at the attach stays listed in `gaps` and does not make a report incomplete.
    """

    status: str
    """The execution status that ended the run, or the last one known."""
    error: str | None
    """The detail of the run's error event, when it ended in `error` or `stuck` and there was one (R22)."""
    complete: bool
    covers: Coverage
    proof: Proof
    gaps: tuple[Gap, ...]
    ranges: tuple[Range, ...]
    """What is proven, and by what, in the order of the log."""
    held_events: int
    unloaded: tuple[Unloaded, ...]
    """Which of the events held have no payload in memory, in the order of the log; `history()` reads them again."""
    repaired_events: int
    skipped_frames: int
    spent: Spent
    notes: tuple[str, ...]
    """Everything out of the ordinary, each bound that was reached by its name."""
