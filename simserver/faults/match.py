"""When a fault acts: a rule (`Match`) over `Facts`.

The facts describe a frame, a REST call, a handshake or a connection; or what the server itself does, which is to append
an event, end a run, take a snapshot, or run.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

FaultPlace = Literal["frame", "call", "handshake", "connection", "append", "ending", "snapshot", "server"]
CallName = Literal[
    "search", "count", "event", "conversation", "create", "message", "run", "pause", "interrupt", "delete"
]


@dataclass(frozen=True, slots=True)
class Facts:
    """What a rule may look at.

    place: what the facts describe; target: its name in the journal; cursor: the ``page_id`` of a search; aspect: which
    step of a handshake or of a run's end it is, or what the connection carries; unread_frames: how many frames the
    subscriber has not read yet. The other fields are as in `Match`, and None where they have no meaning.
    """

    place: FaultPlace
    target: str
    connection: int | None = None
    kind: str | None = None
    key: str | None = None
    status: str | None = None
    tool: str | None = None
    durable: bool | None = None
    snapshot: bool | None = None
    call: str | None = None
    cursor: str | None = None
    aspect: Literal["dial", "upgrade", "socket", "rest", "finishing", "ended"] | None = None
    unread_frames: int = 0


def _listed(value: Any) -> Any:
    return (value,) if isinstance(value, str | int) and not isinstance(value, bool) else value


Texts = Annotated[tuple[str, ...], BeforeValidator(_listed), Field(min_length=1)]
Ordinals = Annotated[tuple[Annotated[int, Field(ge=1)], ...], BeforeValidator(_listed), Field(min_length=1)]
Calls = Annotated[tuple[CallName, ...], BeforeValidator(_listed), Field(min_length=1)]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]

# The fields that have a meaning at each place. Any other is an error, because the fault could never fire.
_ANYWHERE = frozenset({"nth", "after_s", "before_s", "probability"})
_MEANINGFUL: dict[FaultPlace, frozenset[str]] = {
    "frame": _ANYWHERE | {"kind", "key", "status", "tool", "durable", "snapshot", "connection"},
    "call": _ANYWHERE | {"call"},
    "handshake": _ANYWHERE | {"connection"},
    "connection": _ANYWHERE | {"connection"},
    "append": _ANYWHERE | {"kind", "key", "status", "tool"},
    "ending": _ANYWHERE | {"status"},
    "snapshot": _ANYWHERE | {"status", "connection"},
    "server": frozenset({"probability"}),
}


class Match(BaseModel):
    """All conditions that are given must hold. A single word may stand for a list of one.

    kind, key, tool: of the event; status: execution status in a snapshot or a status update; durable: whether the event
    is in the log; snapshot: whether it is a ``full_state``; connection: the nth handshake of a socket; call: the REST
    call; nth: ordinals, from 1, among all that matches otherwise; after_s, before_s: a window in virtual seconds since
    the world began, which includes ``after_s`` and excludes ``before_s``; probability: of acting on what matches, drawn
    from the fault's own stream.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Texts | None = None
    key: Texts | None = None
    status: Texts | None = None
    tool: Texts | None = None
    durable: bool | None = None
    snapshot: bool | None = None
    connection: Ordinals | None = None
    call: Calls | None = None
    nth: Ordinals | None = None
    after_s: Seconds = 0.0
    before_s: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    probability: Annotated[float, Field(gt=0, le=1)] = 1.0

    @model_validator(mode="after")
    def _consistent(self) -> Match:
        if self.before_s is not None and self.before_s <= self.after_s:
            raise ValueError(f"before_s ({self.before_s}) must be later than after_s ({self.after_s})")
        if self.snapshot and self.durable:
            raise ValueError("a snapshot is never durable: drop one of `snapshot` and `durable`")
        return self

    def meaningless_at(self, place: FaultPlace) -> list[str]:
        """The given fields that have no meaning at a place."""
        return sorted(self.model_fields_set - _MEANINGFUL[place])

    def open_at(self, now_s: float) -> bool:
        """Whether a time is in the window."""
        return self.after_s <= now_s and (self.before_s is None or now_s < self.before_s)

    def fits(self, facts: Facts) -> bool:
        """Whether every condition holds, apart from the window, ``nth`` and ``probability``."""
        return (
            (self.kind is None or facts.kind in self.kind)
            and (self.key is None or facts.key in self.key)
            and (self.status is None or facts.status in self.status)
            and (self.tool is None or facts.tool in self.tool)
            and (self.durable is None or facts.durable == self.durable)
            and (self.snapshot is None or facts.snapshot == self.snapshot)
            and (self.connection is None or facts.connection in self.connection)
            and (self.call is None or facts.call in self.call)
        )
