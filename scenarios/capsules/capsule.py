"""One failed run in one JSON file, with everything that a replay needs.

A capsule holds the whole scenario and not its name, because the catalogue may change. ``tape``: the choices, each with
the range that it was drawn from. ``digest``: shows whether a replay was the same run. ``fingerprints``: a short hash of
each entry of the journal; they show where a replay first differs. For a client that is a command: ``command``, the
words of it that were files, and what it ran on. ``server``: the published server, if one was in place of the simulated
one. ``versions.py`` reads capsules of older versions.
"""

from __future__ import annotations

import importlib.metadata
import json
import platform
import shlex
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from gapless.reports.file_names import safe_name
from gapless.reports.records.characters import json_text
from gapless.reports.records.documents import parse_json
from gapless.reports.records.record import RunRecord, Verdict
from gapless.scenarios.capsules.trust import replay_line
from gapless.scenarios.capsules.versions import CURRENT, SCHEMA_PREFIX, TooNew, upgraded
from gapless.scenarios.definition.scenario import Scenario
from gapless.scenarios.errors import CapsuleError, UsageError
from gapless.scenarios.given_files import given_text
from gapless.scenarios.judging.own_budget import OwnBudget
from gapless.scenarios.running.journal_difference import FINGERPRINT_CHARACTERS
from gapless.scenarios.running.runner import RunRequest
from gapless.scenarios.written_files import write_within
from gapless.scenarios.wrong_values import WrongValue, validated
from gapless.simserver.choices import Ranges, Tape

if TYPE_CHECKING:
    from gapless.scenarios.lockstep.command import RanOn

SCHEMA = f"{SCHEMA_PREFIX}{CURRENT}"
DIRECTORY = Path(".gapless") / "capsules"
_FINGERPRINTS_PER_ROW = 16
_LIBRARIES = ("gapless", "httpx", "hypercorn", "starlette", "trio", "trio-websocket")


class _StoredViolation(BaseModel):
    """The violation that the run was kept for."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    oracle: str
    message: str
    event_ids: tuple[str, ...] = ()
    breaks: Verdict


class _Stream(BaseModel):
    """The choices of one stream. ``ranges``: low, high, and how many choices in a row were drawn from that range."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    values: list[int | float]
    ranges: list[tuple[int | float, int | float, int]] = []


class _RanOn(BaseModel):
    """What a command ran on."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    runtime: str
    packages: dict[str, str] = {}


class _File(BaseModel):
    """A capsule as it is on disk."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    schema_: str
    scenario: dict[str, Any]
    generation: str
    cursor: str
    client: str
    seed: int
    tape: dict[str, _Stream]
    fingerprints: tuple[str, ...] = ()
    digest: str
    verdict: Verdict
    violations: tuple[_StoredViolation, ...] = ()
    versions: dict[str, str] = {}
    command: tuple[str, ...] = ()
    command_files: tuple[str, ...] = ()
    ran_on: _RanOn | None = None
    judge: tuple[str, ...] = ()
    own_budget: OwnBudget | None = None
    server: str = ""


@dataclass(frozen=True, slots=True)
class Capsule:
    """A run to replay, and what it was when it was kept.

    ``fingerprints``: empty in a capsule of version 1. ``command_files``: words of the command that were files.
    ``ran_on``: None for a client that is no command, or one that ended before it could be asked.
    """

    request: RunRequest
    digest: str
    verdict: Verdict
    versions: Mapping[str, str]
    fingerprints: tuple[str, ...] = ()
    command_files: tuple[str, ...] = ()
    ran_on: RanOn | None = None


