"""Which oracles judge, and budgets that a user writes from a run."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from gapless.reports.records.record import Verdict
from gapless.scenarios.definition.catalogue import find_one
from gapless.scenarios.errors import UsageError
from gapless.scenarios.judging.choosing import GROUPS, NAMES, chosen_oracles, words
from gapless.scenarios.judging.own_budget import OwnBudget, check_budget_file, read_budgets, write_budgets
from gapless.scenarios.running.runner import RunRequest, perform

DEAR = RunRequest(find_one("r30-lost-frame"), "tree", "inclusive", "full-rescan")


def test_every_oracle_is_in_a_group() -> None:
    assert {name for names in GROUPS.values() for name in names} == set(NAMES)


def test_nothing_chosen_means_all() -> None:
    assert chosen_oracles() == ()
    assert chosen_oracles(["safety", "liveness", "budget"]) == ()


def test_groups_and_single_oracles_are_chosen_and_left_out() -> None:
    assert chosen_oracles(["budget", "no-hang"]) == ("no-hang", "budget")
    assert chosen_oracles(no_judge=["budget"]) == tuple(name for name in NAMES if name != "budget")
    assert words(["safety, liveness", "budget"]) == ("safety", "liveness", "budget")


def test_an_unknown_name_gets_a_suggestion() -> None:
    with pytest.raises(UsageError, match="'no-holse'; did you mean 'no-holes'"):
        chosen_oracles(["no-holse"])


def test_something_must_be_left_to_judge_by() -> None:
    with pytest.raises(UsageError, match="no oracle is left"):
        chosen_oracles(["budget"], ["budget"])


def test_a_client_that_is_safe_and_dear_holds_without_the_budget() -> None:
    assert perform(DEAR).record.verdict is Verdict.OVER_BUDGET
    judge = chosen_oracles(["safety", "liveness"])
    record = perform(dataclasses.replace(DEAR, judge=judge)).record
    assert record.verdict is Verdict.HOLDS
    assert record.chosen == judge
    assert {one.oracle for one in record.judged} == set(judge)


def test_what_a_run_spent_is_written_and_held_by_a_later_run(tmp_path: Path) -> None:
    spent = perform(dataclasses.replace(DEAR, judge=chosen_oracles(no_judge=["budget"]))).record
    assert write_budgets(tmp_path / "budget.toml", [spent]) == 1
    own = read_budgets(tmp_path).of("full-rescan", "r30-lost-frame", "tree/inclusive")
    assert own == OwnBudget(spent.rest.calls, spent.rest.bytes, spent.rest.events_read, "budget.toml")
    assert perform(dataclasses.replace(DEAR, own_budget=own)).record.verdict is Verdict.HOLDS

    less = dataclasses.replace(own, calls=own.calls - 1)
    over = perform(dataclasses.replace(DEAR, own_budget=less)).record
    assert over.verdict is Verdict.OVER_BUDGET
    assert over.violations[0].message == f"{own.calls} REST calls; budget.toml has {own.calls - 1}"

    more = dataclasses.replace(own, calls=own.calls + 1)
    under = perform(dataclasses.replace(DEAR, own_budget=more)).record
    assert under.under_budget == f"{own.calls} REST calls, budget.toml has {own.calls + 1}"


def test_budgets_in_a_pyproject_leave_the_rest_of_it_alone(tmp_path: Path) -> None:
    project = tmp_path / "pyproject.toml"
    project.write_text(
        '[project]\nname = "mine"\n\n[tool.gapless.budget.clients.old.s]\n"tree/inclusive" = '
        "{ calls = 1, bytes = 2, events_read = 3 }\n\n[tool.other]\nx = 1\n"
    )
    record = perform(dataclasses.replace(DEAR, judge=("no-holes",))).record
    write_budgets(project, [record])
    write_budgets(project, [record])
    text = project.read_text()
    assert text.startswith('[project]\nname = "mine"\n\n[tool.other]\nx = 1\n\n# What runs may spend')
    assert text.count("r30-lost-frame") == 1
    assert read_budgets(tmp_path).of("old", "s", "tree/inclusive") == OwnBudget(1, 2, 3, "pyproject.toml")


def test_a_run_that_fails_is_no_budget(tmp_path: Path) -> None:
    assert write_budgets(tmp_path / "budget.toml", [perform(DEAR).record]) == 0


@pytest.mark.parametrize(
    ("text", "problem"), [("calls = ", "is not TOML"), ("[clients.a.b]\nx = 3\n", "clients"), ("y = 1\n", "y")]
)
def test_a_broken_budget_file_is_told_with_its_cure(text: str, problem: str, tmp_path: Path) -> None:
    (tmp_path / "budget.toml").write_text(text)
    with pytest.raises(UsageError, match=f"budget.toml.*{problem}.*--write-budget"):
        read_budgets(tmp_path)


def test_a_name_of_a_scenario_is_no_budget_file() -> None:
    with pytest.raises(UsageError, match=r"ends in \.toml"):
        check_budget_file(Path("r30"))


def test_an_over_budget_message_says_what_the_optimum_rests_on() -> None:
    message = perform(DEAR).record.violations[0].message
    assert "the chain from the leaf proves the branch; no frame brought" in message
    assert "attach 1: the snapshot names the leaf; of 20 events, one page shows both ends" in message
