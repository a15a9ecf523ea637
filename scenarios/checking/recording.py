"""The file of a run in real time.

Such a run cannot be repeated, since no two runs in real time are the same. But the file has the whole journal, so the
run can be shown and judged again.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from gapless.reports.records.characters import json_text
from gapless.reports.records.documents import parse_json
from gapless.reports.records.record import FaultFired, RunRecord, Verdict
from gapless.scenarios.capsules import capsule
from gapless.scenarios.checking.check import Checked
from gapless.scenarios.definition.scenario import Scenario
from gapless.scenarios.errors import CapsuleError, UsageError
from gapless.scenarios.given_files import given_text
from gapless.scenarios.judging.journal_reader import read
from gapless.scenarios.judging.own_budget import OwnBudget
from gapless.scenarios.running.runner import RunRequest, assess
from gapless.scenarios.written_files import write_within
from gapless.scenarios.wrong_values import WrongValue, validated
from gapless.simserver.journal import Entry, canonical, digest_of

SCHEMA_PREFIX = "gapless/realtime/"
SCHEMA = f"{SCHEMA_PREFIX}1"
_OWN = ("index", "t_s", "place", "what")


class _Fault(BaseModel):
    model_config = ConfigDict(frozen=True)

    name: str
    kind: str
    fired: int
    nearest: str | None = None


class _File(BaseModel):
    """The file as it is on disk. ``log``: id and kind of each event, in log order; ``contents``: digests by id."""

    model_config = ConfigDict(frozen=True)

    schema_: str
    scenario: dict[str, Any]
    generation: str
    cursor: str
    client: str
    seed: int
    command: tuple[str, ...]
    verdict: Verdict
    ended_s: float
    digest: str
    versions: dict[str, str] = {}
    faults: tuple[_Fault, ...] = ()
    log: tuple[tuple[str, str], ...] = ()
    contents: dict[str, str] = {}
    judge: tuple[str, ...] = ()
    own_budget: OwnBudget | None = None
    journal: tuple[dict[str, Any], ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Recording:
    """A run from its file: the request, the command, the verdict when it was written, and what it is judged by."""

    request: RunRequest
    command: tuple[str, ...]
    verdict: Verdict
    ended_s: float
    digest: str
    faults: tuple[FaultFired, ...]
    log: tuple[tuple[str, str], ...]
    entries: tuple[Entry, ...]
    contents: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @property
    def is_whole(self) -> bool:
        """Whether the journal is the one that was written: its digest is the same."""
        return digest_of(self.entries) == self.digest

    def judged(self) -> RunRecord:
        """The record, judged again from the journal."""
        log = ({"id": event_id, "kind": kind} for event_id, kind in self.log)
        evidence = read(self.entries, log, self.contents)
        digest = digest_of(self.entries)
        return assess(self.request, evidence, self.faults, ended_s=self.ended_s, digest=digest, clock="real")

    def lines(self) -> list[str]:
        """The journal as canonical lines."""
        return list(canonical(self.entries))


def file_name(record: RunRecord) -> str:
    """The file's name. The same failure of the same command gets the same name."""
    return capsule.file_name(record).removesuffix(".json") + ".realtime.json"


def write(checked: Checked, directory: Path = capsule.DIRECTORY) -> Path:
    """Write the file of a check; return its path. Raises UsageError when it cannot be written."""
    path = directory / file_name(checked.record)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        write_within(directory.parent, path.relative_to(directory.parent), json_text(render(checked)).encode())
    except OSError as error:
        raise UsageError(f"{path}: cannot be written ({error.strerror}); run where that is allowed") from error
    return path


def render(checked: Checked) -> str:
    """The file's text: one line for each key, and one for each journal entry."""
    request, record = checked.request, checked.record
    document = {
        "schema": SCHEMA,
        "scenario": capsule.scenario_data(request.scenario),
        "generation": request.generation,
        "cursor": request.cursor,
        "client": request.client,
        "seed": request.seed,
        "command": checked.command,
        "verdict": record.verdict,
        "violations": [dataclasses.asdict(violation) for violation in record.violations],
        "ended_s": record.virtual_s,
        "digest": record.digest,
        "versions": capsule.versions(),
        "faults": [dataclasses.asdict(fault) for fault in record.faults],
        "tape": checked.tape,
        "log": checked.log,
        "contents": dict(checked.contents),
        "judge": request.judge,
        "own_budget": request.own_budget and dataclasses.asdict(request.own_budget),
    }
    rows = [f" {json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}" for key, value in document.items()]
    journal = ",\n  ".join(canonical(checked.entries))
    return "{\n" + ",\n".join([*rows, f' "journal": [\n  {journal}\n ]']) + "\n}\n"


def is_kept(path: Path) -> bool:
    """Whether the file is a run in real time. False for a file that cannot be read."""
    try:
        with path.open(encoding="utf-8") as file:
            return f'"{SCHEMA_PREFIX}' in file.read(200)
    except (OSError, ValueError):
        return False


def load(path: Path) -> Recording:
    """The run in a file. Raises CapsuleError when the file is no such run, is broken, or has an unknown version."""
    cure = "make a new one with `gapless check`"
    try:
        document = parse_json(given_text(path))
    except OSError as error:
        raise CapsuleError(str(path), f"cannot be read ({error.strerror})", "give the path of a capsule") from error
    except ValueError as error:
        raise CapsuleError(str(path), f"is not JSON ({error})", cure) from error
    schema = document.get("schema") if isinstance(document, dict) else None
    if schema != SCHEMA:
        raise CapsuleError(str(path), f"has the schema {schema!r}, and this is {SCHEMA!r}", cure)
    try:
        file = validated(_File, {**document, "schema_": schema})
        scenario = validated(Scenario, file.scenario, "scenario")
        request = RunRequest(
            scenario,
            file.generation,
            file.cursor,
            file.client,
            file.seed,
            judge=file.judge,
            own_budget=file.own_budget,
        )
        entries = tuple(_entry(index, line) for index, line in enumerate(file.journal))
    except WrongValue as error:
        raise CapsuleError(str(path), f"{error.key}: {error.problem}", f"{error.cure}, or {cure}") from None
    except (KeyError, TypeError) as error:
        raise CapsuleError(str(path), f"journal: an entry without {error}", cure) from None
    except UsageError as error:
        raise CapsuleError(str(path), str(error), cure) from error
    faults = tuple(FaultFired(one.name, one.kind, one.fired, one.nearest) for one in file.faults)
    return Recording(request, file.command, file.verdict, file.ended_s, file.digest, faults, file.log, entries)


def _entry(index: int, line: Mapping[str, Any]) -> Entry:
    """An entry from its line.

    Some entries have a field ``index``, a position in the log. In the line it takes the place of the journal's index.
    """
    fields = {name: value for name, value in line.items() if name not in _OWN}
    if line["index"] != index:
        fields["index"] = line["index"]
    return Entry(index, line["t_s"], line["place"], line["what"], fields)
