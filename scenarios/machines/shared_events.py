"""Events that many copies of a client hold: one object for all of them, which a copy does not copy.

A search keeps thousands of clients that hold the same few events: what cannot change need not be written down each
time.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


class Shared(dict[str, Any]):
    """An event; nobody changes it. ``number`` is its place in this process's table."""

    __slots__ = ("number",)

    number: int

    def __reduce__(self) -> tuple[Any, ...]:
        return _by_number, (self.number,)


_TABLE: list[Shared] = []
_NUMBERS: dict[str, int] = {}


def shared(event: Mapping[str, Any]) -> Shared:
    """The one object for all events that say the same."""
    text = json.dumps(event, separators=(",", ":"))
    number = _NUMBERS.get(text)
    if number is None:
        number = _NUMBERS[text] = len(_TABLE)
        one = Shared(event)
        one.number = number
        _TABLE.append(one)
    return _TABLE[number]


def _by_number(number: int) -> Shared:
    return _TABLE[number]
