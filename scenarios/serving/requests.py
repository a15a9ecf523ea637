"""What can be asked of the control in a body, as validated data; unknown keys are a mistake, not ignored."""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from gapless.scenarios.definition.scenario import CursorMode, ServerGeneration

WAIT_S_MAX: Final = 20.0  # for a new entry of the journal


class _Asked(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def _a_scenario(given: object) -> object:
    if not isinstance(given, str | dict):
        raise ValueError("it must be a name, or a whole scenario as an object")
    return given


class Start(_Asked):
    """Serve another scenario: its name, the id of a race that has only one, or a whole scenario as an object. What is
    left out is chosen as on the command line: the newest generation in which it can happen."""

    scenario: Annotated[str | dict[str, Any], BeforeValidator(_a_scenario)]
    generation: ServerGeneration | None = None
    cursor: CursorMode | None = None
    seed: Annotated[int, Field(ge=0)] = 0
    stepwise: bool = False


class Mode(_Asked):
    """``stepwise``: the agent waits before each step until it is told."""

    stepwise: bool


class Steps(_Asked):
    """How many steps the agent may take."""

    steps: Annotated[int, Field(ge=1, le=10_000)] = 1


class Message(_Asked):
    """A user message from another party."""

    text: Annotated[str, Field(min_length=1, max_length=100_000)]


class Down(_Asked):
    """For how long the server is gone."""

    down_s: Annotated[float, Field(gt=0, le=3600)] = 1.0


class Nothing(_Asked):
    """Nothing is to be said: the body is left out, or an empty object."""