def versions() -> dict[str, str]:
    """The versions on which a record depends: of Python, and of the libraries under the simulation."""
    found = {"python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def file_name(record: RunRecord) -> str:
    """A deterministic name, so that the same failure overwrites its own capsule."""
    client = safe_name(record.client)
    return f"{safe_name(record.scenario)}.{record.generation}.{record.cursor}.{client}.seed{record.seed}.json"


def render(
    request: RunRequest,
    record: RunRecord,
    tape: Tape,
    ranges: Ranges | None = None,
    prints: Sequence[str] = (),
    ran_on: RanOn | None = None,
) -> str:
    """The text of a capsule. ``ranges`` and ``prints``, the journal's fingerprints, show where a replay differs."""
    rows = ["".join(prints[at : at + _FINGERPRINTS_PER_ROW]) for at in range(0, len(prints), _FINGERPRINTS_PER_ROW)]
    streams = {name: {"values": values, "ranges": (ranges or {}).get(name, [])} for name, values in tape.items()}
    document: dict[str, Any] = {
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
        **_command_data(request, ran_on),
        **({"judge": request.judge} if request.judge else {}),
        **({"own_budget": asdict(request.own_budget)} if request.own_budget else {}),
        **({"server": request.server} if request.server else {}),
        "tape": streams,
        "fingerprints": rows,
    }
    return "\n".join(_json_lines(document)) + "\n"


def _kept_ran_on(stored: _RanOn | None) -> RanOn | None:
    if stored is None:
        return None
    from gapless.scenarios.lockstep.command import RanOn  # only a command runs on something

    return RanOn(stored.runtime, stored.packages)


def _command_data(request: RunRequest, ran_on: RanOn | None) -> dict[str, Any]:
    if not request.command:
        return {}
    return {
        "command": request.command,
        "command_files": [word for word in request.command if Path(word).is_file()],
        "ran_on": None if ran_on is None else {"runtime": ran_on.runtime, "packages": dict(ran_on.packages)},
    }


def _json_lines(document: Mapping[str, Any]) -> Iterator[str]:
    """JSON with each stream of the tape on one line, because a stream may have thousands of choices."""
    yield "{"
    for number, (key, value) in enumerate(document.items(), start=1):
        comma = "," if number < len(document) else ""
        if key == "tape" and value:
            streams = [f" {json.dumps(name)}: {json.dumps(stream)}" for name, stream in value.items()]
            text = "{\n" + ",\n".join(streams) + "\n }"
        else:
            text = json.dumps(value, indent=1, ensure_ascii=False).replace("\n", "\n ")
        yield f" {json.dumps(key)}: {text}{comma}"
    yield "}"


def write(
    request: RunRequest,
    record: RunRecord,
    tape: Tape,
    directory: Path = DIRECTORY,
    *,
    ranges: Ranges | None = None,
    prints: Sequence[str] = (),
    ran_on: RanOn | None = None,
) -> Path:
    """Write the capsule of a run, and return its path. Raises UsageError when it cannot be written."""
    path = directory / file_name(record)
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        text = render(request, record, tape, ranges, prints, ran_on)
        write_within(directory.parent, path.relative_to(directory.parent), json_text(text).encode())
    except OSError as error:
        raise UsageError(f"{path}: cannot be written ({error.strerror}); run where that is allowed") from error
    return path


def kept_in(path: Path, record: RunRecord, request: RunRequest) -> RunRecord:
    """``record`` with the path at which the run is kept, and with the command that replays it from there."""
    return replace(
        record, capsule=str(path), replay=replay_line(shlex.quote(str(path)), request.client, request.command)
    )


def load(path: Path) -> Capsule:
    """The capsule in a file, of this version or an older one. Raises CapsuleError for any other content."""
    try:
        document = parse_json(given_text(path))
    except OSError as error:
        raise CapsuleError(str(path), f"cannot be read ({error.strerror})", "give the path of a capsule") from error
    except ValueError as error:
        cure = "make a new capsule by running the scenario again"
        raise CapsuleError(str(path), f"is not JSON ({error})", cure) from error
    try:
        current = upgraded(document) if isinstance(document, dict) else None
    except TooNew as error:
        problem = f"has the schema '{error}', which is newer than {SCHEMA!r}, the newest that this gapless can read"
        raise CapsuleError(str(path), problem, "replay it with the version that wrote it, or a later one") from error
    if current is None:
        raise CapsuleError(str(path), "is no capsule", f'a capsule says "schema": {SCHEMA!r}')
    return _capsule(path, current)


def _capsule(path: Path, document: Mapping[str, Any]) -> Capsule:
    cure = "make a new capsule by running the scenario again"
    try:
        file = validated(_File, {**document, "schema_": document["schema"]})
        scenario = validated(Scenario, file.scenario, "scenario")
        tape = {name: stream.values for name, stream in file.tape.items()}
        ranges = {name: stream.ranges for name, stream in file.tape.items()}
        variant = file.generation, file.cursor, file.client, file.seed
        request = RunRequest(scenario, *variant, tape, ranges, file.command, file.judge, file.own_budget, file.server)
    except WrongValue as error:
        raise CapsuleError(str(path), f"{error.key}: {error.problem}", f"{error.cure}, or {cure}") from None
    except UsageError as error:
        raise CapsuleError(str(path), str(error), cure) from error
    prints = _split(file.fingerprints)
    return Capsule(
        request, file.digest, file.verdict, file.versions, prints, file.command_files, _kept_ran_on(file.ran_on)
    )


def check_command(kept: Capsule, path: Path) -> None:
    """Raise CapsuleError when the command of a capsule cannot be run from here."""
    command = kept.request.command
    if not command:
        return
    words = shlex.join(command)
    gone = [word for word in kept.command_files if not Path(word).is_file()]
    if gone:
        problem = f"was made for the command `{words}`, and there is no {gone[0]} in {Path.cwd()}"
        raise CapsuleError(str(path), problem, "replay it in the directory where the command can be run")
    if shutil.which(command[0]) is None:
        problem = f"was made for the command `{words}`, and there is no program {command[0]} here"
        raise CapsuleError(str(path), problem, "install it, or make a new capsule by running the scenario again")


def _split(rows: Sequence[str]) -> tuple[str, ...]:
    text, length = "".join(rows), FINGERPRINT_CHARACTERS
    return tuple(text[at : at + length] for at in range(0, len(text), length))


def scenario_data(scenario: Scenario) -> dict[str, Any]:
    """A scenario as plain data that loads again. Fields that were not set are left out."""
    return scenario.model_dump(mode="json", exclude_unset=True)
