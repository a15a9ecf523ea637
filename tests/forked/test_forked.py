"""A forked command is the command: what it prints, how it ends, what reaches it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.forked import command

FRESH = (sys.executable, "-P", "-m", "gapless")
R10 = ("run", "R10", "--client", "poll-then-return", "--generation", "tree", "--cursor", "inclusive")

pytestmark = pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="commands are forked on Linux alone")


def told(argv: Sequence[str]) -> tuple[int, list[str], str]:
    """The exit code, the output without how long it took, and the errors."""
    ended = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)
    lines = [line.rpartition(" simulated in ")[0] or line for line in ended.stdout.splitlines()]
    return ended.returncode, lines, ended.stderr


@pytest.mark.parametrize("words", [("--version",), ("run", "R99"), R10], ids=["version", "usage", "unsafe"])
def test_it_prints_what_a_fresh_process_prints_and_ends_as_it_does(
    words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert told([*command(), *words]) == told([*FRESH, *words])


@contextmanager
def serving(**variables: str) -> Iterator[subprocess.Popen[str]]:
    """A command that goes on until it is told to end, once its first line has been printed."""
    argv = [*command(), "serve", "clean-run", "--port", "0"]
    environment = os.environ | {"PYTHONUNBUFFERED": "1"} | variables
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        yield process
        process.kill()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_a_signal_reaches_it(number: signal.Signals, code: int) -> None:
    with serving() as process:
        process.send_signal(number)
        _, errors = process.communicate(timeout=20)
        assert (process.returncode, errors) == (code, "")


def test_it_ends_with_its_client() -> None:
    with serving() as process:
        process.kill()
        process.communicate(timeout=20)  # until nobody can write any more


@pytest.mark.parametrize(
    ("variables", "is_forked"),
    [({"NO_COLOR": "1"}, True), ({"PYTHONHASHSEED": "7"}, False), ({"LC_ALL": "de_DE.ISO-8859-1"}, False)],
)
def test_what_a_fork_cannot_have_a_fresh_process_has(variables: Mapping[str, str], is_forked: bool) -> None:
    with serving(**variables) as process:
        words = Path(f"/proc/{process.pid}/cmdline").read_text(encoding="utf-8").split("\0")
        assert ("gapless" not in words) is is_forked
