"""The step protocol: how a client in any language is asked for steps and reports. One JSON object a line. Pure.

The harness asks on the client's standard input::

    {"step": "attach"}
    {"step": "send", "text": "…"}
    {"step": "run"}
    {"step": "close"}

The client answers each with one of::

    {"done": STEP}
    {"done": STEP, "held": [ids]}
    {"failed": STEP, "error": "why"}

It reports each event that reaches its application as ``{"id": "…"}``, or as the event itself, which has an id. A line
that is none of these is no report.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gapless.scenarios.definition.scenario import AskedStep
from gapless.scenarios.errors import GaplessError, first_problem

HELD_MAX = 1_000_000
_Id = Annotated[str, Field(min_length=1, max_length=200)]


class ProtocolError(GaplessError):
    """A line is meant as a report and is not a valid one. The message says in one sentence what is wrong."""


class _Line(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True)


class Done(_Line):
    """A step is done.

    ``held``: the ids that the client holds now, in its order; None: those that it has reported one by one.
    ``complete``, ``covers``, ``proof``, ``gaps`` and ``status`` are claims about the run. A client without claims
    is judged as if it claimed that nothing is missing.
    """

    done: AskedStep
    held: Annotated[list[_Id], Field(max_length=HELD_MAX)] | None = None
    complete: bool | None = None
    covers: Literal["branch", "log"] | None = None
    proof: Annotated[str, Field(max_length=40)] | None = None
    status: Annotated[str, Field(max_length=40)] | None = None
    gaps: Annotated[list[tuple[_Id | None, _Id | None]], Field(max_length=1000)] = Field(
        default_factory=list, strict=False
    )


class Failed(_Line):
    """The client gave up a step, and reports it."""

    failed: AskedStep
    error: Annotated[str, Field(max_length=10_000)] = "no reason given"


@dataclass(frozen=True, slots=True)
class Reached:
    """An event reached the client's application."""

    id: str


Report = Done | Failed | Reached
_FORMS: tuple[tuple[str, type[Done | Failed]], ...] = (("done", Done), ("failed", Failed))


def parse(line: str) -> Report | None:
    """The report in a line; None when the line is something else. Raises ProtocolError for an invalid report."""
    try:
        said = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if isinstance(said, str):
        said = {"id": said} if _looks_like_id(said) else None
    if not isinstance(said, dict):
        return None
    for key, form in _FORMS:
        if key in said:
            return _validated(form, said)
    event_id = said.get("id")
    return Reached(event_id) if isinstance(event_id, str) and 0 < len(event_id) <= 200 else None


def _looks_like_id(text: str) -> bool:
    return 0 < len(text) <= 200 and " " not in text


def _validated(form: type[Done | Failed], said: dict[str, Any]) -> Report:
    try:
        return form.model_validate_json(json.dumps(said))
    except ValidationError as error:
        raise ProtocolError(first_problem(error)) from error


def order(step: str, text: str | None = None) -> str:
    """The line that asks for a step."""
    return json.dumps({"step": step} if text is None else {"step": step, "text": text})
