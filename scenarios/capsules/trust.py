"""Whether a replay runs code that a capsule names, and that nobody has installed.

A capsule is data that people send to each other. It can name a program to run, or a module to import, and the module
is looked for in the current directory first. So it is run only when the user says that it may be.
"""

from __future__ import annotations

import importlib.metadata
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from gapless.scenarios.clients.registry import MUTANT
from gapless.scenarios.errors import CapsuleError

OPTION: Final = "--trust"


def named_code(client: str, command: Sequence[str]) -> str | None:
    """What a replay would run or import besides what is installed, in words; None when there is nothing."""
    if command:
        return f"runs the command `{shlex.join(command)}`"
    if ":" not in client or client.startswith(MUTANT):
        return None
    module = client.partition(":")[0]
    top = module.partition(".")[0]
    is_here = Path(top).is_dir() or Path(f"{top}.py").is_file()
    if not is_here and top in importlib.metadata.packages_distributions():
        return None
    return f"imports the module {module!r}"


def check_trust(client: str, command: Sequence[str], path: Path, *, trusted: bool) -> None:
    """Raise CapsuleError when a replay would run code that the user has not said to trust."""
    code = None if trusted else named_code(client, command)
    if code is not None:
        raise CapsuleError(str(path), f"a replay {code}, which nobody has installed", f"look at it, then add {OPTION}")


def replay_line(path: str, client: str, command: Sequence[str]) -> str:
    """The command that replays a capsule which was made here. ``path``: quoted for a shell."""
    return f"gapless replay {path} --trace" + (f" {OPTION}" if named_code(client, command) else "")
