"""Volume: many worlds, one seed each, told by number, so that they can be gone on with; what fails is shrunk."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from scenarios.volume import main, try_chunk


def volume(*arguments: str) -> Result:
    return CliRunner().invoke(main, [*arguments, "--jobs", "1"])


def test_a_broken_client_is_told_by_world_and_shrunk(tmp_path: Path) -> None:
    result = volume("--client", "socket-only", "--examples", "20", "--shrinks", "1", "--directory", str(tmp_path))
    assert result.exit_code == 1, result.output
    assert "fail;" in result.output
    assert result.output.count(", shrunk: ") == 1
    assert len(list(tmp_path.glob("world-*/drawn.*.json"))) == 1


def test_worlds_that_hold_exit_with_0() -> None:
    result = volume("--examples", "20", "--seed", "300")
    assert result.exit_code == 0, result.output
    assert "client gapless: worlds 300 to 319" in result.output
    assert "20 hold, 0 fail" in result.output


def test_chunks_are_the_same_worlds_wherever_they_are_cut() -> None:
    whole = try_chunk("socket-only", 10, 10)
    halves = try_chunk("socket-only", 10, 5), try_chunk("socket-only", 15, 5)
    assert whole.failures == (*halves[0].failures, *halves[1].failures)
    assert whole.generations == (*halves[0].generations, *halves[1].generations)


def test_an_unknown_client_is_a_mistake() -> None:
    result = volume("--client", "nobody")
    assert result.exit_code == 2
    assert "no client is called 'nobody'" in result.output


@pytest.mark.slow
@pytest.mark.parametrize("first", [0, 400])
def test_our_client_holds_in_many_worlds(first: int) -> None:
    assert try_chunk("gapless", first, 400).failures == ()
