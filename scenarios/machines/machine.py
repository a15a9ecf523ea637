"""The interface of a client without I/O: a machine that takes inputs and returns effects.

`Machine` is the counterpart of `gapless.scenarios.clients.contract.ClientUnderTest`. Frames and
bodies are texts, as on the wire, so the client's own codec is used. A machine can be pickled, because a search copies
it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from gapless.scenarios.clients.contract import Claim, GapIds

CallName = Literal["server_info", "search", "count", "conversation", "message", "run"]


# -- inputs -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AttachStep:
    """The script calls ``attach()``."""


@dataclass(frozen=True, slots=True)
class SendStep:
    """The script calls ``send()`` with a user message."""

    text: str


@dataclass(frozen=True, slots=True)
class RunStep:
    """The script calls ``run()``."""


@dataclass(frozen=True, slots=True)
class StepCanceled:
    """The current step of the script has taken too long and is canceled."""


@dataclass(frozen=True, slots=True)
class HandshakeDone:
    """The handshake of a socket has succeeded."""

    socket: int


@dataclass(frozen=True, slots=True)
class SocketGone:
    """A socket was closed or lost, or its handshake failed. ``code``: the close code; None if there was none."""

    socket: int
    code: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class FrameArrived:
    """A frame arrived."""

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
    """A call failed without an answer. ``was_sent``: whether the server may have performed it."""

    call: int
    was_sent: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Timer:
    """The time `Machine.wake_at_s` is reached."""


Input = (
    AttachStep
    | SendStep
    | RunStep
    | StepCanceled
    | HandshakeDone
    | SocketGone
    | FrameArrived
    | CallAnswered
    | NoAnswer
    | Timer
)


# -- effects ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DialSocket:
    """Open a socket. ``after_seq``: the parameter of a session socket; None for live events only."""

    socket: int
    is_session: bool = False
    after_seq: int | None = None


@dataclass(frozen=True, slots=True)
class DropSocket:
    """Close a socket. Its frames are no longer wanted."""

    socket: int


@dataclass(frozen=True, slots=True)
class RestCall:
    """Make a REST call.

    ``call``: the number of the call, which comes back with the answer
    ``page_id``, ``limit``, ``descending``: the parameters of a search
    ``text``: the text of a message
    """

    call: int
    name: CallName
    page_id: str | None = None
    limit: int = 100
    descending: bool = False
    text: str = ""


@dataclass(frozen=True, slots=True)
class DeliverEvent:
    """Deliver an event to the application. ``is_repaired``: whether a repair brought it."""

    event_id: str
    is_repaired: bool


@dataclass(frozen=True, slots=True)
class StepDone:
    """The current step of the script has ended. ``claim``: the claim of ``run()``; None for other steps."""

    claim: Claim | None = None


@dataclass(frozen=True, slots=True)
class StepError:
    """The current step of the script has failed. ``error``: the name of the client's error class."""

    error: str
    message: str


Effect = DialSocket | DropSocket | RestCall | DeliverEvent | StepDone | StepError


class Machine(Protocol):
    """A client without I/O."""

    @property
    def wake_at_s(self) -> float:
        """The time of the next `Timer`, in seconds. Infinity for never."""
        ...

    def handle(self, told: Input, now_s: float) -> list[Effect]:
        """Process an input and return the effects."""
        ...

    def held(self) -> Sequence[str]:
        """The ids of the persisted events held, in the client's own order."""
        ...

    def gaps(self) -> Sequence[GapIds]:
        """The gaps that the client declares."""
        ...
