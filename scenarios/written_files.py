"""Writes files into a folder that somebody else may have prepared. No link leads out of the folder."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from gapless.scenarios.errors import UsageError


def write_within(folder: Path, path: Path, content: bytes) -> Path:
    """Write a file at ``path``, relative to a folder, and return where it is. Missing folders are created.

    The file takes the place of whatever has its name, also of a link: what a link points to stays as it is. A reader
    sees the old content or the new one, and never a part. Raises UsageError when a folder on the way is a link, and
    OSError when something cannot be written.
    """
    place = folder
    place.mkdir(parents=True, exist_ok=True)
    for name in path.parent.parts:
        place = place / name
        if name == ".." or place.is_symlink():
            raise UsageError(f"{place}: leads out of {folder}; remove it, or give another directory")
        place.mkdir(exist_ok=True)
    target = place / path.name
    beside = place / f".{os.getpid()}.{path.name[-100:]}.part"
    try:
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), 0o666)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        beside.replace(target)
    except OSError as error:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
        raise OSError(error.errno, error.strerror, str(target)) from error
    return target
