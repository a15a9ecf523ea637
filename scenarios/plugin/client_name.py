"""The name of a factory, and whether a command that is run in a directory can find the factory by that name."""

from __future__ import annotations

import subprocess
import sys
from functools import cache
from pathlib import Path

from gapless.scenarios.clients.contract import Factory

_LOOK = "import importlib.util, sys; found = importlib.util.find_spec(sys.argv[1]); print(found and found.origin)"
LOOK_S_MAX = 20


def name_of(factory: Factory) -> str:
    """``module:function``. A factory that has no name of its own gets the name of its type."""
    module = getattr(factory, "__module__", None) or "unknown"
    name = getattr(factory, "__qualname__", type(factory).__qualname__)
    return f"{module}:{name.replace('<locals>.', '').replace('<', '').replace('>', '')}"


def can_be_named(factory: Factory, directory: Path) -> bool:
    """Whether ``--client`` finds this same factory by its name, in a command that is run in the directory."""
    module_name, _, name = name_of(factory).partition(":")
    module = sys.modules.get(module_name)
    if getattr(module, name, None) is not factory:
        return False
    file = getattr(module, "__file__", None)
    return file is not None and _origin(module_name, directory) == file


@cache
def _origin(module_name: str, directory: Path) -> str:
    """The file that a new interpreter in the directory imports the module from.

    A new interpreter is asked because pytest adds directories to this one's path that a command does not have.
    """
    try:
        looked = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", _LOOK, module_name],
            cwd=directory,
            capture_output=True,
            text=True,
            timeout=LOOK_S_MAX,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return looked.stdout.strip()
