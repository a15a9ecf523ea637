"""What a fault can ask for. Only `simserver.link` and those it hands a verdict to act on them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

When = Literal["before", "after"]
BodyShape = Literal["truncated", "not-json", "wrong-shape"]


@dataclass(frozen=True, slots=True)
class Drop:
    """Never write this frame; the socket stays open."""


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
class Answer:
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


Verdict = (
    Drop | Delay | Duplicate | Hold | Stall | Reset | Close | Refuse | Slow | Answer | Hang | Malform | ForgetCursor
)
