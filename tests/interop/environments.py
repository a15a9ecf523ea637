"""Environments: one for each release of the published packages, with its own interpreter and its own pins.

A release of the SDK is named by its version, and `requirements-VERSION.txt` pins it. A release of the TypeScript
client is named `typescript-VERSION`, and `package-VERSION.json` pins it. A release without such a file is resolved
when its environment is built, and the environment is kept.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from gapless.scenarios.realserver.environment import NoServer, interpreter

ROOT = Path(__file__).parents[2]
PINS = Path(__file__).parent
BUILD_S_MAX = 1200

# Nothing is told to anybody, and nothing is fetched at import.
QUIET: Mapping[str, str] = {
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "OPENHANDS_SUPPRESS_BANNER": "1",
    "OTEL_SDK_DISABLED": "true",
    "DO_NOT_TRACK": "1",
    "PYTHONWARNINGS": "ignore",
    "NO_COLOR": "1",
    # A traceback drawn by rich takes a tenth of a second, which is what a client is measured by.
    "LOG_RICH_TRACEBACKS": "false",
    # Without compiled files each process needs a quarter of a minute for its imports.
    "PYTHONDONTWRITEBYTECODE": "",
}
TYPESCRIPT = "typescript-"
CLIENT = "@openhands/typescript-client"
RESOLVED = "resolved when it was built\n"


class EnvironmentMissing(Exception):
    """There is no interpreter that could carry the published packages, or they cannot be installed."""


def python() -> str:
    """An interpreter of at least 3.12 that runs. Raises EnvironmentMissing."""
    try:
        return interpreter()
    except NoServer as error:
        raise EnvironmentMissing(str(error)) from error


def releases() -> tuple[str, ...]:
    """The releases that there are pins for: those of the SDK, then those of the TypeScript client, oldest first."""
    return (*_pinned("requirements-*.txt", ""), *_pinned("package-*.json", TYPESCRIPT))


def _pinned(pattern: str, prefix: str) -> tuple[str, ...]:
    versions = (path.stem.partition("-")[2] for path in PINS.glob(pattern))
    return tuple(prefix + one for one in sorted(versions, key=numbers))


def numbers(release: str) -> tuple[int, ...]:
    """A version as numbers, which can be compared. Raises ValueError for what is none."""
    return tuple(int(part) for part in release.removeprefix(TYPESCRIPT).split("."))


def directory(release: str) -> Path:
    """Where the environment of a release is, or will be."""
    return ROOT / f".venv-interop-{release}"


def is_ready(release: str) -> bool:
    """Whether it has been built from the pins as they are now, by an interpreter that is still there."""
    mark = directory(release) / ".ready"
    return (
        mark.exists() and Path(executable(release)).exists() and mark.read_text(encoding="utf-8") == pins_text(release)
    )


def build(release: str) -> None:
    """Build the environment of a release. Raises EnvironmentMissing with the installer's last words."""
    if release.startswith(TYPESCRIPT):
        _build_typescript(release)
    else:
        _build_python(release)
    (directory(release) / ".ready").write_text(pins_text(release), encoding="utf-8")


def _build_python(release: str) -> None:
    target = directory(release)
    _run([python(), "-m", "venv", "--clear", str(target)], release)
    pip = [executable(release), "-m", "pip", "install", "--quiet", "--no-compile", "--disable-pip-version-check"]
    wanted = ["--requirement", str(_pins(release))] if _pins(release).exists() else [f"openhands-sdk=={release}"]
    _run([*pip, *wanted], release)
    _run([executable(release), "-c", "import openhands.sdk"], release)


def _build_typescript(release: str) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise EnvironmentMissing(f"{release} cannot be installed: there is no npm on the path; install Node with npm")
    target = directory(release)
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    version = release.removeprefix(TYPESCRIPT)
    unpinned = json.dumps({"private": True, "dependencies": {CLIENT: version, "ws": "8"}})
    text = pins_text(release) if _pins(release).exists() else unpinned
    (target / "package.json").write_text(text, encoding="utf-8")
    command = [npm, "install", "--prefix", str(target), "--ignore-scripts", "--no-audit", "--no-fund"]
    _run([*command, "--loglevel=error"], release)


def executable(release: str) -> str:
    """The interpreter in the environment of a release; for the TypeScript client, what was installed."""
    if release.startswith(TYPESCRIPT):
        return str(directory(release) / "node_modules" / CLIENT / "package.json")
    return str(directory(release) / "bin" / "python")


def version(release: str) -> str:
    """Which Python it has."""
    asked = [executable(release), "-c", "import platform; print(platform.python_version())"]
    return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()


def variables(**more: str) -> dict[str, str]:
    """Environment variables for what runs in one of them."""
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG", "TMPDIR"}}
    return kept | dict(QUIET) | more


def _pins(release: str) -> Path:
    if release.startswith(TYPESCRIPT):
        return PINS / f"package-{release.removeprefix(TYPESCRIPT)}.json"
    return PINS / f"requirements-{release}.txt"


def pins_text(release: str) -> str:
    """What pins a release, or a word for one that was resolved when it was built."""
    return _pins(release).read_text(encoding="utf-8") if _pins(release).exists() else RESOLVED


def _run(command: list[str], release: str) -> None:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=BUILD_S_MAX, check=False, env=variables()
        )
    except subprocess.TimeoutExpired:
        raise EnvironmentMissing(f"the environment of {release} was not built in {BUILD_S_MAX} s") from None
    if done.returncode:
        last = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()][-3:]
        raise EnvironmentMissing(f"the environment of {release} could not be built: {' / '.join(last)}")
