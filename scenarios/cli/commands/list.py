"""``gapless list`` and ``gapless show``: the catalogue, one line for each scenario, and one scenario in full."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from typing import Final

import click

from gapless.scenarios.cli.options import plain_errors
from gapless.scenarios.definition.catalogue import catalogue, find, path_of
from gapless.scenarios.definition.scenario import Scenario

# Races are numbered by where they happen. The first number of each group, and its title.
GROUPS: Final = (
    (1, "Attach and subscribe"),
    (10, "The end of a run"),
    (30, "On the socket"),
    (50, "On REST"),
    (64, "The life of a conversation, and of a client"),
)
PLAIN, COST, RECORDED = "Nothing goes wrong", "What it costs at least", "Recorded conversations"
OTHER: Final = "Without a race"
HEADER: Final = ("scenario", "race", "variants", "what happens")
COLUMNS_MIN: Final = 60


@click.command("list")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@plain_errors
def list_(names: tuple[str, ...]) -> None:
    """List the scenarios of the catalogue, or those of a race.

    NAME is a scenario's name or a race id; without any, all are listed. Variants: the pairs of server generation and
    cursor mode in which a scenario can happen.
    """
    found = dict.fromkeys(one for name in names for one in find(name)) if names else catalogue()
    for line in _lines(tuple(found)):
        click.echo(line)


def _lines(scenarios: Sequence[Scenario]) -> Iterator[str]:
    rows = {one.name: (one.name, " ".join(one.races) or "-", str(len(one.variants())), one.title) for one in scenarios}
    widths = [max(len(row[column]) for row in (HEADER, *rows.values())) for column in range(3)]
    yield _row(HEADER, widths)
    groups: dict[str, list[Scenario]] = {}
    for one in scenarios:
        groups.setdefault(group_of(one), []).append(one)
    for title in (PLAIN, *(title for _, title in GROUPS), RECORDED, COST, OTHER):
        if title in groups:
            yield ""
            yield title
            yield from (_row(rows[one.name], widths) for one in groups[title])


def _row(cells: Sequence[str], widths: Sequence[int]) -> str:
    """One row. On a terminal it has the terminal's width; elsewhere it is whole."""
    name, race, variants, what = cells
    line = f"  {name:<{widths[0]}}  {race:<{widths[1]}}  {variants:>{widths[2]}}  {what}"
    columns = max(COLUMNS_MIN, shutil.get_terminal_size().columns)
    return line if not sys.stdout.isatty() or len(line) <= columns else f"{line[: columns - 1]}…"


def group_of(scenario: Scenario) -> str:
    """The title of the group in which a scenario is listed."""
    if scenario.name.startswith("clean-run"):
        return PLAIN
    if scenario.name.startswith("cost-"):
        return COST
    if scenario.workload.recording is not None:
        return RECORDED
    if not scenario.races:
        return OTHER
    number = int(re.sub(r"\D", "", scenario.races[0]))
    return [title for first, title in GROUPS if first <= number][-1]


@click.command()
@click.argument("name")
@plain_errors
def show(name: str) -> None:
    """Show a scenario (name) or all scenarios of a race (id): what happens, and its file."""
    click.echo("\n\n".join(_shown(scenario) for scenario in find(name)))


def _shown(scenario: Scenario) -> str:
    path = path_of(scenario)
    variants = ", ".join("/".join(variant) for variant in scenario.variants())
    return "\n".join(
        (
            f"{scenario.name} ({' '.join(scenario.races) or 'no race'}): {scenario.title}",
            f"origin    {scenario.origin}",
            f"variants  {variants}",
            f"file      {path}",
            "",
            path.read_text(encoding="utf-8").rstrip(),
        )
    )
