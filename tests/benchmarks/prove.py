"""How fast the exhaustive search is: ``python -m tests.benchmarks.prove``. One core, in processor time."""

from __future__ import annotations

import time

import click

from gapless.scenarios.definition.scenario import GENERATIONS
from gapless.scenarios.prove.moves import FAULTS
from gapless.scenarios.prove.search import Bounds, Question, prove

BOUNDS = (
    Bounds(2, losses=1),
    Bounds(2, losses=2),
    Bounds(1, losses=1, disconnects=1),
    Bounds(1, **dict.fromkeys(FAULTS, 1), together=1),
)


def main() -> None:
    """Measure each bound in each generation."""
    click.echo(
        f"{'generation':<11}{'schedules':>16}{'states':>10}{'client':>9}{'s':>7}{'schedules/s':>14}{'states/s':>10}"
    )
    for bounds in BOUNDS:
        click.echo(str(bounds))
        for generation in GENERATIONS:
            began_s = time.process_time()
            found = prove(Question("gapless", generation, "inclusive", bounds))
            took_s = time.process_time() - began_s
            click.echo(
                f"{generation:<11}{found.schedules:>16,}{found.states:>10,}{found.clients:>9,}{took_s:>7.1f}"
                f"{round(found.schedules / took_s):>14,}{round(found.states / took_s):>10,}"
                f"{'' if found.is_complete and found.counterexample is None else '  not proven'}"
            )


if __name__ == "__main__":
    main()
