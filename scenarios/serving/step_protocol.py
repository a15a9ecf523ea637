"""The step protocol: how a client in any language is asked for steps and reports. One JSON object a line. Pure.

The harness asks on the client's standard input::

    {"step": "attach"}
    {"step": "send", "text": "…"}
    {"step": "run"}
    {"step": "history"}
    {"step": "close"}

The client answers each with one of::

    {"done": STEP}
    {"done": STEP, "held": [ids or events]}
    {"failed": STEP, "error": "why"}
    {"cannot": "history"}

It reports each event that reaches its application as ``{"id": "…"}``, or as the event itself, which has an id;
``"repaired": true`` or ``false`` says whether a repair brought it. A line that is none of these is no report.

Everything but ``done`` is optional. A client is not judged by what it does not say, and the report lists that.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from gapless.scenarios.definition.scenario import AskedStep
from gapless.scenarios.errors import GaplessError
from gapless.scenarios.wrong_values import WrongValue, validated_line

HELD_MAX = 1_000_000
_Id = Annotated[str, Field(min_length=1, max_length=200)]


def _with_id(event: dict[str, Any]) -> dict[str, Any]:
    event_id = event.get("id")
    if not isinstance(event_id, str) or not 0 < len(event_id) <= 200:
        raise ValueError("an event needs an id")
    return event


_Events = Annotated[list[_Id | Annotated[dict[str, Any], AfterValidator(_with_id)]], Field(max_length=HELD_MAX)]


class ProtocolError(GaplessError):
    """A line is meant as a report and is not a valid one. The message says in one sentence what is wrong."""


class _Line(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True)


class Done(_Line):
    """A step is done.

    ``held``: what the client holds now, in its order: ids, or whole events, whose content is then judged too; None:
    what it has reported one by one. ``gaps``: the gaps that it declares in what it holds, as pairs of ids between which
    it holds nothing; None: it cannot declare gaps. ``read``: what ``history`` read, ids or events.

    ``complete``, ``covers``, ``proof``, ``status``, ``error``, ``statistics`` and ``calls`` are claims about the run,
    as in `gapless.testing.Claim`. A client without claims is judged as if it claimed that nothing is missing.
    """

    done: AskedStep
    held: _Events | None = None
    complete: bool | None = None
    covers: Literal["branch", "log"] | None = None
    proof: Annotated[str, Field(max_length=40)] | None = None
    status: Annotated[str, Field(max_length=40)] | None = None
    error: Annotated[str, Field(max_length=10_000)] | None = None
    statistics: dict[str, Any] | None = None
    calls: Annotated[int, Field(ge=0)] | None = None
    gaps: Annotated[list[tuple[_Id | None, _Id | None]], Field(max_length=1000)] | None = Field(
        default=None, strict=False
    )
    read: _Events | None = None


class Failed(_Line):
    """The client gave up a step, and reports it."""

    failed: AskedStep
    error: Annotated[str, Field(max_length=10_000)] = "no reason given"


class Cannot(_Line):
    """The client has nothing to do a step with. Only reading the history is optional."""

    cannot: Literal["history"]


@dataclass(frozen=True, slots=True)
class Reached:
    """An event reached the client's application. ``repaired``: a repair brought it; None: the client does not say."""

    id: str
    repaired: bool | None = None


Report = Done | Failed | Cannot | Reached
Answer = Done | Failed | Cannot
_FORMS: tuple[tuple[str, type[Answer]], ...] = (("done", Done), ("failed", Failed), ("cannot", Cannot))


def step_of(answer: Answer) -> AskedStep:
    """The step that an answer is about."""
    match answer:
        case Done():
            return answer.done
        case Failed():
            return answer.failed
        case Cannot():
            return answer.cannot


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
    if not isinstance(event_id, str) or not 0 < len(event_id) <= 200:
        return None
    repaired = said.get("repaired")
    return Reached(event_id, repaired if isinstance(repaired, bool) else None)


def _looks_like_id(text: str) -> bool:
    return 0 < len(text) <= 200 and " " not in text


def _validated(form: type[Answer], said: dict[str, Any]) -> Report:
    try:
        return validated_line(form, said)
    except WrongValue as error:
        raise ProtocolError(str(error)) from None


def asked_of_client(certainty: str, settings: Mapping[str, bool | int]) -> dict[str, str]:
    """The environment variables that say what a scenario asks of a client, beside its steps.

    They have the names of our own client's settings, which reads them. Any other client may.
    """
    asked = {"certainty": certainty} | {name: str(value).lower() for name, value in settings.items()}
    return {f"GAPLESS_{name.upper()}": value for name, value in asked.items()}


def order(step: str, text: str | None = None) -> str:
    """The line that asks for a step."""
    return json.dumps({"step": step} if text is None else {"step": step, "text": text})
