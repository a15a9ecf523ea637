"""The command `gapless` as a process of its own, without the second that its imports take.

- ``server.py``   a process that has imported everything. It forks for each command.
- ``client.py``   what a test starts in place of the command. It needs the standard library alone, and little of it.

A forked command has its own arguments, directory, environment, streams, process group and exit code, and it gets the
signals that are sent to the client. Where a fork could differ from a new process, the client becomes a new process:
another hash seed, other settings of Python, another session, a locale that is not UTF-8. Tests of starting, importing
and installing do not use this.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

from tests.forked.client import HASH_SEED

_HERE = Path(__file__).parent
_CLIENT = _HERE / "client.py"
_FRESH = (sys.executable, "-m", "gapless")


@cache
def command() -> tuple[str, ...]:
    """What to start in place of ``python -m gapless``. The server ends with this process."""
    if not hasattr(os, "pidfd_open"):
        return _FRESH
    directory = tempfile.TemporaryDirectory(prefix="gapless-forked-")
    address = Path(directory.name) / "socket"
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.forked.server", str(address)],
        cwd=_HERE.parents[1],
        env=os.environ | {"PYTHONHASHSEED": HASH_SEED},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert server.stdout is not None
    assert server.stdout.readline() == b"ready\n"
    _kept.append((directory, server))
    return (sys.executable, "-I", "-S", str(_CLIENT), str(address))


# The server reads its standard input, which this process holds open, and ends with it.
_kept: list[tuple[tempfile.TemporaryDirectory[str], subprocess.Popen[bytes]]] = []


def executable(directory: Path) -> Path:
    """Write the command as the file `gapless` in a directory, for a search path."""
    file = directory / "gapless"
    file.write_text(f'#!/bin/sh\nexec {shlex.join(command())} "$@"\n', encoding="utf-8")
    file.chmod(0o755)
    return file
