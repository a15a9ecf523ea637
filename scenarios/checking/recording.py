"""Kept: a run in real time, in one file. It cannot be run again, for no two real-time runs are the same; but its
journal is in the file whole, so it can be told, and judged again."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from gapless.reports.records.record import FaultFired, RunRecord, Verdict
from gapless.scenarios.capsules import capsule
from gapless.scenarios.checking.check import Checked
from gapless.scenarios.definition.scenario import Scenario
from gapless.scenarios.errors import CapsuleError, UsageError, first_problem
from gapless.scenarios.judging.evidence import read
from gapless.scenarios.running.runner import RunRequest, assess
from gapless.simserver.journal import Entry, canonical, digest_of

KIN = "gapless/realtime/"
SCHEMA = f"{KIN}1"
_OWN = ("index", "t_s", "place", "what")


class _Fault(BaseModel):
    model_config = ConfigDict(frozen=True)

    name: str
    kind: str
    fired: int


class _File(BaseModel):
    """The file as it is on disk. ``log``: id and kind of each event, in log order."""

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
    journal: tuple[dict[str, Any], ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Recording:
    """A run as it was kept: its request and command, the verdict it had, and all that it is judged by."""

    request: RunRequest
    command: tuple[str, ...]
    verdict: Verdict
    ended_s: float
    digest: str
    faults: tuple[FaultFired, ...]
    log: tuple[tuple[str, str], ...]
    entries: tuple[Entry, ...]

    @property
    def is_whole(self) -> bool:
        """Is the journal the one that was written?"""
        return digest_of(self.entries) == self.digest

    def judged(self) -> RunRecord:
        """The record, judged anew from the journal."""
        log = ({"id": event_id, "kind": kind} for event_id, kind in self.log)
        evidence = read(self.entries, log)
        digest = digest_of(self.entries)
        return assess(self.request, evidence, self.faults, ended_s=self.ended_s, digest=digest, clock="real")

    def lines(self) -> list[str]:
        """The journal as canonical lines."""
        return list(canonical(self.entries))


def file_name(record: RunRecord) -> str:
    """A name that the same failure of the same command has again."""
    return capsule.file_name(record).removesuffix(".json") + ".realtime.json"


def write(checked: Checked, directory: Path = capsule.DIRECTORY) -> Path:
    """Keep a check; the path. Raises UsageError when it cannot be written."""
    path = directory / file_name(checked.record)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        path.write_text(render(checked), encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path}: cannot be written ({error.strerror}); run where that is allowed") from error
    return path


def render(checked: Checked) -> str:
    """The file's text: one line a key, one an entry."""
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
    }
    rows = [f" {json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}" for key, value in document.items()]
    journal = ",\n  ".join(canonical(checked.entries))
    return "{\n" + ",\n".join([*rows, f' "journal": [\n  {journal}\n ]']) + "\n}\n"


def is_kept(path: Path) -> bool:
    """Is the file a run in real time? False for anything that cannot be read."""
    try:
        with path.open(encoding="utf-8") as file:
            return f'"{KIN}' in file.read(200)
    except (OSError, ValueError):
        return False


def load(path: Path) -> Recording:
    """The run in a file. Raises CapsuleError when it is none, broken, or of a version that is not known."""
    cure = "make a new one with `gapless check`"
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CapsuleError(str(path), f"cannot be read ({error.strerror})", "give the path of a capsule") from error
    except (ValueError, RecursionError) as error:
        raise CapsuleError(str(path), f"is not JSON ({error})", cure) from error
    schema = document.get("schema") if isinstance(document, dict) else None
    if schema != SCHEMA:
        raise CapsuleError(str(path), f"has the schema {schema!r}, and this is {SCHEMA!r}", cure)
    try:
        file = _File.model_validate({**document, "schema_": schema})
        scenario = Scenario.model_validate(file.scenario)
        request = RunRequest(scenario, file.generation, file.cursor, file.client, file.seed)
        entries = tuple(_entry(index, line) for index, line in enumerate(file.journal))
    except ValidationError as error:
        raise CapsuleError(str(path), first_problem(error), cure) from None
    except (KeyError, TypeError) as error:
        raise CapsuleError(str(path), f"journal: an entry without {error}", cure) from None
    except UsageError as error:
        raise CapsuleError(str(path), str(error), cure) from error
    faults = tuple(FaultFired(one.name, one.kind, one.fired) for one in file.faults)
    return Recording(request, file.command, file.verdict, file.ended_s, file.digest, faults, file.log, entries)


def _entry(index: int, line: Mapping[str, Any]) -> Entry:
    """An entry from its line, where a field called ``index`` (in the log) stands in place of the journal's."""
    fields = {name: value for name, value in line.items() if name not in _OWN}
    if line["index"] != index:
        fields["index"] = line["index"]
    return Entry(index, line["t_s"], line["place"], line["what"], fields)
