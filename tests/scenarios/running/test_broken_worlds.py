"""A world that breaks down is our bug: said as that, in a sentence, and never taken for the client's doing."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from gapless.reports.records.record import Verdict
from gapless.scenarios.cli.main import main
from gapless.scenarios.definition.catalogue import find_one
from gapless.scenarios.definition.loading import load_file
from gapless.scenarios.errors import WorldBroke
from gapless.scenarios.explore.database import Database
from gapless.scenarios.explore.trial import Block, try_block
from gapless.scenarios.running.runner import RunRequest, perform
from gapless.simserver.conversation.agent import Agent


@pytest.fixture(autouse=True)
def _broken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def step(agent: Agent, now_s: float, event: object) -> None:
        raise ZeroDivisionError("the agent is beside itself")

    monkeypatch.setattr(Agent, "step", step)
    monkeypatch.chdir(tmp_path)


def test_what_broke_and_where_is_in_the_error() -> None:
    with pytest.raises(WorldBroke) as caught:
        perform(RunRequest(find_one("clean-run"), "tree", "inclusive", "gapless"))
    assert str(caught.value) == (
        "the simulated world broke down in clean-run (tree, inclusive, client gapless, seed 0): "
        "ZeroDivisionError: the agent is beside itself"
    )
    assert caught.value.__cause__ is not None


def test_a_command_says_so_in_one_sentence_and_exits_with_70() -> None:
    result = CliRunner().invoke(main, ["run", "clean-run", "--jobs", "1"])
    assert result.exit_code == 70, result.output
    (line,) = [line for line in result.output.splitlines() if line.startswith("Error: ")]
    assert "ZeroDivisionError: the agent is beside itself" in line
    assert line.endswith("this is a bug in gapless, and says nothing of the client: please report it")
    assert "Traceback" not in result.output


def test_a_campaign_keeps_the_world_goes_on_and_exits_with_70_at_the_end() -> None:
    result = CliRunner().invoke(main, ["explore", "--runs", "12", "--jobs", "1", "--seed", "3"])
    assert result.exit_code == 70, result.output
    assert "12 worlds in" in result.output, "the campaign went on"
    (line,) = [line for line in result.output.splitlines() if line.startswith("Error: ")]
    assert "worlds broke down: ZeroDivisionError: the agent is beside itself in step, test_broken_worlds.py" in line
    assert line.endswith("this is a bug in gapless, and says nothing of the client: please report it")
    assert "Traceback" not in result.output
    database = Database(Path(".gapless/explore"), "gapless")
    (group,) = database.load()[0].groups
    assert group.cause.symptom.oracle == "world-broke"
    assert group.worlds > 1
    assert "seed 3, world " in load_file(database.path(group, ".toml")).origin
    replayed = CliRunner().invoke(main, ["replay", str(database.path(group, ".json"))])
    assert replayed.exit_code == 70, replayed.output
    assert "ZeroDivisionError: the agent is beside itself" in replayed.output


def test_what_breaks_while_it_is_judged_is_a_broken_world_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def judge(*arguments: object) -> None:
        raise IndexError("list index out of range")

    monkeypatch.undo()
    monkeypatch.setattr("gapless.scenarios.running.runner.judge", judge)
    found = try_block(Block("gapless", 0, 2))
    assert found.worlds == 2
    assert [one.message for one in found.failures] == [
        "IndexError: list index out of range in judge, test_broken_worlds.py"
    ] * 2
    assert {one.breaks for one in found.failures} == {Verdict.HOLDS}, "it says nothing of the client"
