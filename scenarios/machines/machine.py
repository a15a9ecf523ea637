"""What the model asks of a client: a machine without I/O, told what happened, answering what it wants done.

Texts go in and come out as they would on the wire, so that a client's own codec takes part. `Machine` is what
`gapless.scenarios.clients.contract.ClientUnderTest` is at the wire level. A search copies machines, so they pickle.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from gapless.scenarios.clients.contract import Claim, GapIds

CallName = Literal["server_info", "search", "count", "conversation", "message", "run"]


# -- what a machine is told -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AttachStep:
    """Step of a script: attach."""


@dataclass(frozen=True, slots=True)
class SendStep:
    """Step of a script: send a user message."""

    text: str


@dataclass(frozen=True, slots=True)
class RunStep:
    """Step of a script: run."""


@dataclass(frozen=True, slots=True)
class GiveUp:
    """The step under way has hung for too long; nobody waits for it any more."""


@dataclass(frozen=True, slots=True)
class HandshakeDone:
    """The handshake of a socket is done."""

    socket: int


@dataclass(frozen=True, slots=True)
class SocketGone:
    """A socket is gone, or never came to be."""

    socket: int
    code: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class FrameArrived:
    """A frame came."""

    socket: int
    text: str


@dataclass(frozen=True, slots=True)
class CallAnswered:
    """A call was answered."""

    call: int
    status: int
    body: str
    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """A call came to nothing. was_sent: whether the server may have performed it."""

    call: int
    was_sent: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Timer:
    """The time that `wake_at_s` named has come."""


Input = (
    AttachStep
    | SendStep
    | RunStep
    | GiveUp
    | HandshakeDone
    | SocketGone
    | FrameArrived
    | CallAnswered
    | NoAnswer
    | Timer
)


# -- what a machine wants done ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DialSocket:
    """Open a socket; the session dialect takes ``after_seq``."""

    socket: int
    is_session: bool = False
    after_seq: int | None = None


@dataclass(frozen=True, slots=True)
class DropSocket:
    """Close a socket; nothing more is wanted from it."""

    socket: int


@dataclass(frozen=True, slots=True)
class RestCall:
    """A REST call. page_id, limit, descending: of a search; text: of a message."""

    call: int
    name: CallName
    page_id: str | None = None
    limit: int = 100
    descending: bool = False
    text: str = ""


@dataclass(frozen=True, slots=True)
class DeliverEvent:
    """An event reaches the application."""

    event_id: str
    is_repaired: bool


@dataclass(frozen=True, slots=True)
class StepDone:
    """The step is done; ``claim`` is what was said of a run."""

    claim: Claim | None = None


@dataclass(frozen=True, slots=True)
class StepError:
    """The step ended with an error of its own kind."""

    error: str
    message: str


Effect = DialSocket | DropSocket | RestCall | DeliverEvent | StepDone | StepError


@dataclass(frozen=True, slots=True)
class Manners:
    """How a client treats its connections; None where it has no such habit."""

    request_timeout_s: float
    handshake_timeout_s: float
    ping_interval_s: float | None = None
    ping_timeout_s: float | None = None
    frame_size_bytes_max: int = 1024 * 1024


class Machine(Protocol):
    """A client without I/O."""

    @property
    def wake_at_s(self) -> float:
        """When `Timer` is wanted; infinity for never."""
        ...

    def handle(self, told: Input, now_s: float) -> list[Effect]:
        """Take note of what happened, and say what to do."""
        ...

    def held(self) -> Sequence[str]:
        """The ids of the persisted events held, in the client's own order."""
        ...

    def gaps(self) -> Sequence[GapIds]:
        """The gaps that it declares."""
        ...
