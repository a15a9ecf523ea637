"""An environment with the client libraries that the development environment does not have, from pins."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.lockstep.interpreters import interpreters

ROOT = Path(__file__).parents[2]
PINS = Path(__file__).parent / "requirements.txt"
VERSIONS = ("3.13", "3.12", "3.11")
BUILD_S_MAX = 600


def libraries() -> str:
    """The interpreter of that environment, built once; skips the test when it cannot be built."""
    directory = ROOT / ".venv-lockstep"
    ready, python = directory / ".ready", directory / "bin" / "python"
    pins = PINS.read_text(encoding="utf-8")
    if ready.exists() and ready.read_text(encoding="utf-8") == pins and python.exists():
        return str(python)
    base = next((interpreters()[version] for version in VERSIONS if version in interpreters()), None)
    assert base is not None
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement", str(PINS)]
    for command in ([base, "-m", "venv", "--clear", str(directory)], pip):
        done = subprocess.run(command, capture_output=True, text=True, timeout=BUILD_S_MAX, check=False)
        if done.returncode:
            pytest.skip(f"the environment could not be built: {done.stderr.strip().splitlines()[-1:]}")
    ready.write_text(pins, encoding="utf-8")
    return str(python)
