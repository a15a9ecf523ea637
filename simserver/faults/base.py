"""The base classes of all faults: a kind, a name, a rule, and one decision."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import BaseModel, ConfigDict, Field, model_validator

from gapless.simserver.cause import Cause
from gapless.simserver.faults.match import Facts, FaultPlace, Match
from gapless.simserver.faults.verdicts import FaultVerdict

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=60)]


class BaseFault(BaseModel):
    """A fault as data. kind: which fault it is; name: its kind and an ordinal by default; match: when it acts."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)
    place: ClassVar[FaultPlace]

    kind: str
    name: Name | None = None
    match: Match = Match.model_construct()

    @model_validator(mode="after")
    def _match_fits_place(self) -> BaseFault:
        meaningless = self.match.meaningless_at(self.place)
        if meaningless:
            raise ValueError(
                f"match.{meaningless[0]} means nothing to a {self.kind} fault, which acts on a {self.place}: drop it"
            )
        return self

    def causing_faults(self) -> list[str]:
        """The names of the faults that must strike before this one acts."""
        causes = (getattr(self, "at", None), getattr(self, "until", None), self.match, self.match.until)
        return [one.after_fault for one in causes if one is not None and one.after_fault is not None]

    def concerns(self, facts: Facts) -> bool:
        """Whether the fault can act on this at all, whatever its rule says."""
        return facts.place == self.place

    def decide(self, facts: Facts, now_s: float) -> FaultVerdict:
        """The verdict on facts that match. ``now_s``: virtual seconds since the world began."""
        raise NotImplementedError


class EventFault(BaseFault):
    """A fault of the publisher. It acts on frames that carry an event, for each socket separately.

    A frame without an event, such as the session socket's first one, concerns only the faults of the link.
    """

    place = "frame"

    def concerns(self, facts: Facts) -> bool:
        return facts.place == "frame" and facts.durable is not None


AtSeconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class TriggeredFault(BaseFault):
    """A fault of the link. It acts on a matching frame's socket, or on every open socket at a moment.

    at: the moment, by its cause; at_s: the moment as virtual seconds since the world began; neither, to act on matching
    frames.
    """

    place = "frame"

    at: Cause | None = None
    at_s: AtSeconds | None = None

    @model_validator(mode="after")
    def _one_trigger(self) -> TriggeredFault:
        name = _moment_of(self.at, self.at_s)
        if name is not None and self.match.model_fields_set - {"probability", "connection", "client"}:
            may_stay = "match.connection, match.client and match.probability may stay"
            raise ValueError(f"{name} and match both say when: keep one ({may_stay})")
        return self

    @property
    def is_timed(self) -> bool:
        """Whether it acts at a moment, and not on frames."""
        return self.at is not None or self.at_s is not None

    def concerns(self, facts: Facts) -> bool:
        return facts.place == ("connection" if self.is_timed else "frame")


class ServerFault(BaseFault):
    """A fault of the server itself.

    at: the moment at which it acts, by its cause; at_s: the moment as virtual seconds since the world began.
    """

    place = "server"

    at: Cause | None = None
    at_s: AtSeconds | None = None

    @model_validator(mode="after")
    def _at_one_moment(self) -> ServerFault:
        if _moment_of(self.at, self.at_s) is None:
            raise ValueError(f"a {self.kind} fault acts at a moment: add `at = {{ … }}`, its cause")
        return self


def _moment_of(at: Cause | None, at_s: float | None) -> str | None:
    if at is not None and at_s is not None:
        raise ValueError("at names a cause and at_s a second on the clock, and both say when: keep at")
    return "at" if at is not None else "at_s" if at_s is not None else None
