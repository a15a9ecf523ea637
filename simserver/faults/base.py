"""The base classes of all faults: a kind, a name, a rule, and one decision."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import BaseModel, ConfigDict, Field, model_validator

from gapless.simserver.faults.match import Facts, FaultPlace, Match
from gapless.simserver.faults.verdicts import FaultVerdict

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=60)]


class BaseFault(BaseModel):
    """A fault as data. kind: which fault it is; name: its kind and an ordinal by default; match: when it acts."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    place: ClassVar[FaultPlace]

    kind: str
    name: Name | None = None
    match: Match = Match()

    @model_validator(mode="after")
    def _match_fits_place(self) -> BaseFault:
        meaningless = self.match.meaningless_at(self.place)
        if meaningless:
            raise ValueError(
                f"match.{meaningless[0]} means nothing to a {self.kind} fault, which acts on a {self.place}"
            )
        return self

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


class TriggeredFault(BaseFault):
    """A fault of the link. It acts on a matching frame's socket, or on every open socket at a set time.

    at_s: the time, in virtual seconds since the world began; None to act on matching frames.
    """

    place = "frame"

    at_s: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None

    @model_validator(mode="after")
    def _one_trigger(self) -> TriggeredFault:
        if self.at_s is not None and self.match.model_fields_set - {"probability", "connection"}:
            raise ValueError("at_s and match both say when: keep one (match.connection and match.probability may stay)")
        return self

    def concerns(self, facts: Facts) -> bool:
        return facts.place == ("frame" if self.at_s is None else "connection")


class ServerFault(BaseFault):
    """A fault of the server itself. at_s: when it acts, in virtual seconds since the world began."""

    place = "server"

    at_s: Annotated[float, Field(ge=0, allow_inf_nan=False)]
