"""How long a step may take in real time.

In virtual time the default deadline of a scenario costs nothing. In real time it is a wait of five minutes for each
client that hangs, so the default is shorter here. gapless needs 85 s for the longest script without a deadline of its
own, so 120 s for a single step fails no client that is only patient.
"""

from __future__ import annotations

from typing import Final

from gapless.scenarios.definition.scenario import Scenario

STEP_DEADLINE_S: Final = 120.0
DEADLINE_S_MAX: Final = 36_000  # the bound of `step_deadline_s` in a scenario too


def with_real_time_deadline(scenario: Scenario, deadline_s: float | None = None) -> Scenario:
    """The scenario with ``deadline_s`` for each step. None: the scenario's own deadline, else ``STEP_DEADLINE_S``."""
    if deadline_s is None:
        if "step_deadline_s" in scenario.expect.model_fields_set:
            return scenario
        deadline_s = STEP_DEADLINE_S
    expect = scenario.expect.model_copy(update={"step_deadline_s": float(deadline_s)})
    return scenario.model_copy(update={"expect": expect})
