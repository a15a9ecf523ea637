"""Check that a mutant is killed in the scenario and variant that it names, by the oracle that it names.

A client is *killed* by an oracle when the oracle reports a violation. ``kill_register.py`` finds out which scenarios
kill which clients.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gapless.reports.records.record import Violation
from gapless.scenarios.clients.registry import CLIENTS, DEFAULT, MUTANT, find_mutant
from gapless.scenarios.definition.catalogue import find_one
from gapless.scenarios.judging.oracles.liveness import bounded
from gapless.scenarios.mutation.mutants import MUTANTS, Mutant
from gapless.scenarios.mutation.planting import PlantError
from gapless.scenarios.running.runner import RunRequest, perform

CLEAN = "clean-run"
_NOT_A_KILL = frozenset({"vacuity", "kills", "determinism"})
"""Oracles that check the scenario or the harness, not the client. Their violations kill no client."""


def mutant_client(mutant: Mutant) -> str:
    """The name of a mutant as a client."""
    return MUTANT + mutant.name


def broken_clients() -> tuple[str, ...]:
    """The names of all clients that must fail: baselines first, then mutants."""
    baselines = (client.name for client in CLIENTS if client.name != DEFAULT)
    return (*baselines, *(mutant_client(mutant) for mutant in MUTANTS))


def killers(violations: Sequence[Violation]) -> tuple[str, ...]:
    """The oracles that failed a client, gravest first."""
    return tuple(dict.fromkeys(one.oracle for one in violations if one.oracle not in _NOT_A_KILL))


@dataclass(frozen=True, slots=True)
class KillCheck:
    """The result of a mutant in the scenario that must kill it, and in a clean run.

    ``by``: the oracles that killed it, gravest first; where `bounded` is to kill it, the run ends when it has
    ``clean_by``: the oracles that killed it in the clean run
    ``problem``: why it could not be planted; None if it was
    """

    name: str
    by: tuple[str, ...] = ()
    clean_by: tuple[str, ...] = ()
    problem: str | None = None

    @property
    def mutant(self) -> Mutant:
        """The mutant. Only its name is stored, because its bug cannot be pickled for another process."""
        return find_mutant(self.name)

    @property
    def is_killed(self) -> bool:
        """Whether the oracle that the mutant names killed it."""
        return self.problem is None and self.mutant.killed.by in self.by

    @property
    def clean_run_as_declared(self) -> bool:
        """Whether it fails the clean run exactly if its ``fails_clean`` says so."""
        return bool(self.clean_by) == self.mutant.fails_clean


def check_kill(name: str) -> KillCheck:
    """Run a mutant in the scenario that must kill it, and in the clean run of the same variant."""
    mutant = find_mutant(name)
    generation, cursor = mutant.killed.variant.split("/")

    def killed_by(scenario: str, *, until_busy: bool = False) -> tuple[str, ...]:
        request = RunRequest(find_one(scenario), generation, cursor, mutant_client(mutant))
        return killers(perform(request, until_busy=until_busy).record.violations)

    try:
        by = killed_by(mutant.killed.scenario, until_busy=mutant.killed.by == bounded.NAME)
        return KillCheck(name, by, killed_by(CLEAN))
    except PlantError as error:
        return KillCheck(name, problem=str(error))
