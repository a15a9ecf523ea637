"""The cost table as budgets: each row in every generation and cursor mode, and not one call to spare."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from gapless.scenarios.definition.catalogue import catalogue
from gapless.scenarios.definition.scenario import CURSORS, GENERATIONS, Ceiling, Scenario
from gapless.scenarios.running.cost_table import SITUATIONS, table
from gapless.scenarios.running.runner import RunRequest, perform, requests

COSTS = tuple(scenario for scenario in catalogue() if scenario.name.startswith("cost-"))
TABLE = Path(__file__).parents[3] / "docs" / "algorithm.md"


def test_every_row_of_the_table_has_a_scenario() -> None:
    assert {scenario.origin for scenario in COSTS} == {f"the cost table: {row}" for row in SITUATIONS}


@pytest.mark.slow
def test_the_table_in_the_docs_is_what_is_measured() -> None:
    assert table() in TABLE.read_text(encoding="utf-8"), (
        "put the output of `python -m gapless.scenarios.running.cost_table` there"
    )


@pytest.mark.parametrize("scenario", COSTS, ids=lambda scenario: scenario.name)
def test_a_cost_is_promised_in_every_generation_and_cursor_mode(scenario: Scenario) -> None:
    assert len(scenario.variants()) == len(GENERATIONS) * len(CURSORS)
    ceilings = [scenario.budget.attach_calls]
    if "run" in scenario.script:
        ceilings.append(scenario.budget.later_calls)
    for ceiling in ceilings:
        assert all(ceiling.of(generation) is not None for generation in GENERATIONS)


def _lowered(ceiling: Ceiling) -> Ceiling:
    """One call less everywhere, and no bound where there is nothing to take away."""
    bounds = {generation: ceiling.of(generation) for generation in GENERATIONS}
    return Ceiling.model_validate({name: bound - 1 for name, bound in bounds.items() if bound})


def variant(one: RunRequest) -> Any:
    """A row in a variant. The second cursor mode is left to the slow suite, as in `test_runner.py`."""
    marks = (pytest.mark.slow,) if one.cursor == "exclusive" else ()
    return pytest.param(one, id=f"{one.scenario.name}-{one.generation}-{one.cursor}", marks=marks)


VARIANTS = [variant(one) for one in requests(COSTS, client="gapless", generations=GENERATIONS, cursors=CURSORS)]


@pytest.mark.parametrize("request_", VARIANTS)
def test_a_promise_would_be_broken_by_one_more_call(request_: RunRequest) -> None:
    scenario, generation = request_.scenario, request_.generation
    lowered = scenario.budget.model_copy(
        update={
            "attach_calls": _lowered(scenario.budget.attach_calls),
            "later_calls": _lowered(scenario.budget.later_calls),
        }
    )
    poorer = dataclasses.replace(request_, scenario=scenario.model_copy(update={"budget": lowered}))
    record = perform(poorer).record
    # Nothing else is wrong with it, so the row itself holds.
    assert [violation.message for violation in record.violations] == [
        f"{ceiling} {words}; the budget is {ceiling - 1}"
        for words, ceiling in (
            ("REST calls until attach returned", scenario.budget.attach_calls.of(generation)),
            ("REST calls after the attach", scenario.budget.later_calls.of(generation)),
        )
        if ceiling
    ]
    assert record.rest.calls <= record.rest.allowed_calls
    assert record.rest.calls <= record.rest.optimum_calls or record.rest.because
