"""Where the threads of a program are, as the stacks say that its shim writes. Pure."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

_FRAMES: Final = 4  # of each thread, that have to stay the same
_IMPORTING: Final = '"<frozen importlib'


@dataclass(slots=True)
class ProgramPlace:
    """Where a program computes. frames: the outermost of each thread; since_s: in seconds of its processor time;
    bytes_read: how much it had read at its second read_s."""

    frames: tuple[str, ...] | None = None
    since_s: float = 0.0
    bytes_read: int = 0
    read_s: float = 0.0


def outermost(stacks: str) -> tuple[str, ...] | None:
    """The outermost frames of all threads, the main thread's last; None when it is not known, or one imports."""
    threads = [
        [line.strip() for line in thread.splitlines() if line.startswith("  ")] for thread in stacks.split("\n\n")
    ]
    if not stacks or any(_IMPORTING in line or line == "..." for thread in threads for line in thread):
        return None
    frames = tuple(line for thread in threads for line in thread[-_FRAMES:] if "<frozen" not in line)
    return frames or None


def shown(frames: Sequence[str]) -> str:
    """The outermost frame, without the directory of its file."""
    found = re.match(r'File "(.*)", line (\d+)', frames[-1])
    return f"{os.path.basename(found[1])}, line {found[2]}" if found else "its code"
