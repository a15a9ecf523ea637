"""How fast the exhaustive search is: ``python -m tests.benchmarks.prove``. One core, in processor time.

It is the rate that is measured, so a search ends after ``STATES_MAX`` states. Some of the bounds have states for many
minutes.
"""

from __future__ import annotations

import time
from typing import Final

import click

from gapless.scenarios.definition.scenario import GENERATIONS
from gapless.scenarios.prove.moves import FAULTS
from gapless.scenarios.prove.search import Bounds, Question, SearchResult, prove

BOUNDS = (
    Bounds(2, losses=1),
    Bounds(2, losses=2),
    Bounds(1, losses=1, disconnects=1),
    Bounds(1, **dict.fromkeys(FAULTS, 1), together=1),
)
STATES_MAX: Final = 10_000


def main() -> None:
    """Measure each bound in each generation."""
    click.echo(
        f"{'generation':<11}{'schedules':>16}{'states':>10}{'client':>9}{'s':>7}{'schedules/s':>14}{'states/s':>10}"
    )
    for bounds in BOUNDS:
        click.echo(str(bounds))
        for generation in GENERATIONS:
            began_s = time.process_time()
            found = prove(Question("gapless", generation, "inclusive", bounds), lambda states: states >= STATES_MAX)
            took_s = time.process_time() - began_s
            click.echo(
                f"{generation:<11}{found.schedules:>16,}{found.states:>10,}{found.clients:>9,}{took_s:>7.1f}"
                f"{round(found.schedules / took_s):>14,}{round(found.states / took_s):>10,}"
                f"{_ending(found)}"
            )


def _ending(found: SearchResult) -> str:
    if found.counterexample is not None:
        return "  refuted"
    return "" if found.is_complete else f"  of more: the first {STATES_MAX:,} states"


if __name__ == "__main__":
    main()
