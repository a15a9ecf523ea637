"""``gapless list`` and ``gapless show``: the catalogue, one line for each scenario, and one scenario in full."""

from __future__ import annotations

import click

from gapless.scenarios.cli.options import plain_errors
from gapless.scenarios.definition.catalogue import catalogue, find, path_of
from gapless.scenarios.definition.scenario import Scenario


@click.command("list")
@plain_errors
def list_() -> None:
    """List the scenarios of the catalogue."""
    scenarios = catalogue()
    rows = [(one.name, " ".join(one.races) or "-", f"{len(one.variants())}×", one.title) for one in scenarios]
    names, races = (max(len(row[column]) for row in rows) for column in (0, 1))
    for name, race, variants, title in rows:
        click.echo(f"{name:<{names}}  {race:<{races}}  {variants}  {title}")


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
