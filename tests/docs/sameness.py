"""What a page shows beside what is really printed: the few things that may differ from one machine to another.

A line ``[…]`` in a page stands for any number of lines that it leaves out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

LEFT_OUT = "[…]"
# How long something took is the machine's affair; so is how far a progress line got.
_TIMES = re.compile(r"\bin \d+(\.\d+)? (s|min)\b")
_RATES = re.compile(r"\b[\d,.]+ (runs/s|schedules/s|states/s|a second)|; \d+(\.\d+)? s$|, \d+(\.\d+)? s(?=:)")
_PROGRESS = re.compile(r"\d+ of \d+(: \S+| runs| checks)")


def tidied(text: str, places: Mapping[str, str]) -> list[str]:
    """Lines as a page shows them: without progress, without space at line ends, and with ``places`` by another name."""
    for place, name in places.items():
        text = text.replace(place, name)
    lines = [line.rstrip() for line in text.splitlines()]
    lines = [line for line in lines if not _PROGRESS.fullmatch(line)]
    while lines and not lines[-1]:
        lines.pop()
    return lines


def same(shown: Sequence[str], printed: Sequence[str]) -> bool:
    """Whether a page shows what was printed, but for times, and for what it says it leaves out."""
    shown, printed = [_timeless(line) for line in shown], [_timeless(line) for line in printed]
    pieces: list[list[str]] = [[]]
    for line in shown:
        if line == LEFT_OUT:
            pieces.append([])
        else:
            pieces[-1].append(line)
    first, *others = pieces
    if not others:
        return printed == first
    last = others.pop()
    if printed[: len(first)] != first:
        return False
    at = len(first)
    for piece in others:
        found = next((i for i in range(at, len(printed)) if printed[i : i + len(piece)] == piece), None)
        if found is None:
            return False
        at = found + len(piece)
    return len(printed) - len(last) >= at and printed[len(printed) - len(last) :] == last


def _timeless(line: str) -> str:
    return _RATES.sub("N", _TIMES.sub("in N s", line))
