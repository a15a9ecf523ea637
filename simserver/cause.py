"""What happens first, so that something else may happen: a moment of the agent's runs, of the script, or of a fault.

A client's speed moves every second on the clock after its first step. It does not move what causes what. So a fault,
and what other parties do, is aimed by a `Cause`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

StepName = Literal[
    "attach",
    "send",
    "run",
    "history",
    "pause",
    "interrupt",
    "confirm",
    "reject",
    "answer",
    "navigate",
    "delete",
    "fork",
    "close",
    "sleep",
    "restart",
    "suspend",
    "disconnect",
    "heal",
    "reopen",
    "wait_for_end",
]
ClientNumber = Literal[1, 2]
Moment = tuple[str | int, ...]
"""A moment as a key, such as ``("run", 1, "begins")``, ``("run", 1, 3)``, ``("step", "send", 1, "called")`` or
``("fault", name)``. A step of the second client has its number as one item more."""


class StepOfScript(BaseModel):
    """A step of the script. nth: which of the steps of that name; any when it is left out. client: in whose script.

    Most steps are asked of the client. The others are ``sleep``, ``restart``, ``suspend``, ``disconnect``, ``heal``,
    ``reopen`` and ``wait_for_end``: nothing is asked of it in them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    name: StepName
    nth: Annotated[int, Field(ge=1)] | None = None
    client: ClientNumber = 1

    def __str__(self) -> str:
        told = [] if self.nth is None else [f"nth = {self.nth}"]
        told += [] if self.client == 1 else [f"client = {self.client}"]
        return f"{self.name} ({', '.join(told)})" if told else self.name


def _step(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


StepField = Annotated[StepOfScript, BeforeValidator(_step, json_schema_input_type=StepOfScript | StepName)]
FaultName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=60)]
DelaySeconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Cause(BaseModel):
    """A moment, and a delay after it.

    run: the nth run of the agent, from 1, whoever asked for it, together with one of the next three; begins: it was
    accepted; ends: its final snapshot was published; event: it has added its nth event to the log, where the first is
    the status ``running``; step: this step of the script began, by default the first of that name; returned: the step
    has ended instead; after_fault: this fault has struck for the first time; delay_s: virtual seconds after the moment.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    run: Annotated[int, Field(ge=1)] | None = None
    begins: Literal[True] | None = None
    ends: Literal[True] | None = None
    event: Annotated[int, Field(ge=1)] | None = None
    step: StepField | None = None
    returned: Literal[True] | None = None
    after_fault: FaultName | None = None
    delay_s: DelaySeconds = 0.0

    @model_validator(mode="after")
    def _one_moment(self) -> Cause:
        given = [name for name in ("run", "step", "after_fault") if getattr(self, name) is not None]
        if len(given) != 1:
            told = f"{' and '.join(given)} are given" if given else "none is"
            raise ValueError(f"a cause is one of run, step and after_fault, and {told}: keep or add one")
        which = [name for name in ("begins", "ends", "event") if getattr(self, name) is not None]
        if self.run is not None and len(which) != 1:
            raise ValueError("run needs one of `begins = true`, `ends = true` and `event = n`: say which moment of it")
        if self.run is None and which:
            raise ValueError(f"{which[0]} is a moment of a run: add `run = n`, or drop it")
        if self.returned is not None and self.step is None:
            raise ValueError("returned is about a step: add `step = …`, or drop it")
        return self

    @property
    def moment(self) -> Moment:
        """The moment as a key."""
        if self.run is not None:
            return ("run", self.run, self.event or ("ends" if self.ends else "begins"))
        if self.step is not None:
            what = "returned" if self.returned else "called"
            return step_moment(self.step.name, self.step.nth or 1, what, self.step.client)
        return ("fault", str(self.after_fault))

    def __str__(self) -> str:
        return described(self.moment)


def step_moment(name: str, nth: int, what: str, client: int) -> Moment:
    """A moment of a step as a key. what: ``called`` or ``returned``."""
    return ("step", name, nth, what) if client == 1 else ("step", name, nth, what, client)


def described(moment: Moment) -> str:
    """A moment in words."""
    match moment:
        case ("run", number, "begins"):
            return f"the beginning of run {number}"
        case ("run", number, "ends"):
            return f"the end of run {number}"
        case ("run", number, event):
            return f"event {event} of run {number}"
        case ("step", name, nth, what):
            return f"step {name!r} ({ordinal(int(nth))}) being {what}"
        case ("step", name, nth, what, client):
            return f"step {name!r} ({ordinal(int(nth))}) of client {client} being {what}"
        case _:
            return f"the fault {moment[1]!r}"


def ordinal(number: int) -> str:
    """``1st``, ``2nd``, …"""
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"
