"""A world that breaks down is our bug: said as that, in a sentence, and never taken for the client's doing."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from gapless.scenarios.cli.main import main
from gapless.scenarios.definition.catalogue import find_one
from gapless.scenarios.errors import WorldBroke
from gapless.scenarios.explore.trial import Block, try_block
from gapless.scenarios.running.runner import RunRequest, perform
from gapless.simserver.conversation.agent import Agent


@pytest.fixture(autouse=True)
def _broken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def step(agent: Agent, now_s: float, event: object) -> None:
        raise ZeroDivisionError("the agent is beside itself")

    monkeypatch.setattr(Agent, "step", step)
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("level", ["wire", "model"])
def test_what_broke_and_where_is_in_the_error(level: str) -> None:
    with pytest.raises(WorldBroke) as caught:
        perform(
            RunRequest(find_one("clean-run"), "tree", "inclusive", "gapless"),
            level="wire" if level == "wire" else "model",
        )
    assert str(caught.value) == (
        "the simulated world broke down in clean-run (tree, inclusive, client gapless, seed 0): "
        "ZeroDivisionError: the agent is beside itself"
    )
    assert caught.value.__cause__ is not None


@pytest.mark.parametrize(
    "command", [("run", "clean-run", "--jobs", "1"), ("explore", "--runs", "5", "--jobs", "1", "--level", "model")]
)
def test_a_command_says_so_in_one_sentence_and_exits_with_70(command: tuple[str, ...]) -> None:
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 70, result.output
    (line,) = [line for line in result.output.splitlines() if line.startswith("Error: ")]
    assert "ZeroDivisionError: the agent is beside itself" in line
    assert line.endswith("this is a bug in gapless, and says nothing of the client: please report it")
    assert "Traceback" not in result.output


def test_a_campaign_says_in_which_block_it_was() -> None:
    with pytest.raises(WorldBroke, match=r"^block 7: the simulated world broke down in "):
        try_block(Block("gapless", 7, 10, "model"))
