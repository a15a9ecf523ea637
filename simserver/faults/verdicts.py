"""What a fault can ask for. Only `gapless.simserver.link` and those it hands a verdict to act on them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

When = Literal["before", "after"]
BodyShape = Literal["truncated", "not-json", "wrong-shape"]
TailKind = Literal["stats", "log"]


@dataclass(frozen=True, slots=True)
class Drop:
    """Never write this frame, or ``half`` its text, which nobody can read; the socket stays open."""

    leaves: Literal["nothing", "half"] = "nothing"


@dataclass(frozen=True, slots=True)
class Delay:
    """Write this frame delay_s later; others overtake it."""

    delay_s: float


@dataclass(frozen=True, slots=True)
class Duplicate:
    """Write this frame ``copies`` more times, gap_s apart."""

    copies: int
    gap_s: float


@dataclass(frozen=True, slots=True)
class Hold:
    """Write this frame when ``after`` later frames have passed, or hold_s later at the latest."""

    after: int
    hold_s: float


@dataclass(frozen=True, slots=True)
class Stall:
    """Deliver nothing on the connection for stall_s, this frame included."""

    stall_s: float


@dataclass(frozen=True, slots=True)
class Reset:
    """Reset the connection before or after this frame is written."""

    when: When


@dataclass(frozen=True, slots=True)
class Close:
    """Close the socket with a code before or after this frame is written."""

    code: int
    when: When


@dataclass(frozen=True, slots=True)
class Refuse:
    """Answer the handshake with an HTTP status; None refuses the connection itself."""

    status: int | None


@dataclass(frozen=True, slots=True)
class Slow:
    """Delay each chunk on the connection by latency_s and up to jitter_s more, in order."""

    latency_s: float
    jitter_s: float


@dataclass(frozen=True, slots=True)
class AnswerWith:
    """Do not perform the call; answer with this status."""

    status: int
    retry_after_s: float | None


@dataclass(frozen=True, slots=True)
class Hang:
    """Perform the call, and answer hang_s later."""

    hang_s: float


@dataclass(frozen=True, slots=True)
class Malform:
    """Perform the call, and spoil the body of the answer."""

    body: BodyShape


@dataclass(frozen=True, slots=True)
class ForgetCursor:
    """Perform the search as if its cursor were unknown."""


@dataclass(frozen=True, slots=True)
class PersistLate:
    """Publish the event now, and persist it lag_s later; what is produced meanwhile waits behind it."""

    lag_s: float


@dataclass(frozen=True, slots=True)
class PersistNever:
    """Publish the event, and never persist it."""


@dataclass(frozen=True, slots=True)
class Corrupt:
    """Persist the event so that it cannot be read again: it is counted, and never returned."""


@dataclass(frozen=True, slots=True)
class Flood:
    """Publish ``frames`` token deltas of size_bytes each right before the event; no log holds them."""

    frames: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Veto:
    """Do not let the run end: after_s later it goes on, with ``actions`` more actions, step_s before each event."""

    after_s: float
    actions: int
    step_s: float


@dataclass(frozen=True, slots=True)
class AppendLater:
    """Persist ``events`` more events, the first after_s after the final snapshot."""

    after_s: float
    events: int
    what: TailKind


@dataclass(frozen=True, slots=True)
class Stale:
    """Make the snapshot say what was so stale_s ago."""

    stale_s: float


@dataclass(frozen=True, slots=True)
class Throttle:
    """Let no more than bytes_per_s through, in each direction of the connection."""

    bytes_per_s: float


@dataclass(frozen=True, slots=True)
class HalfOpen:
    """Let every byte on the connection vanish from now on, in both directions."""


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    """Leave the socket open, and publish nothing on it any more, this frame included."""


@dataclass(frozen=True, slots=True)
class Cut:
    """Write the first half of this frame, then break the connection."""


@dataclass(frozen=True, slots=True)
class RestartServer:
    """Close everything, be gone for down_s, come back with the log; with an older leaf, if leaf_lags."""

    down_s: float
    leaf_lags: bool = False


@dataclass(frozen=True, slots=True)
class Truncate:
    """Lose the last ``events`` of the log; all of it when None."""

    events: int | None


@dataclass(frozen=True, slots=True)
class StepClock:
    """Put the server's clock forward by step_s, or back."""

    step_s: float


@dataclass(frozen=True, slots=True)
class CoarsenClock:
    """Round timestamps down to multiples of resolution_s."""

    resolution_s: float


@dataclass(frozen=True, slots=True)
class ResetCall:
    """Break the connection before the call is performed, or after, instead of answering."""

    when: When


@dataclass(frozen=True, slots=True)
class StaleView:
    """Perform the call on the log as it was lag_s ago."""

    lag_s: float


@dataclass(frozen=True, slots=True)
class CapPage:
    """Show at most items_max items on the page."""

    items_max: int


@dataclass(frozen=True, slots=True)
class LoopCursor:
    """Let the page name itself as the next one."""


@dataclass(frozen=True, slots=True)
class EmptyPage:
    """Show no item, and name the cursor that was asked for as the next page."""


FaultVerdict = (
    Drop
    | Delay
    | Duplicate
    | Hold
    | Stall
    | Reset
    | Close
    | Refuse
    | Slow
    | AnswerWith
    | Hang
    | Malform
    | ForgetCursor
    | PersistLate
    | PersistNever
    | Corrupt
    | Flood
    | Veto
    | AppendLater
    | Stale
    | Throttle
    | HalfOpen
    | Unsubscribe
    | Cut
    | RestartServer
    | Truncate
    | StepClock
    | CoarsenClock
    | ResetCall
    | StaleView
    | CapPage
    | LoopCursor
    | EmptyPage
)
