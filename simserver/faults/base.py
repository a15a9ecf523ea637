"""What all faults have in common: a kind, a name, a rule, and one decision."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import BaseModel, ConfigDict, Field, model_validator

from gapless.simserver.faults.match import Facts, FaultPlace, Match
from gapless.simserver.faults.verdicts import FaultVerdict

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=60)]


class BaseFault(BaseModel):
    """A fault as data. name: defaults to its kind and an ordinal; match: when it acts."""

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
        """Can the fault act on this at all? Frames that carry no event concern link faults only."""
        return facts.place == self.place

    def decide(self, facts: Facts, now_s: float) -> FaultVerdict:
        """What to do about something that matches."""
        raise NotImplementedError


class EventFault(BaseFault):
    """A fault of the publisher: it acts on each frame that carries an event, for each subscription on its own."""

    place = "frame"

    def concerns(self, facts: Facts) -> bool:
        return facts.place == "frame" and facts.durable is not None


class TriggeredFault(BaseFault):
    """A fault of the link, set off by a matching frame, or at a time on every open socket."""

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
    """A fault of the server itself, at a time."""

    place = "server"

    at_s: Annotated[float, Field(ge=0, allow_inf_nan=False)]
