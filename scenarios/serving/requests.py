"""The bodies of requests to the control, as validated data. An unknown key is an error."""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from gapless.scenarios.definition.scenario import CursorMode, ServerGeneration

WAIT_S_MAX: Final = 20.0  # how long GET /sim/journal can wait for a new entry


class _RequestBody(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def _name_or_object(given: object) -> object:
    if not isinstance(given, str | dict):
        raise ValueError("it must be a name, or a whole scenario as an object")
    return given


class Start(_RequestBody):
    """Serve another scenario.

    ``scenario``: its name, the id of a race that has only one scenario, or a whole scenario as an object.

    Without a generation or cursor mode, the newest generation is chosen in which the scenario can happen, as on the
    command line.
    """

    scenario: Annotated[str | dict[str, Any], BeforeValidator(_name_or_object)]
    generation: ServerGeneration | None = None
    cursor: CursorMode | None = None
    seed: Annotated[int, Field(ge=0)] = 0
    stepwise: bool = False


class Mode(_RequestBody):
    """``stepwise``: the agent waits before each step until the step is allowed."""

    stepwise: bool


class Steps(_RequestBody):
    """How many steps the agent may take."""

    steps: Annotated[int, Field(ge=1, le=10_000)] = 1


class Message(_RequestBody):
    """A user message from another party."""

    text: Annotated[str, Field(min_length=1, max_length=100_000)]


class Down(_RequestBody):
    """How long the server is down, in seconds."""

    down_s: Annotated[float, Field(gt=0, le=3600)] = 1.0


class Nothing(_RequestBody):
    """No content: the body is left out, or is an empty object."""
