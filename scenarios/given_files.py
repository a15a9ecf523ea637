"""Reads files that somebody names on the command line. Whatever they are, no more than a bound is read of them."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Final

FILE_BYTES_MAX: Final = 1 << 30


def given_bytes(path: Path, bytes_max: int = FILE_BYTES_MAX) -> bytes:
    """The content of a file, of a pipe or of a device. Raises OSError, also when there is more than ``bytes_max``."""
    with path.open("rb") as file:
        content = file.read(bytes_max + 1)
    if len(content) > bytes_max:
        raise OSError(errno.EFBIG, f"it has more than {bytes_max >> 20} MB", str(path))
    return content


def given_text(path: Path, bytes_max: int = FILE_BYTES_MAX) -> str:
    """The same as text in UTF-8, with or without a byte order mark. Raises UnicodeDecodeError too."""
    return given_bytes(path, bytes_max).decode("utf-8-sig")
