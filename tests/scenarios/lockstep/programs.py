"""Small programs for the tests, and the requests that put them through a scenario."""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path

from gapless.scenarios.definition.catalogue import find_one
from gapless.scenarios.definition.scenario import Scenario
from gapless.scenarios.running.runner import RunRequest

CLIENTS = Path(__file__).parent / "clients"
EXAMPLES = Path(__file__).parents[3] / "scenarios" / "examples"
WEBSOCKETS = (sys.executable, str(EXAMPLES / "python_websockets.py"))
RACING = (sys.executable, str(CLIENTS / "racing_client.py"))


def request(command: tuple[str, ...], scenario: str | Scenario = "clean-run", generation: str = "tree") -> RunRequest:
    """A run of a command."""
    one = find_one(scenario) if isinstance(scenario, str) else scenario
    return RunRequest(one, generation, "inclusive", Path(command[-1]).name, command=command)


def program(directory: Path, code: str, name: str = "program.py") -> tuple[str, ...]:
    """A Python program of this code, as a command."""
    path = directory / name
    path.write_text(textwrap.dedent(code), encoding="utf-8")
    return sys.executable, str(path)


ANSWERS = """\
import json, sys, time
for line in sys.stdin:
    step = json.loads(line)["step"]
    {body}
    print(json.dumps({{"done": step}}), flush=True)
"""
