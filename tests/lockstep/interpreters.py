"""The Pythons of this machine that the shim is tested on."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

VERSIONS = ("3.9", "3.10", "3.11", "3.12", "3.13", "3.14")
_OURS = f"{sys.version_info.major}.{sys.version_info.minor}"
# Each other interpreter takes as long again, so `make test` tries ours alone.
EACH_VERSION = [one if one == _OURS else pytest.param(one, marks=pytest.mark.slow) for one in VERSIONS]
_PLACES = (
    ".pyenv/versions/{}.*/bin/python",
    ".asdf/installs/python/{}.*/bin/python",
    ".local/share/mise/installs/python/{}.*/bin/python",
    ".local/share/uv/python/cpython-{}.*/bin/python",
)


@cache
def interpreters() -> dict[str, str]:
    """One that runs for each version, by version; ours stands for its own."""
    found = {_OURS: sys.executable}
    for version in VERSIONS:
        if version not in found:
            home = Path(os.path.expanduser("~"))
            candidates = [
                f"python{version}",
                *(str(path) for place in _PLACES for path in home.glob(place.format(version))),
            ]
            working = next((one for one in candidates if _is(one, version)), None)
            if working is not None:
                found[version] = working
    return found


def _is(path: str, version: str) -> bool:
    asked = [path, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
    try:
        answer = subprocess.run(asked, capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return answer.returncode == 0 and answer.stdout.strip() == version
