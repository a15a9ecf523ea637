"""Every reference page, from the code and a template each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from gapless.reports.records.record import EXIT_CODES, GRAVITY, Verdict
from gapless.scenarios.definition.catalogue import catalogue
from tests.docs.pages import DOCS
from tests.docs.reference import catalogue as scenarios
from tests.docs.reference.client import settings
from tests.docs.reference.commands import commands
from tests.docs.reference.schemas import cause_tables, faults, match_table, record_tables, scenario_tables

REFERENCE = DOCS / "reference"
TEMPLATES = Path(__file__).parent / "templates"


def make() -> dict[str, str]:
    """The pages by their file's name."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # Markdown is made, of our own source
    )
    environment.filters["cell"] = _cell
    return {name: environment.get_template(f"{name}.jinja").render(values) for name, values in _pages()}


def _pages() -> Iterator[tuple[str, Mapping[str, object]]]:
    yield "cli.md", {"commands": tuple(commands())}
    yield "exit-codes.md", {"commands": tuple(commands()), "codes": EXIT_CODES, "verdicts": (Verdict.HOLDS, *GRAVITY)}
    yield "scenario-files.md", {"tables": scenario_tables()}
    yield "faults.md", {"faults": tuple(faults()), "match": match_table(), "causes": cause_tables(), "used": _used()}
    yield "catalogue.md", {"races": scenarios.races(), "count": len(catalogue())}
    yield (
        "oracles.md",
        {"oracles": tuple(scenarios.oracles()), "clients": tuple(scenarios.clients())},
    )
    yield "mutants.md", {"mutants": scenarios.mutants()}
    yield "records.md", {"tables": record_tables()}
    yield "settings.md", {"settings": tuple(settings())}


def _used() -> dict[str, list[str]]:
    """The scenarios in which a kind of fault acts."""
    used: dict[str, list[str]] = {}
    for scenario in catalogue():
        for kind in dict.fromkeys(fault.kind for fault in scenario.faults):
            used.setdefault(kind, []).append(scenario.name)
    return used


def _cell(text: str) -> str:
    """Text that fits a cell of a table: on one line, with no bar of its own."""
    return " ".join(str(text).split()).replace("|", "\\|")
