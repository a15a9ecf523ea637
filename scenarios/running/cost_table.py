"""The cost table as measured.

``python -m gapless.scenarios.running.cost_table`` runs the scenarios ``cost-…`` and prints the table as Markdown.

A row counts the calls of its situation alone: for an attach, the calls until it returned; for any other situation, the
calls after that. Where the two cursor modes differ, both numbers are shown.
"""

from __future__ import annotations

from collections.abc import Iterator

import click

from gapless.reports.records.record import RestCost
from gapless.scenarios.clients.registry import DEFAULT
from gapless.scenarios.definition.catalogue import catalogue
from gapless.scenarios.definition.scenario import GENERATIONS, Scenario
from gapless.scenarios.running.runner import RunRequest, perform

PREFIX = "cost-"
SITUATIONS = (
    "attach to N events",
    "clean run, branch proof",
    "clean run, whole-log proof",
    "reconnect, nothing missed",
    "reconnect, m missed",
    "one hole of g events",
    "k clusters of holes",
    "socket down for good during a run",
)


def table() -> str:
    """The table: one row for each scenario, in the order of ``SITUATIONS``."""
    head = ["| situation | scenario | legacy | tree | session |", "|---|---|---:|---:|---:|"]
    rows = [_row(situation, scenario) for situation in SITUATIONS for scenario in of(situation)]
    return "\n".join((*head, *rows))


def of(situation: str) -> tuple[Scenario, ...]:
    """The scenarios of a situation, shorter histories and runs first."""
    found = [one for one in catalogue() if one.name.startswith(PREFIX) and one.origin == f"the cost table: {situation}"]
    return tuple(sorted(found, key=lambda one: (one.workload.history_events, _events(one))))


def _events(scenario: Scenario) -> int:
    background = [one.run for one in scenario.workload.background if one.run is not None]
    return sum(run.actions for run in (*scenario.workload.runs, *background))


def _row(situation: str, scenario: Scenario) -> str:
    costs = " | ".join(_cost(scenario, generation) for generation in GENERATIONS)
    return f"| {situation} | `{scenario.name}` | {costs} |"


def _cost(scenario: Scenario, generation: str) -> str:
    """The calls; for each cursor mode where they differ."""
    numbers = dict.fromkeys(str(_calls(scenario, rest)) for rest in _measured(scenario, generation))
    return " or ".join(numbers)


def _measured(scenario: Scenario, generation: str) -> Iterator[RestCost]:
    for variant in scenario.variants():
        if variant[0] == generation:
            yield perform(RunRequest(scenario, *variant, DEFAULT)).record.rest


def _calls(scenario: Scenario, rest: RestCost) -> int:
    return rest.calls - rest.attach_calls if "run" in scenario.script else rest.attach_calls


def main() -> None:
    """Print the table."""
    click.echo(table())


if __name__ == "__main__":
    main()
