# mypy: ignore-errors
"""A tool for the published agent server that takes time and needs no shell. The server imports it when it starts.

It also imports what the server would import in its first run. `GAPLESS_MODULES` names a file that lists those modules.
A step whose text begins with ``modules`` writes such a list.
"""

import importlib
import os
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import ClassVar

from openhands.sdk.tool import register_tool
from openhands.sdk.tool.tool import Action, Observation, ToolAnnotations, ToolDefinition, ToolExecutor
from pydantic import Field


class TimedAction(Action):
    """A step of the scenario's workload."""

    text: str = Field(description="What the step is called.")
    result: str = Field(description="What the step's observation says.")
    wait_s: float = Field(description="How long the step takes, in seconds.")


class TimedObservation(Observation):
    """What came of a step."""


class TimedExecutor(ToolExecutor):
    """Waits, and answers what it was told to."""

    def __call__(self, action, conversation=None):
        if action.text.startswith("modules "):
            names = sorted(name for name, module in sys.modules.items() if module is not None)
            Path(action.text.split()[1]).write_text("\n".join(names))
        if action.wait_s:
            time.sleep(action.wait_s)
        return TimedObservation.from_text(text=action.result)


class TimedTool(ToolDefinition[TimedAction, TimedObservation]):
    """The tool ``timed``."""

    name: ClassVar[str] = "timed"

    @classmethod
    def create(cls, conv_state=None, **params):
        return [
            cls(
                description="Waits.",
                action_type=TimedAction,
                observation_type=TimedObservation,
                executor=TimedExecutor(),
                annotations=ToolAnnotations(
                    readOnlyHint=True, destructiveHint=False, idempotentHint=True, openWorldHint=False
                ),
            )
        ]


register_tool("timed", TimedTool)

_listed = Path(os.environ.get("GAPLESS_MODULES", os.devnull))
for _name in _listed.read_text().split() if _listed.is_file() else ():
    if _name not in sys.modules and not _name.startswith(("__", "_gapless")):
        with suppress(Exception):
            importlib.import_module(_name)
