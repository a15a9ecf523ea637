"""Decides which of two scenarios is simpler.

A scenario is simpler than another if it demands less in at least one respect and more in none. The respects are:

- the kinds of fault, and how many of each kind are planned
- the numbers of script steps, runs, actions of other clients, and pages of events; and the size of the largest event
- everything that is not the default about the server, the client's settings, the expectation and the workload

If each of two scenarios has a kind of fault that the other lacks, neither is simpler.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from gapless.scenarios.definition.scenario import ClientSettings, Expectation, Run, Scenario, Server
from gapless.scenarios.judging.optimum import PAGE_EVENTS_MAX
from gapless.scenarios.running.world_setup import workload


@dataclass(frozen=True, slots=True)
class Demands:
    """What a scenario demands.

    ``faults``: the number of planned faults, by kind
    ``amounts``: script steps, runs, actions of other clients, pages of events, and the largest event in bytes
    ``oddities``: everything that is not the default
    """

    faults: Counter[str]
    amounts: tuple[int, ...]
    oddities: frozenset[str]

    def are_within(self, other: Demands) -> bool:
        """Whether these demands exceed the others in no respect."""
        return (
            self.faults <= other.faults
            and all(mine <= theirs for mine, theirs in zip(self.amounts, other.amounts, strict=True))
            and self.oddities <= other.oddities
        )

    def are_less_than(self, other: Demands) -> bool:
        """Whether these demands exceed the others in no respect, and are less in one."""
        return self != other and self.are_within(other)


def demands(scenario: Scenario) -> Demands:
    """The demands of a scenario."""
    planned, others = workload(scenario), scenario.workload.background
    past = planned.history_events + len(planned.recording)
    steps = sum(len(run.steps) for run in planned.runs) + sum(2 * one.run.actions for one in others if one.run)
    largest = max(scenario.workload.payload_bytes, *(run.payload_bytes or 0 for run in scenario.workload.runs), 0)
    pages = -(-(past + steps) // PAGE_EVENTS_MAX)
    amounts = (len(scenario.script), len(planned.runs), len(others), pages, largest)
    return Demands(Counter(fault.kind for fault in scenario.faults), amounts, frozenset(_oddities(scenario)))


def is_simpler(one: Scenario, other: Scenario) -> bool:
    """Whether ``one`` is simpler than ``other``."""
    return demands(one).are_less_than(demands(other))


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
