"""The Nodes of this machine that the shim is tested on.

Those that LOCKSTEP_NODES names (paths, separated as in PATH), else what is found.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest

MAJORS = (20, 22, 24)
VARIABLE = "LOCKSTEP_NODES"
SHIM = Path(__file__).parents[2] / "scenarios" / "lockstep" / "shims" / "node"
_PLACES = (
    ".nvm/versions/node/v{}.*/bin/node",
    ".local/share/fnm/node-versions/v{}.*/installation/bin/node",
    ".local/share/mise/installs/node/{}.*/bin/node",
    ".asdf/installs/nodejs/{}.*/bin/node",
)


@cache
def nodes() -> dict[int, tuple[str, ...]]:
    """The paths of those that run, by major version."""
    named = os.environ.get(VARIABLE)
    home = Path.home()
    places = [str(path) for major in MAJORS for place in _PLACES for path in sorted(home.glob(place.format(major)))]
    candidates = named.split(os.pathsep) if named else [*filter(None, [shutil.which("node")]), *places]
    found: dict[int, tuple[str, ...]] = {}
    for path in candidates:
        major = _major(path)
        if major is not None:
            found[major] = (*found.get(major, ()), path)
    return found


def _each_major() -> list[object]:
    first = shutil.which("node")
    ours = None if first is None else _major(first)
    return [one if one == ours else pytest.param(one, marks=pytest.mark.slow) for one in MAJORS]


def _major(path: str) -> int | None:
    try:
        answer = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=60, check=True)
        return int(answer.stdout.removeprefix("v").split(".")[0])
    except (OSError, ValueError, subprocess.SubprocessError):
        return None


# `make test` tries the one on the path alone.
EACH_MAJOR = _each_major()
