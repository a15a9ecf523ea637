"""What a page shows beside what is really printed: the few things that may differ from one machine to another.

A line ``[…]`` in a page stands for any number of lines that it leaves out.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

LEFT_OUT = "[…]"
# How long something took is the machine's affair; so is how far a progress line got.
_TIMES = re.compile(r"\bin \d+(\.\d+)? (s|min)\b")
_SECONDS_A = re.compile(r"\b\d+(\.\d+)? worlds/s")
_PROGRESS = re.compile(r"\d+ of \d+ (runs|mutants)")


def normal(text: str, home: Path) -> list[str]:
    """Lines without what may differ: times, progress, the directory in which it all happens, space at line ends."""
    text = text.replace(str(home.resolve()), ".").replace(str(home), ".")
    text = _SECONDS_A.sub("N worlds/s", _TIMES.sub("in N s", text))
    lines = [line.rstrip() for line in text.splitlines()]
    lines = [line for line in lines if not _PROGRESS.fullmatch(line)]
    while lines and not lines[-1]:
        lines.pop()
    return lines


def same(shown: Sequence[str], printed: Sequence[str]) -> bool:
    """Whether a page shows what was printed, but for what it says it leaves out."""
    pieces: list[list[str]] = [[]]
    for line in shown:
        if line == LEFT_OUT:
            pieces.append([])
        else:
            pieces[-1].append(line)
    first, *others = pieces
    if not others:
        return list(printed) == first
    last = others.pop()
    if list(printed[: len(first)]) != first:
        return False
    at = len(first)
    for piece in others:
        found = next((i for i in range(at, len(printed)) if list(printed[i : i + len(piece)]) == piece), None)
        if found is None:
            return False
        at = found + len(piece)
    return len(printed) - len(last) >= at and list(printed[len(printed) - len(last) :]) == last
