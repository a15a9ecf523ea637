"""Environments of published servers: where they are, and in which sentence one that cannot be had is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from gapless.scenarios.cli.main import main
from gapless.scenarios.realserver.environment import PINS, NoServer, PublishedServer, interpreter

SERVER = PublishedServer("1.58.2")


def test_an_environment_is_kept_in_the_users_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert SERVER.directory == tmp_path / "gapless" / "servers" / "openhands-agent-server-1.58.2"
    assert not SERVER.is_ready


def test_an_environment_of_other_pins_is_not_ready(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    (SERVER.directory / "bin").mkdir(parents=True)
    SERVER.python.touch()
    (SERVER.directory / ".ready").write_text("openhands-agent-server==1.58.1\n", encoding="utf-8")
    assert not SERVER.is_ready
    pins = (PINS / "openhands-agent-server-1.58.2.txt").read_text(encoding="utf-8")
    (SERVER.directory / ".ready").write_text(pins, encoding="utf-8")
    assert SERVER.is_ready


def test_pins_name_packages_and_versions_and_nothing_else() -> None:
    files = sorted(PINS.glob("*.txt"))
    assert [one.stem for one in files] == ["openhands-agent-server-1.57.0", "openhands-agent-server-1.58.2"]
    for file in files:
        lines = file.read_text(encoding="utf-8").splitlines()
        assert all(len(line.split("==")) == 2 and " " not in line and "/" not in line for line in lines), file
        assert file.stem.replace("server-", "server==") in lines


def test_an_interpreter_that_is_named_must_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAPLESS_PYTHON312", "/no/such/python")
    with pytest.raises(NoServer, match="which is no Python"):
        interpreter()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["run", "R10", "--server", "1.58.2"], "'1.58.2' names no server"),
        (["run", "R10", "--generation", "legacy"], "legacy: openhands-agent-server==1.58.2 is session or tree"),
        (["run", "r20-late-stats"], "r20-late-stats cannot be played on openhands-agent-server==1.58.2"),
        (["run", "r15-long-initialisation"], "says running at once, not after 25 s"),
        (["compare", "--sweep"], "leave out --server"),
        (["replay", "x.json"], "a capsule has a server of its own"),
        (["run", "clean-run", "--clock", "real", "--", "python"], "--server needs virtual time"),
    ],
)
def test_what_cannot_be_is_one_sentence_and_exit_code_2(words: list[str], sentence: str) -> None:
    given = words if "--server" in words else [words[0], "--server", str(SERVER), *words[1:]]
    result = CliRunner().invoke(main, given)
    assert result.exit_code == 2, result.output
    assert sentence in result.output
    assert "Traceback" not in result.output


def test_an_environment_that_cannot_be_built_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("GAPLESS_PYTHON312", "/no/such/python")
    result = CliRunner().invoke(main, ["run", "clean-run", "--server", str(SERVER)])
    assert result.exit_code == 2, result.output
    assert "GAPLESS_PYTHON312 names /no/such/python" in result.output
