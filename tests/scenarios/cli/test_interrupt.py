"""Ctrl-C: what a command does when somebody wants it to end, whatever it is at."""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from gapless.scenarios.cli.main import main
from tests.forked import command

CLIENTS = """
import os
from contextlib import asynccontextmanager


@asynccontextmanager
async def spinning(context):
    os.write(2, b"spinning\\n")
    while True:
        pass
    yield


@asynccontextmanager
async def leaving(context):
    os._exit(3)
    yield
"""


@pytest.fixture
def clients(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("own_clients.py").write_text(CLIENTS, encoding="utf-8")


def started(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*command(), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,  # its own, so that Ctrl-C reaches its processes as on a terminal
    )


@pytest.mark.usefixtures("clients")
@pytest.mark.parametrize(
    ("words", "jobs"), [(("run", "clean-run"), "1"), (("run", "clean-run"), "2"), (("explore",), "2")]
)
def test_a_second_interrupt_ends_a_client_that_never_comes_back_and_every_process(
    words: tuple[str, ...], jobs: str
) -> None:
    with started(*words, "--client", "own_clients:spinning", "--jobs", jobs) as running:
        assert running.stderr is not None
        assert running.stderr.readline() == "spinning\n"
        os.killpg(running.pid, signal.SIGINT)
        said = ""
        while "Ctrl-C again" not in said:
            said = running.stderr.readline()
        os.killpg(running.pid, signal.SIGINT)
        _, errors = running.communicate(timeout=20)  # which ends when the last process has let go of the pipe
    assert running.returncode == 130, errors
    assert errors.splitlines()[-1] == "interrupted"
    assert "Traceback" not in errors


def test_an_interrupt_while_a_command_is_imported_shows_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(name: str) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(importlib, "import_module", interrupted)
        result = CliRunner().invoke(main, ["list"])
    assert result.exit_code == 130
    assert result.output == "interrupted\n"


def test_the_command_line_imports_nothing_that_takes_its_time_before_it_knows_the_command() -> None:
    slow = "('trio', 'pydantic', 'hypothesis')"
    script = f"import sys, gapless.scenarios.cli.main; print([one for one in {slow} if one in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", script], text=True) == "[]\n"


@pytest.mark.usefixtures("clients")
@pytest.mark.parametrize("words", [("run", "clean-run"), ("explore", "--runs", "20")])
def test_a_client_that_ends_its_process_is_told_in_a_sentence(words: tuple[str, ...]) -> None:
    with started(*words, "--client", "own_clients:leaving", "--jobs", "2") as running:
        _, errors = running.communicate(timeout=30)
    assert running.returncode == 2
    assert errors.startswith("Error: a process ended in the middle of a run: the client ended it")
    assert "Traceback" not in errors
