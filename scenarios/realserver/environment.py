"""Environments of published agent servers: built once for each version, and kept in the user's cache.

A server is named as pip names it: ``openhands-agent-server==1.58.2``. The versions that the tests use are pinned with
all that they need, in ``pins/``. Another version is resolved when its environment is built.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gapless.scenarios.definition.scenario import ServerGeneration
from gapless.scenarios.errors import UsageError

PACKAGE: Final = "openhands-agent-server"
PINS: Final = Path(__file__).parent / "pins"
PYTHON_MIN: Final = (3, 12)
BUILD_S_MAX: Final = 1200
_SPEC: Final = re.compile(rf"{PACKAGE}==(\d+(?:\.\d+)+)")
_NAMES: Final = ("python3.12", "python3.13", "python3.14", "python3", "python")
_GENERATIONS: Final[tuple[tuple[tuple[int, ...], ServerGeneration], ...]] = (
    ((1, 45), "session"),
    ((1, 31), "tree"),
    ((0,), "legacy"),
)
_RESOLVED: Final = "resolved when it was built\n"


class NoServer(UsageError):
    """The environment of a server cannot be had."""


@dataclass(frozen=True, slots=True)
class PublishedServer:
    """One version of the published agent server."""

    version: str

    def __str__(self) -> str:
        return f"{PACKAGE}=={self.version}"

    @property
    def generation(self) -> ServerGeneration:
        """The generation of its protocol."""
        numbers = tuple(int(part) for part in self.version.split("."))
        return next(name for since, name in _GENERATIONS if numbers >= since)

    @property
    def directory(self) -> Path:
        """Where its environment is, or will be."""
        cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        return Path(cache) / "gapless" / "servers" / f"{PACKAGE}-{self.version}"

    @property
    def python(self) -> Path:
        """The interpreter in its environment."""
        return self.directory / "bin" / "python"

    @property
    def is_ready(self) -> bool:
        """Whether the environment was built from the pins as they are now, and its interpreter is still there."""
        mark = self.directory / ".ready"
        return mark.exists() and self.python.exists() and mark.read_text(encoding="utf-8") == self._pins_text()

    def build(self) -> None:
        """Build the environment. Raises NoServer, with the last words of the installer."""
        target = self.directory
        target.parent.mkdir(parents=True, exist_ok=True)
        self._run([interpreter(), "-m", "venv", "--clear", str(target)])
        wanted = ["--requirement", str(self._pins)] if self._pins.exists() else [str(self)]
        self._run([str(self.python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *wanted])
        self._run([str(self.python), "-c", "import openhands.agent_server"])
        (target / ".ready").write_text(self._pins_text(), encoding="utf-8")

    @property
    def _pins(self) -> Path:
        return PINS / f"{PACKAGE}-{self.version}.txt"

    def _pins_text(self) -> str:
        return self._pins.read_text(encoding="utf-8") if self._pins.exists() else _RESOLVED

    def _run(self, command: list[str]) -> None:
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=BUILD_S_MAX, check=False)
        except subprocess.TimeoutExpired:
            raise NoServer(f"the environment of {self} was not built in {BUILD_S_MAX} s; try again") from None
        except OSError as error:
            raise NoServer(f"the environment of {self} cannot be built: {error}") from error
        if done.returncode:
            last = [line.strip() for line in (done.stdout + done.stderr).splitlines() if line.strip()][-2:]
            raise NoServer(f"the environment of {self} cannot be built: {' / '.join(last)}")


def parse_server(text: str) -> PublishedServer:
    """The server that a text names. Raises UsageError."""
    found = _SPEC.fullmatch(text.strip())
    if found is None:
        raise UsageError(f"{text!r} names no server; name one with its version, as {PACKAGE}==1.58.2")
    return PublishedServer(found[1])


def interpreter() -> str:
    """An interpreter of at least 3.12 that runs: what is on the path may be a version manager's shim, which fails.

    ``GAPLESS_PYTHON312`` may name one. Raises NoServer.
    """
    named = os.environ.get("GAPLESS_PYTHON312")
    if named:
        if _will_do(named):
            return named
        raise NoServer(f"GAPLESS_PYTHON312 names {named}, which is no Python 3.12 or newer that runs")
    for candidate in _candidates():
        if _will_do(candidate):
            return candidate
    raise NoServer(
        "a published package needs Python 3.12 or newer, and none was found on the path or among pyenv's; install "
        "one, or name it in GAPLESS_PYTHON312"
    )


def _will_do(candidate: str) -> bool:
    check = f"import sys, venv, ensurepip; sys.exit(sys.version_info < {PYTHON_MIN})"
    try:
        return subprocess.run([candidate, "-c", check], capture_output=True, check=False).returncode == 0
    except OSError:  # it is nowhere, or no program
        return False


def _candidates() -> Iterator[str]:
    yield from (found for name in _NAMES if (found := shutil.which(name)))
    versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    yield from sorted(str(path) for path in versions.glob("3.1[2-9]*/bin/python"))
