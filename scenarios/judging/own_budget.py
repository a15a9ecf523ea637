"""Budgets that a user wrote from a run of a client, to which later runs of that client are held.

A file has, for each client, scenario and variant, what one run spent. Such a budget takes the place of the scenario's:
the user has said what this client may cost. Pure, but for `read_budgets` and `write_budgets`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field

from gapless.reports.records.record import RunRecord, Verdict
from gapless.scenarios.definition.toml_documents import NotToml, parse_toml
from gapless.scenarios.errors import UsageError
from gapless.scenarios.given_files import given_text
from gapless.scenarios.wrong_values import WrongValue, validated

FILE: Final = Path("budget.toml")
PROJECT: Final = Path("pyproject.toml")
_TABLE: Final = "tool.gapless.budget"
_HEADING: Final = "# What runs may spend, by client, scenario and variant. `gapless run --write-budget` writes this."


@dataclass(frozen=True, slots=True)
class OwnBudget:
    """What one run may spend. ``file``: where it stands, for messages."""

    calls: int
    bytes: int
    events_read: int
    file: str = ""


@dataclass(frozen=True, slots=True)
class OwnBudgets:
    """All budgets of a file, by client, scenario and variant such as ``tree/inclusive``."""

    by_run: Mapping[tuple[str, str, str], OwnBudget] = field(default_factory=dict)

    def of(self, client: str, scenario: str, variant: str) -> OwnBudget | None:
        """The budget of a run; None when the file has none."""
        return self.by_run.get((client, scenario, variant))


class _Spent(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, defer_build=True)

    calls: int = Field(ge=0)
    bytes: int = Field(ge=0)
    events_read: int = Field(ge=0)


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    clients: dict[str, dict[str, dict[str, _Spent]]] = {}


def read_budgets(directory: Path) -> OwnBudgets:
    """The budgets of ``budget.toml`` in a directory, else those of its ``pyproject.toml``; none when neither has any.

    Raises UsageError when the file cannot be read.
    """
    for path in (directory / FILE, directory / PROJECT):
        if path.is_file():
            found = _read(path)
            if found.by_run or path.name == FILE.name:
                return found
    return OwnBudgets()


def _read(path: Path) -> OwnBudgets:
    cure = "write it anew with `gapless run --write-budget`"
    try:
        document = parse_toml(given_text(path))
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror}); {cure}") from error
    except (NotToml, ValueError) as error:
        raise UsageError(f"{path}: is not TOML ({error}); {cure}") from error
    table: Any = document
    if path.name == PROJECT.name:
        tool: Any = document.get("tool", {})
        table = tool.get("gapless", {}).get("budget", {}) if isinstance(tool, dict) else {}
    try:
        file = validated(_File, table)
    except WrongValue as error:
        raise UsageError(f"{path}: {error}, or {cure}") from None
    return OwnBudgets(
        {
            (client, scenario, variant): OwnBudget(spent.calls, spent.bytes, spent.events_read, path.name)
            for client, scenarios in file.clients.items()
            for scenario, variants in scenarios.items()
            for variant, spent in variants.items()
        }
    )


def check_budget_file(path: Path) -> None:
    """Raise UsageError when budgets cannot be written into a file. Called before anything is run."""
    if path.suffix != ".toml":
        raise UsageError(
            f"--write-budget {path}: a budget file ends in .toml; put names of scenarios before the option"
        )
    if not path.absolute().parent.is_dir():
        raise UsageError(f"--write-budget {path}: there is no directory {path.parent}; create it first")
    if path.is_file():
        _read(path)


def write_budgets(path: Path, records: Iterable[RunRecord]) -> int:
    """Write what runs spent into a file, beside what it has of other runs. Returns how many runs were written.

    Only runs that hold are written: another run's cost says nothing. In a ``pyproject.toml`` only the table of the
    budgets is replaced. Raises UsageError when the file has something else, or cannot be written.
    """
    budgets = dict(_read(path).by_run) if path.is_file() else {}
    new = {
        (one.client, one.scenario, one.variant): OwnBudget(one.rest.calls, one.rest.bytes, one.rest.events_read)
        for one in records
        if one.verdict is Verdict.HOLDS
    }
    rows = list(_rows(budgets | new, f"{_TABLE}." if path.name == PROJECT.name else ""))
    try:
        before = _without_budgets(path.read_text(encoding="utf-8")) if path.name == PROJECT.name else []
        path.write_text("\n".join([*before, *rows]) + "\n", encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path}: cannot be written ({error.strerror}); give --write-budget another file") from error
    return len(new)


def _rows(budgets: Mapping[tuple[str, str, str], OwnBudget], prefix: str) -> Iterator[str]:
    yield _HEADING
    table = ""
    for (client, scenario, variant), one in sorted(budgets.items()):
        heading = f"[{prefix}clients.{json.dumps(client)}.{json.dumps(scenario)}]"
        if heading != table:
            table = heading
            yield ""
            yield heading
        spent = f"calls = {one.calls}, bytes = {one.bytes}, events_read = {one.events_read}"
        yield f"{json.dumps(variant)} = {{ {spent} }}"


def _without_budgets(text: str) -> list[str]:
    """The lines of a ``pyproject.toml`` without the tables of the budgets."""
    kept: list[str] = []
    is_budget = False
    for line in text.splitlines():
        if line.startswith("["):
            is_budget = line.lstrip("[").startswith(_TABLE)
        if not is_budget and line != _HEADING:
            kept.append(line)
    while kept and not kept[-1].strip():
        kept.pop()
    return [*kept, ""] if kept else []
