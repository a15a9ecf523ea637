"""``gapless run --watch``: the same command again, each time a file of the client or a scenario changes.

Each pass is a process of its own, so that a changed module is imported anew.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import click

LOOK_S: Final = 0.3
FILES_MAX: Final = 5_000
SUFFIXES: Final = (".py", ".mjs", ".cjs", ".js", ".ts", ".toml")
_SKIPPED: Final = ("node_modules", "__pycache__", "build", "dist")

Times = Mapping[Path, int]


def watch(words: Sequence[str], folders: Sequence[Path]) -> int:
    """Run ``gapless`` with these words, and again after each change below the folders, until Ctrl-C.

    Returns the exit code of the last pass that ended.
    """
    code = 0
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job begins with it ignored
    try:
        while True:
            seen = times(folders)
            code = subprocess.run([sys.executable, "-m", "gapless", *words], check=False).returncode
            click.echo(f"exit code {code}; watching {len(seen)} files, Ctrl-C ends")
            changed = _wait_for_change(seen, folders)
            click.echo(f"\n{changed} changed")
    except KeyboardInterrupt:
        click.echo("")
    return code


def _wait_for_change(seen: Times, folders: Sequence[Path]) -> Path:
    while True:
        now = times(folders)
        changed = next((path for path in sorted({*seen, *now}) if seen.get(path) != now.get(path)), None)
        if changed is not None:
            return changed
        time.sleep(LOOK_S)


def times(folders: Sequence[Path]) -> dict[Path, int]:
    """When each source file below the folders was changed last, in nanoseconds."""
    found: dict[Path, int] = {}
    for path in _sources(folders):
        try:
            found[path] = path.stat().st_mtime_ns
        except OSError:
            continue  # it is gone
        if len(found) >= FILES_MAX:
            break
    return found


def _sources(folders: Sequence[Path]) -> Iterator[Path]:
    for folder in folders:
        for where, below, names in os.walk(folder):
            below[:] = sorted(one for one in below if one not in _SKIPPED and not one.startswith("."))
            yield from (Path(where) / name for name in sorted(names) if name.endswith(SUFFIXES))


def folders_of(command: Sequence[str], scenarios: Sequence[Path]) -> tuple[Path, ...]:
    """The folders of a client and of scenario files: those of the words that are files, else the current one."""
    files = [Path(word) for word in command if Path(word).is_file() and Path(word).suffix in SUFFIXES]
    places = [path.parent for path in (*files, *scenarios)] + ([] if files else [Path()])
    return tuple(dict.fromkeys(places))
