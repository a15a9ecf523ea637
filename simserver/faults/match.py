"""When a fault acts: a rule (`Match`) over `Facts`.

The facts describe a frame, a REST call, a handshake or a connection; or what the server itself does, which is to append
an event, end a run, take a snapshot, or run.

A rule is about what causes what: the run that an event belongs to, the step that the client is in, the fault that has
struck before. A window on the clock is for what the clock itself causes, since the speed of a client moves everything
after its first step.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from gapless.simserver.cause import Cause, ClientNumber, FaultName, StepField, StepOfScript
from gapless.simserver.progress import Progress

FaultPlace = Literal["frame", "call", "handshake", "connection", "append", "ending", "snapshot", "server"]
Aspect = Literal["dial", "upgrade", "socket", "rest", "finishing", "ended"]
CallName = Literal[
    "search", "count", "event", "conversation", "create", "message", "run", "pause", "interrupt", "delete"
]


@dataclass(frozen=True, slots=True)
class Facts:
    """What a rule may look at.

    place: what the facts describe; target: its name in the journal; cursor: the ``page_id`` of a search; aspect: which
    step of a handshake or of a run's end it is, or what the connection carries; unread_frames: how many frames the
    subscriber has not read yet; idle_s: for how long nobody has used the connection that a call comes on; run: the run
    that an event or an ending belongs to, or ``now`` for the one in progress.
    The other fields are as in `Match`, and None where they have no meaning.
    """

    place: FaultPlace
    target: str
    connection: int | None = None
    client: int | None = None
    kind: str | None = None
    key: str | None = None
    status: str | None = None
    tool: str | None = None
    durable: bool | None = None
    snapshot: bool | None = None
    call: str | None = None
    cursor: str | None = None
    aspect: Aspect | None = None
    unread_frames: int = 0
    idle_s: float = 0.0
    run: int | Literal["now"] | None = "now"


def _listed(value: Any) -> Any:
    return (value,) if isinstance(value, str | int) and not isinstance(value, bool) else value


def _counted(value: Any) -> Any:
    """Ordinals from one number, a list, or a range ``{ from, to }``."""
    if isinstance(value, dict):
        first, last = value.get("from"), value.get("to")
        if value.keys() != {"from", "to"} or not isinstance(first, int) or not isinstance(last, int) or first > last:
            raise ValueError("a range has two ordinals, both included: write it as { from = 3, to = 9 }")
        if last > ORDINALS_MAX:
            raise ValueError(f"a range ends at {last}, and {ORDINALS_MAX} is the most: lower `to`")
        return tuple(range(first, last + 1))
    return _listed(value)


ORDINALS_MAX: Final = 10_000

Ordinal = Annotated[int, Field(ge=1)]
Texts = Annotated[tuple[str, ...], BeforeValidator(_listed), Field(min_length=1)]
Ordinals = Annotated[tuple[Ordinal, ...], BeforeValidator(_counted), Field(min_length=1)]
Calls = Annotated[tuple[CallName, ...], BeforeValidator(_listed), Field(min_length=1)]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]

WINDOW: Final = frozenset({"after_s", "before_s"})
CAUSES: Final = frozenset({"run", "between_runs", "step", "after_fault", "for_s", "until"})
COUNTS: Final = frozenset({"nth", "first"})
# The fields that have a meaning at each place. Any other is an error, because the fault could never fire.
_ANYWHERE = frozenset({"probability"}) | WINDOW | CAUSES | COUNTS
_MEANINGFUL: dict[FaultPlace, frozenset[str]] = {
    "frame": _ANYWHERE | {"kind", "key", "status", "tool", "durable", "snapshot", "connection", "client"},
    "call": _ANYWHERE | {"call", "client"},
    "handshake": _ANYWHERE | {"connection", "client"},
    "connection": _ANYWHERE | {"connection", "client"},
    "append": _ANYWHERE | {"kind", "key", "status", "tool"},
    "ending": _ANYWHERE | {"status"},
    "snapshot": _ANYWHERE | {"status", "connection", "client"},
    "server": frozenset({"probability"}),
}


class Match(BaseModel):
    """All conditions that are given must hold. A single word may stand for a list of one.

    kind, key, tool: of the event; status: execution status in a snapshot or a status update; durable: whether the event
    is in the log; snapshot: whether it is a ``full_state``; connection: the nth handshake of a socket; call: the REST
    call; client: the client whose socket or call it is, where the scenario has two, each of which counts its own
    handshakes; left out, it is either.

    run: the agent's nth run, from 1, whoever asked for it: the run that an event belongs to, or that is in progress
    when anything else happens, from its start to its final snapshot; between_runs: whether none is; step: the client is
    in this step of the script; after_fault: that fault has struck before; for_s: not longer ago than this, in virtual
    seconds; until: this cause has not come yet.

    nth: ordinals, from 1, among all that matches otherwise; first: the same for the first n; probability: of acting on
    what matches, drawn from the fault's own stream.

    after_s, before_s: a window in virtual seconds since the world began, which includes ``after_s`` and excludes
    ``before_s``. It is for what the clock itself causes.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    kind: Texts | None = None
    key: Texts | None = None
    status: Texts | None = None
    tool: Texts | None = None
    durable: bool | None = None
    snapshot: bool | None = None
    connection: Ordinals | None = None
    client: ClientNumber | None = None
    call: Calls | None = None
    run: Ordinals | None = None
    between_runs: bool | None = None
    step: StepField | None = None
    after_fault: FaultName | None = None
    for_s: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    until: Cause | None = None
    nth: Ordinals | None = None
    first: Ordinal | None = None
    after_s: Seconds = 0.0
    before_s: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    probability: Annotated[float, Field(gt=0, le=1)] = 1.0

    @model_validator(mode="after")
    def _consistent(self) -> Match:
        if self.before_s is not None and self.before_s <= self.after_s:
            raise ValueError(f"before_s ({self.before_s}) is not later than after_s ({self.after_s}): raise before_s")
        if self.snapshot and self.durable:
            raise ValueError("a snapshot is never durable: drop one of `snapshot` and `durable`")
        if self.nth is not None and self.first is not None:
            raise ValueError("nth and first both count: keep one")
        if self.run is not None and self.between_runs is not None:
            raise ValueError("run and between_runs both say which run: keep one")
        ends_at_once = self.until is not None and self.until.after_fault is not None and not self.until.delay_s
        if ends_at_once and self.until is not None and self.until.after_fault == self.after_fault:
            raise ValueError("after_fault and until name the same fault: drop one, or name another")
        if self.for_s is not None and self.after_fault is None:
            raise ValueError("for_s is counted from the fault that after_fault names: add after_fault, or drop for_s")
        if self.window and self.causes:
            raise ValueError(
                f"{self.window[0]} is a time on the clock and {self.causes[0]} is a cause, and both say when: drop "
                f"{self.window[0]}"
            )
        return self

    @property
    def window(self) -> list[str]:
        """The given fields that are a window on the clock."""
        return sorted(self.model_fields_set & WINDOW)

    @property
    def causes(self) -> list[str]:
        """The given fields that are causes."""
        return sorted(self.model_fields_set & CAUSES)

    def meaningless_at(self, place: FaultPlace) -> list[str]:
        """The given fields that have no meaning at a place."""
        return sorted(self.model_fields_set - _MEANINGFUL[place])

    def open_at(self, now_s: float) -> bool:
        """Whether a time is in the window."""
        return self.after_s <= now_s and (self.before_s is None or now_s < self.before_s)

    def fits(self, facts: Facts) -> bool:
        """Whether every condition about the facts alone holds. The others are the window, causes and counts."""
        return (
            (self.kind is None or facts.kind in self.kind)
            and (self.key is None or facts.key in self.key)
            and (self.status is None or facts.status in self.status)
            and (self.tool is None or facts.tool in self.tool)
            and (self.durable is None or facts.durable == self.durable)
            and (self.snapshot is None or facts.snapshot == self.snapshot)
            and (self.connection is None or facts.connection in self.connection)
            and (self.client is None or facts.client == self.client)
            and (self.call is None or facts.call in self.call)
        )

    def is_caused(self, facts: Facts, progress: Progress, now_s: float) -> bool:
        """Whether the run, the step and the earlier fault are those that the rule names."""
        run = progress.run if facts.run == "now" else facts.run
        return (
            (self.run is None or run in self.run)
            and (self.between_runs is None or (run is None) == self.between_runs)
            and (self.step is None or _is_in(progress.step_of(self.step.client), self.step))
            and (self.after_fault is None or self._has_struck(progress, now_s))
            and (self.until is None or not progress.is_past(self.until))
        )

    def _has_struck(self, progress: Progress, now_s: float) -> bool:
        struck_s = progress.struck_s(str(self.after_fault))
        return struck_s is not None and (self.for_s is None or now_s < struck_s + self.for_s)

    def counts(self, seen: int) -> bool:
        """Whether the fault acts on the nth of what matches otherwise."""
        return (self.nth is None or seen in self.nth) and (self.first is None or seen <= self.first)


def _is_in(current: tuple[str, int] | None, wanted: StepOfScript) -> bool:
    return current is not None and current[0] == wanted.name and wanted.nth in (None, current[1])
