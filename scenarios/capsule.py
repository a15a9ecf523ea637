"""Capsule: one failed run in one JSON file, with everything that it takes to see it again.

It holds the scenario in full, not its name: a capsule outlives the catalogue. ``tape`` holds the choices,
``digest`` says whether a replay was the same run.
"""

from __future__ import annotations

import importlib.metadata
import json
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from reports.record import RunRecord, Verdict
from scenarios.errors import CapsuleError, UsageError
from scenarios.runner import RunRequest
from scenarios.scenario import Scenario
from simserver.choices import Tape

SCHEMA = "gapless/capsule/1"
DIRECTORY = Path(".gapless") / "capsules"
_KIN = "gapless/capsule/"
_LIBRARIES = ("gapless", "httpx", "hypercorn", "starlette", "trio", "trio-websocket")


class _Told(BaseModel):
    """The violation that the run was kept for."""

    model_config = ConfigDict(frozen=True)

    oracle: str
    message: str
    event_ids: tuple[str, ...] = ()
    breaks: Verdict


class _File(BaseModel):
    """The file as it is on disk."""

    model_config = ConfigDict(frozen=True)

    schema_: str
    scenario: dict[str, Any]
    generation: str
    cursor: str
    client: str
    seed: int
    tape: dict[str, list[int | float]]
    digest: str
    verdict: Verdict
    violations: tuple[_Told, ...] = ()
    versions: dict[str, str] = {}


@dataclass(frozen=True, slots=True)
class Capsule:
    """A run to replay, and what it was when it was kept."""

    request: RunRequest
    digest: str
    verdict: Verdict
    versions: Mapping[str, str]


def versions() -> dict[str, str]:
    """What a record depends on: Python and the libraries under the simulation."""
    found = {"python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def file_name(record: RunRecord) -> str:
    """A deterministic name: the same failure overwrites its own capsule."""
    client = record.client.replace(":", "-").replace("/", "-")
    return f"{record.scenario}.{record.generation}.{record.cursor}.{client}.seed{record.seed}.json"


def render(request: RunRequest, record: RunRecord, tape: Tape) -> str:
    """The capsule's text."""
    document = {
        "schema": SCHEMA,
        "scenario": scenario_data(request.scenario),
        "generation": request.generation,
        "cursor": request.cursor,
        "client": request.client,
        "seed": request.seed,
        "digest": record.digest,
        "verdict": record.verdict,
        "violations": [asdict(violation) for violation in record.violations],
        "versions": versions(),
        "tape": tape,
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def write(request: RunRequest, record: RunRecord, tape: Tape, directory: Path = DIRECTORY) -> Path:
    """Keep a run; the path of its capsule. Raises UsageError when it cannot be written."""
    path = directory / file_name(record)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        path.write_text(render(request, record, tape), encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path}: cannot be written ({error.strerror}); run where that is allowed") from error
    return path


def load(path: Path) -> Capsule:
    """The capsule in a file. Raises CapsuleError when it is none, broken, or of another version."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CapsuleError(str(path), f"cannot be read ({error.strerror})", "give the path of a capsule") from error
    except ValueError as error:
        cure = "make a new capsule by running the scenario again"
        raise CapsuleError(str(path), f"is not JSON ({error})", cure) from error
    schema = document.get("schema") if isinstance(document, dict) else None
    if not isinstance(schema, str) or not schema.startswith(_KIN):
        raise CapsuleError(str(path), "is no capsule", f'a capsule says "schema": {SCHEMA!r}')
    if schema != SCHEMA:
        cure = "replay it with the version that wrote it"
        raise CapsuleError(str(path), f"has the schema {schema!r}, and this is {SCHEMA!r}", cure)
    return _capsule(path, document)


def _capsule(path: Path, document: dict[str, Any]) -> Capsule:
    cure = "make a new capsule by running the scenario again"
    try:
        file = _File.model_validate({**document, "schema_": document["schema"]})
        scenario = Scenario.model_validate(file.scenario)
        request = RunRequest(scenario, file.generation, file.cursor, file.client, file.seed, file.tape)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        raise CapsuleError(str(path), f"{key}: {first['msg'].lower()}", cure) from None
    except UsageError as error:
        raise CapsuleError(str(path), str(error), cure) from error
    return Capsule(request, file.digest, file.verdict, file.versions)


def scenario_data(scenario: Scenario) -> dict[str, Any]:
    """A scenario as plain data that loads again; what was left to its default is left out."""
    return scenario.model_dump(mode="json", exclude_unset=True)
