"""Killing: is a mutant killed where it says that it is, by the oracle that it names? ``deaths.py`` asks where else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gapless.reports.records.record import Violation
from gapless.scenarios.clients.registry import CLIENTS, DEFAULT, MUTANT, mutant_called
from gapless.scenarios.definition.catalogue import find_one
from gapless.scenarios.mutation.mutants import MUTANTS, Mutant
from gapless.scenarios.mutation.planting import PlantError
from gapless.scenarios.running.runner import RunRequest, perform

CLEAN = "clean-run"
_NOT_A_DEATH = frozenset({"vacuity", "kills", "determinism"})
"""What these find is wrong with the scenario or the harness, not with the client."""


def mutant_client(mutant: Mutant) -> str:
    """The name of a mutant as a client."""
    return MUTANT + mutant.name


def broken_clients() -> tuple[str, ...]:
    """The names of all clients that are to fail: baselines first, then mutants."""
    baselines = (client.name for client in CLIENTS if client.name != DEFAULT)
    return (*baselines, *(mutant_client(mutant) for mutant in MUTANTS))


def killers(violations: Sequence[Violation]) -> tuple[str, ...]:
    """The oracles that failed a client, gravest first."""
    return tuple(dict.fromkeys(one.oracle for one in violations if one.oracle not in _NOT_A_DEATH))


@dataclass(frozen=True, slots=True)
class MutantFate:
    """What became of a mutant where it is to be killed: ``by`` which oracles, gravest first, and by which where nothing
    goes wrong; ``problem`` when it could not be planted.
    """

    name: str
    by: tuple[str, ...] = ()
    clean_by: tuple[str, ...] = ()
    problem: str | None = None

    @property
    def mutant(self) -> Mutant:
        """The mutant: its bug cannot go from process to process, its name can."""
        return mutant_called(self.name)

    @property
    def is_killed(self) -> bool:
        """Whether it fails where it is said to fail, by the oracle that is named."""
        return self.problem is None and self.mutant.killed.by in self.by

    @property
    def is_honest(self) -> bool:
        """Whether it fails a clean run if it says so, and only then."""
        return bool(self.clean_by) == self.mutant.fails_clean


def fate(name: str) -> MutantFate:
    """Put a mutant through the scenario that is to kill it, and through a clean run of the same variant."""
    mutant = mutant_called(name)
    generation, cursor = mutant.killed.variant.split("/")
    try:
        by, clean_by = (
            killers(perform(RunRequest(scenario, generation, cursor, mutant_client(mutant))).record.violations)
            for scenario in (find_one(mutant.killed.scenario), find_one(CLEAN))
        )
    except PlantError as error:
        return MutantFate(name, problem=str(error))
    return MutantFate(name, by, clean_by)
