"""What a fault can ask for: one class for each verdict.

A fault only returns a verdict. `gapless.simserver.link` hands it to the caller that asked, which acts on it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

When = Literal["before", "after"]
BodyShape = Literal["truncated", "not-json", "wrong-shape"]
TailKind = Literal["stats", "log"]
ItemShape = Literal["null", "text", "no-id"]
ProxyAnswer = Literal["redirect", "html"]


@dataclass(frozen=True, slots=True)
class Drop:
    """Never write this frame, or with ``half`` only the first half of its text. The socket stays open."""

    leaves: Literal["nothing", "half"] = "nothing"


@dataclass(frozen=True, slots=True)
class Delay:
    """Write this frame ``delay_s`` later. Later frames do not wait for it.

    until: the name of the fault, when it waits for the cause that the fault names instead.
    """

    delay_s: float
    until: str | None = None


@dataclass(frozen=True, slots=True)
class Duplicate:
    """Write this frame ``copies`` more times, ``gap_s`` apart. until: as in `Delay`, for the copies."""

    copies: int
    gap_s: float
    until: str | None = None


@dataclass(frozen=True, slots=True)
class Hold:
    """Write this frame after ``after`` later frames, or ``hold_s`` later if they do not come by then."""

    after: int
    hold_s: float


@dataclass(frozen=True, slots=True)
class Stall:
    """Deliver nothing on the connection for ``stall_s``, this frame included."""

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
    """Answer the handshake with an HTTP status. None refuses the connection itself."""

    status: int | None


@dataclass(frozen=True, slots=True)
class Slow:
    """Delay each chunk on the connection by ``latency_s`` and up to ``jitter_s`` more. Chunks stay in order."""

    latency_s: float
    jitter_s: float


@dataclass(frozen=True, slots=True)
class AnswerWith:
    """Do not perform the call, and answer with this status. retry_after_s: sent as Retry-After; None sends none."""

    status: int
    retry_after_s: float | None


@dataclass(frozen=True, slots=True)
class Hang:
    """Perform the call and answer ``hang_s`` later; or answer a handshake ``hang_s`` later."""

    hang_s: float


@dataclass(frozen=True, slots=True)
class Malform:
    """Perform the call, and make the body of its answer unusable."""

    body: BodyShape


@dataclass(frozen=True, slots=True)
class ForgetCursor:
    """Perform the search as if its cursor were unknown."""


@dataclass(frozen=True, slots=True)
class PersistLate:
    """Publish the event now, and persist it ``lag_s`` later. Events that follow it are persisted no earlier."""

    lag_s: float


@dataclass(frozen=True, slots=True)
class PersistNever:
    """Publish the event, but never persist it."""


@dataclass(frozen=True, slots=True)
class Corrupt:
    """Persist the event so that its record cannot be read again. It is counted, but never returned.

    until_restart: a restart reads the index anew, and the record can be read from then on.
    """

    until_restart: bool = False


@dataclass(frozen=True, slots=True)
class Flood:
    """Publish ``frames`` token deltas of ``size_bytes`` each right before the event. They are never persisted."""

    frames: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Veto:
    """Let the run go on ``after_s`` later, with ``actions`` more actions and ``step_s`` before each of its events."""

    after_s: float
    actions: int
    step_s: float


@dataclass(frozen=True, slots=True)
class AppendLater:
    """Persist ``events`` more events, ``after_s`` after the final snapshot."""

    after_s: float
    events: int
    what: TailKind


@dataclass(frozen=True, slots=True)
class Stale:
    """Let the snapshot report the state of ``stale_s`` ago."""

    stale_s: float


@dataclass(frozen=True, slots=True)
class Throttle:
    """Carry no more than ``bytes_per_s`` in each direction of the connection."""

    bytes_per_s: float


@dataclass(frozen=True, slots=True)
class HalfOpen:
    """Lose every byte on the connection from now on, in both directions."""


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    """Leave the socket open, but send nothing more on it, not even this frame."""


@dataclass(frozen=True, slots=True)
class Cut:
    """Write the first half of this frame, then break the connection."""


@dataclass(frozen=True, slots=True)
class RestartServer:
    """Close every connection, stay down for ``down_s``, and come back with the log. leaf_lags: with an older leaf.

    lease_s: how long after that the lease of the dead process hides the conversation.
    """

    down_s: float
    leaf_lags: bool = False
    lease_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Truncate:
    """Lose the last ``events`` events of the log, or all of them when None."""

    events: int | None


@dataclass(frozen=True, slots=True)
class StepClock:
    """Set the server's clock forward by ``step_s``, or back when it is negative."""

    step_s: float


@dataclass(frozen=True, slots=True)
class CoarsenClock:
    """Round timestamps down to multiples of ``resolution_s``."""

    resolution_s: float


@dataclass(frozen=True, slots=True)
class ResetCall:
    """Reset the connection instead of answering, before or after the call is performed."""

    when: When


@dataclass(frozen=True, slots=True)
class StaleView:
    """Perform the call on the log as it was ``lag_s`` ago."""

    lag_s: float


@dataclass(frozen=True, slots=True)
class CapPage:
    """Put at most ``items_max`` items and ``bytes_max`` bytes of events on the page, but at least one event."""

    items_max: int | None = None
    bytes_max: int | None = None


@dataclass(frozen=True, slots=True)
class LoopCursor:
    """Let the page name itself as the next page, or with a ``period`` of 2 the page that was asked for before it."""

    period: Literal[1, 2] = 1


@dataclass(frozen=True, slots=True)
class EmptyPage:
    """Put no items on the page, and let it name the cursor of the request as the next page, or with ``blank`` none."""

    blank: bool = False


@dataclass(frozen=True, slots=True)
class UpdateLater:
    """Publish the event again ``after_s`` later, under the same id and with newer content."""

    after_s: float


@dataclass(frozen=True, slots=True)
class StampLate:
    """Publish the event without its parent. The log has it."""


@dataclass(frozen=True, slots=True)
class ChangeKind:
    """Let the event be of another kind."""

    kind: str


@dataclass(frozen=True, slots=True)
class SpoilItem:
    """Perform the search, and put something in the place of one item that cannot be decoded."""

    item: int
    shape: ItemShape


@dataclass(frozen=True, slots=True)
class AnswerAsProxy:
    """Do not perform the call, and answer as a proxy does."""

    answer: ProxyAnswer


@dataclass(frozen=True, slots=True)
class Insert:
    """Insert ``events`` events before the last ``before_last`` events of the log, and tell nobody."""

    events: int
    before_last: int


@dataclass(frozen=True, slots=True)
class BreakWhenQuiet:
    """Reset the socket when nothing has been sent on it for ``quiet_s``."""

    quiet_s: float


@dataclass(frozen=True, slots=True)
class PutToSleep:
    """Take the runtime away for ``asleep_s``, or for good when None. wakes_on_write: count from the first write on."""

    asleep_s: float | None
    can_resume: bool
    wakes_on_write: bool


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
    | UpdateLater
    | StampLate
    | ChangeKind
    | SpoilItem
    | AnswerAsProxy
    | Insert
    | BreakWhenQuiet
    | PutToSleep
)
