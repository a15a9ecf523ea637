"""Hurrying: how long a step may take when somebody waits for it.

In virtual time the default deadline costs nothing; in real time it is five minutes for each client that hangs. Our own
client needs 85 s for the longest script that does not say itself how long its steps may take, so that 120 s for one
step is no verdict on anybody's patience.
"""

from __future__ import annotations

from typing import Final

from gapless.scenarios.definition.scenario import Scenario

STEP_DEADLINE_S: Final = 120.0
DEADLINE_S_MAX: Final = 36_000  # a scenario says no more either


def with_real_time_deadline(scenario: Scenario, deadline_s: float | None = None) -> Scenario:
    """The scenario with that deadline for each step; without one, its own, or ours where it has none."""
    if deadline_s is None:
        if "step_deadline_s" in scenario.expect.model_fields_set:
            return scenario
        deadline_s = STEP_DEADLINE_S
    expect = scenario.expect.model_copy(update={"step_deadline_s": float(deadline_s)})
    return scenario.model_copy(update={"expect": expect})
