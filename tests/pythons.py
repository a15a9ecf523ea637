"""The Pythons of this machine, and an environment with the pinned requirements for each."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
WANTED = ("3.11", "3.12", "3.13")
REQUIREMENTS = ROOT / "requirements.txt"

# Where version managers keep them: one that is on the path may be a shim that fails.
_PLACES = (
    ".pyenv/versions/{}.*/bin/python",
    ".asdf/installs/python/{}.*/bin/python",
    ".local/share/mise/installs/python/{}.*/bin/python",
    ".local/share/uv/python/cpython-{}.*/bin/python",
)


@dataclass(frozen=True, slots=True)
class Python:
    """An interpreter that runs: ``version`` is its major and minor version."""

    version: str
    path: Path


def found() -> tuple[Python, ...]:
    """One interpreter that runs for each wanted version; ours stands for its own."""
    ours = f"{sys.version_info.major}.{sys.version_info.minor}"
    others = (version for version in WANTED if version != ours)
    runs = (
        next((Python(version, path) for path in _candidates(version) if _is(path, version)), None) for version in others
    )
    return (Python(ours, Path(sys.executable)), *(python for python in runs if python is not None))


def _candidates(version: str) -> Iterator[Path]:
    yield Path(f"python{version}")
    for place in _PLACES:
        yield from sorted(Path.home().glob(place.format(version)), reverse=True)


def _is(path: Path, version: str) -> bool:
    program = "import sys, venv; print('%d.%d' % sys.version_info[:2])"
    try:
        answer = subprocess.run([path, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return answer.returncode == 0 and answer.stdout.strip() == version


def equipped(python: Python) -> Path:
    """An interpreter of that version which has the requirements: ours as it is, others in ``.venv-VERSION``, made once.

    Raises CalledProcessError, with what pip said on the screen, when one cannot be made.
    """
    if python.path == Path(sys.executable):
        return python.path
    environment = ROOT / f".venv-{python.version}"
    interpreter, ready = environment / "bin" / "python", environment / ".ready"
    pinned = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()
    if not ready.exists() or ready.read_text() != pinned or not _is(interpreter, python.version):
        subprocess.run([python.path, "-m", "venv", "--clear", environment], check=True)
        quiet = ("-qq", "--disable-pip-version-check", "-r", REQUIREMENTS)
        subprocess.run([interpreter, "-m", "pip", "install", *quiet], check=True)
        ready.write_text(pinned)
    return interpreter
