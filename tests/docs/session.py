"""One page as a reader follows it: every block, in order, in one shell, in a directory that was empty before.

In a ``sh`` block every command has to succeed. A ``console`` block has commands behind ``$`` and what they print; a
command may fail there, for a gapless that found something does. Whatever else a ``python`` block does, it compiles.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.docs.pages import ROOT, Block, Page
from tests.docs.sameness import same, tidied
from tests.forked import executable

SHELLS = ("sh", "console")
DEADLINE_S = 300
_MARK = "\x1e"  # what no command prints
_FOLDERS = ("gapless", "syncclient", "simserver", "scenarios", "reports", "tests")


@dataclass(frozen=True, slots=True)
class Command:
    """One command of a page, and what the page shows of its output; None where it shows none."""

    text: str
    line: int
    shown: tuple[str, ...] | None
    must_succeed: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command printed, as the page would show it, and its exit code."""

    command: Command
    printed: tuple[str, ...]
    exit_code: int

    @property
    def problem(self) -> str | None:
        """What is wrong with it, if anything is."""
        command, printed = self.command, "\n".join(self.printed)
        if command.must_succeed and self.exit_code:
            return f"line {command.line}: $ {command.text}\nended with {self.exit_code}, and printed\n{printed}"
        if command.shown is not None and not same(command.shown, self.printed):
            shown = "\n".join(command.shown)
            return f"line {command.line}: $ {command.text}\nshown\n{shown}\nprinted\n{printed}"
        return None


def follow(page: Page, home: Path, *, slow: bool, forked: bool = False) -> list[Outcome]:
    """Follow a page; what came of each command. ``slow``: with the blocks that take long.

    ``forked``: the command `gapless` is that of `tests.forked`.
    """
    blocks = [block for block in page.blocks if block.not_run is None and (slow or not block.is_slow)]
    if page.in_a_checkout:
        _copy_checkout(home)
    script: list[str] = []
    commands: list[Command] = []
    for block in blocks:
        if block.file is not None:
            script.append(f"cat > {shlex.quote(block.file)} <<'_END_'\n{block.text}_END_\n")
        for command in _commands(block, home):
            script.append(_told(command.text))
            commands.append(command)
    with TemporaryDirectory(prefix="gapless-path-") as first:
        if forked:
            executable(Path(first))
        return _outcomes(commands, "".join(script), home, first)


def _told(text: str) -> str:
    """The exit code is told behind the output, and is there for the next command, as it is for a reader."""
    return f"{text}\n__code=$?; printf '\\n{_MARK}%s\\n' $__code; (exit $__code)\n"


def _commands(block: Block, home: Path) -> Iterator[Command]:
    if block.language == "diff":
        yield Command(f"git apply <<'_END_'\n{block.text}_END_", block.line, None, must_succeed=True)
    if block.language == "sh":
        # A block is read as a shell reads it, so that a command may go over several lines.
        yield Command(f"set -e\n{block.text}set +e", block.line, None, must_succeed=True)
    if block.language == "console":
        yield from _shown_commands(block, home)


def _shown_commands(block: Block, home: Path) -> Iterator[Command]:
    text, line, shown = "", block.line, list[str]()
    for number, one in enumerate(block.text.splitlines(), start=block.line + 1):
        if one.startswith("$ "):
            if text:
                yield Command(text, line, tuple(_lines("\n".join(shown), home)), must_succeed=False)
            text, line, shown = one.removeprefix("$ "), number, []
        elif one.startswith("> ") and not shown:
            text += "\n" + one.removeprefix("> ")
        else:
            shown.append(one)
    yield Command(text, line, tuple(_lines("\n".join(shown), home)), must_succeed=False)


def _outcomes(commands: list[Command], script: str, home: Path, first: str) -> list[Outcome]:
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=home,
        env=_environment(home, first),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        timeout=DEADLINE_S,
        check=False,
    )
    parts = done.stdout.split(f"\n{_MARK}")
    outcomes = []
    for command, text, rest in zip(commands, parts, parts[1:], strict=False):
        code = int(rest.partition("\n")[0])
        outcomes.append(Outcome(command, tuple(_lines(text, home)), code))
        parts[len(outcomes)] = rest.partition("\n")[2]
    for command in commands[len(outcomes) :]:  # the shell itself ended in one
        outcomes.append(Outcome(command, tuple(_lines(parts[-1], home)), done.returncode or 1))
        break
    return outcomes


def _lines(text: str, home: Path) -> list[str]:
    """As a page shows it: no page knows where a reader has the checkout, nor where it is followed."""
    return tidied(text, {str(home): ".", str(home.resolve()): ".", str(ROOT): "…"})


def _environment(home: Path, first: str) -> dict[str, str]:
    """A plain terminal, with the command that this Python has; no word of the one that runs the tests."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GAPLESS_", "GITHUB_", "PYTEST"))}
    python_path = {"PYTHONPATH": str(home)} if (home / "simserver").is_dir() else {}
    return {
        **kept,
        "PATH": f"{first}:{Path(sys.executable).parent}:{kept.get('PATH', '')}",
        "NO_COLOR": "1",
        "COLUMNS": "100",
        "PYTHONUNBUFFERED": "1",
        "LC_ALL": "C.UTF-8",
        **python_path,
    }


def _copy_checkout(home: Path) -> None:
    leave_out = shutil.ignore_patterns("__pycache__", "*.pyc")
    for name in _FOLDERS:
        # The links in gapless/ are copied as links, so that they lead into the copy.
        shutil.copytree(ROOT / name, home / name, symlinks=True, ignore=leave_out)
    for name in ("pyproject.toml", "Makefile"):
        shutil.copy(ROOT / name, home / name)
