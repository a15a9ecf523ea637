"""Standard output and standard error, safe to look at.

What a client says may have any character: escape sequences that clear the screen or set its title, half of a surrogate
pair, a letter that the terminal's encoding lacks. All text that the command writes goes through `PlainText`. Only the
console of rich writes beside it, because it styles text; ``options.py`` has one that replaces such characters itself.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from gapless.reports.records.characters import printable


class OutputClosed(Exception):
    """Nobody reads the output any more, as after ``| head``."""


class PlainText(io.TextIOBase):
    """A text stream that passes on what is printable. ``styled``: the stream itself, for text with styles."""

    def __init__(self, styled: TextIO) -> None:
        self.styled = styled

    # click asks for these, and wraps a stream that lacks them.
    encoding = "utf-8"
    errors = "strict"

    @property
    def buffer(self) -> object:
        """For bytes. Only a completion script and an example are written as bytes, and none is a client's."""
        return self.styled.buffer

    def write(self, text: str) -> int:
        try:
            self.styled.write(printable(text))
        except BrokenPipeError as error:  # click would give it the exit code 1
            raise OutputClosed from error
        return len(text)

    def flush(self) -> None:
        try:
            self.styled.flush()
        except BrokenPipeError as error:
            raise OutputClosed from error

    def isatty(self) -> bool:
        return self.styled.isatty()

    def fileno(self) -> int:
        return self.styled.fileno()

    def writable(self) -> bool:
        return True


@contextmanager
def plain_output() -> Iterator[None]:
    """Within the block, standard output and standard error are `PlainText`, and no letter fails to be encoded."""
    before = sys.stdout, sys.stderr
    for stream in before:
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    sys.stdout, sys.stderr = (stream if isinstance(stream, PlainText) else PlainText(stream) for stream in before)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def styled_output() -> TextIO:
    """The stream for text that is styled, and printable already."""
    return sys.stdout.styled if isinstance(sys.stdout, PlainText) else sys.stdout
