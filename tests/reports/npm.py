"""Other people's readers of our formats, from npm, in the cache of pytest: installed once, when they are wanted."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

PACKAGES = {"ajv": "6.12.6", "har-schema": "2.0.0", "jsdom": "26.1.0", "mermaid": "11.12.0"}
INSTALL_S_MAX = 240
RUN_S_MAX = 120


def installed(config: pytest.Config) -> Path:
    """The directory in which they are. Skips the test where there is no Node, or no network to get them."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("there is no Node here")
    assert config.cache is not None
    directory = config.cache.mkdir("npm")
    wanted = json.dumps({"private": True, "dependencies": PACKAGES})
    manifest, done = directory / "package.json", directory / "done.json"
    if done.exists() and done.read_text(encoding="utf-8") == wanted:
        return directory
    manifest.write_text(wanted, encoding="utf-8")
    command = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--silent"]
    try:
        subprocess.run(command, cwd=directory, check=True, capture_output=True, timeout=INSTALL_S_MAX)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        pytest.skip(f"npm could not install {', '.join(PACKAGES)}: {error}")
    done.write_text(wanted, encoding="utf-8")
    return directory


def run(directory: Path, script: str, *arguments: str) -> str:
    """What a script says that stands among the packages. Raises CalledProcessError when it fails."""
    path = directory / "script.mjs"
    path.write_text(script, encoding="utf-8")
    finished = subprocess.run(
        ["node", str(path), *arguments], capture_output=True, text=True, check=False, timeout=RUN_S_MAX
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout
