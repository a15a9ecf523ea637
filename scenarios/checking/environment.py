"""What a command gets: environment variables with the server's URL, the conversation, the key, and two files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gapless.scenarios.capsules.capsule import scenario_data
from gapless.scenarios.running.runner import RunRequest
from gapless.scenarios.serving.step_protocol import asked_of_client
from gapless.simserver.world import World

_DIRECT = "127.0.0.1,localhost,::1"  # a proxy of the machine must not be used for these


@dataclass(frozen=True, slots=True)
class Given:
    """``variables``: the command's environment; ``report``: a file to which it can append its reports."""

    variables: Mapping[str, str]
    report: Path


def given(request: RunRequest, world: World, url: str, directory: Path, around: Mapping[str, str]) -> Given:
    """Write the scenario and an empty report file into the directory; return the environment, based on ``around``."""
    scenario, report = directory / "scenario.json", directory / "report.jsonl"
    data = scenario_data(request.scenario)
    data |= {"script": request.scenario.model_dump(mode="json")["script"]}
    document = {"generation": request.generation, "cursor": request.cursor, "scenario": data}
    scenario.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    report.touch()
    variables = {name: value for name, value in around.items() if not name.startswith("GAPLESS_")} | {
        "GAPLESS_URL": url,
        "GAPLESS_CONVERSATION_ID": world.conversation_id,
        "GAPLESS_GENERATION": request.generation,
        "GAPLESS_CURSOR": request.cursor,
        "GAPLESS_SCENARIO": str(scenario),
        "GAPLESS_REPORT": str(report),
        **asked_of_client(request.scenario.expect.certainty, request.scenario.client.model_dump(exclude_none=True)),
    }
    if world.api_key is not None:
        variables["GAPLESS_API_KEY"] = world.api_key
    for name in ("NO_PROXY", "no_proxy"):
        variables[name] = ",".join(part for part in (around.get(name), _DIRECT) if part)
    return Given(variables, report)
