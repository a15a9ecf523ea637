"""Simplicity: which of two scenarios asks for less.

A scenario is simpler than another when it asks for no more in any respect, and for less in one. The respects: which
faults and how often each is planned; steps of the script, runs, doings of other parties, pages of events, the size of
an event; and what is out of the ordinary about the server, the runs, our client's settings, or what is demanded of it.
Of two scenarios with different faults neither is the simpler: each shows what the other does not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from gapless.scenarios.definition.scenario import ClientSettings, Expectation, Run, Scenario, Server
from gapless.scenarios.judging.optimum import PAGE_EVENTS_MAX
from gapless.scenarios.running.world_setup import workload


@dataclass(frozen=True, slots=True)
class Demands:
    """What a scenario asks for: ``faults`` by kind, ``amounts`` of everything that can be counted, and ``oddities``, of
    which the ordinary has none.
    """

    faults: Counter[str]
    amounts: tuple[int, ...]
    oddities: frozenset[str]

    def are_within(self, other: Demands) -> bool:
        """Whether nothing here is more than there."""
        return (
            self.faults <= other.faults
            and all(mine <= theirs for mine, theirs in zip(self.amounts, other.amounts, strict=True))
            and self.oddities <= other.oddities
        )


@cache
def demands(scenario: Scenario) -> Demands:
    """What the scenario asks for."""
    planned, others = workload(scenario), scenario.workload.background
    past = planned.history_events + len(planned.recording)
    steps = sum(len(run.steps) for run in planned.runs) + sum(2 * one.run.actions for one in others if one.run)
    largest = max(scenario.workload.payload_bytes, *(run.payload_bytes or 0 for run in scenario.workload.runs), 0)
    pages = -(-(past + steps) // PAGE_EVENTS_MAX)
    amounts = (len(scenario.script), len(planned.runs), len(others), pages, largest)
    return Demands(Counter(fault.kind for fault in scenario.faults), amounts, frozenset(_oddities(scenario)))


def is_simpler(one: Scenario, other: Scenario) -> bool:
    """Whether ``one`` asks for less than ``other``."""
    return _is_less(demands(one), demands(other))


def simpler_than(scenario: Scenario, among: Sequence[Scenario]) -> tuple[Scenario, ...]:
    """Those that ask for less."""
    asked = demands(scenario)
    return tuple(one for one in among if _is_less(demands(one), asked))


def _is_less(mine: Demands, theirs: Demands) -> bool:
    return mine != theirs and mine.are_within(theirs)


def _oddities(scenario: Scenario) -> list[str]:
    """Which of the settings of server, client, expectation and workload are not the default."""
    odd = [f"server {name}" for name in Server.model_fields if getattr(scenario.server, name) != _default(Server, name)]
    odd += [f"client {name}" for name in ClientSettings.model_fields if getattr(scenario.client, name) is not None]
    if scenario.expect.certainty != _default(Expectation, "certainty"):
        odd.append("whole log")
    if scenario.workload.recording is not None:
        odd.append("recording")
    for run in scenario.workload.runs:
        odd.extend([f"ends {run.end_status}"] if run.end_status != Run().end_status else [])
        odd.extend(["slow to begin"] if run.init_s > Run().init_s else [])
    return odd


def _default(model: type[Server] | type[Expectation], name: str) -> object:
    return model.model_fields[name].default
