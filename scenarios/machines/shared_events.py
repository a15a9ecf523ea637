"""Events as shared objects: equal events are one object, and a pickled client refers to it by number.

A search keeps thousands of copies of a client that hold the same few events. Events do not change, so they need not be
copied.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


class Shared(dict[str, Any]):
    """An event that must not be changed. ``number`` is its index in the table of this process."""

    __slots__ = ("number",)

    number: int

    def __reduce__(self) -> tuple[Any, ...]:
        return _by_number, (self.number,)


_TABLE: list[Shared] = []
_NUMBERS: dict[str, int] = {}


def shared(event: Mapping[str, Any]) -> Shared:
    """The shared object for an event. Equal events have the same object."""
    text = json.dumps(event, separators=(",", ":"))
    number = _NUMBERS.get(text)
    if number is None:
        one = Shared(event)  # raises for what is no event, before it has a number
        number = one.number = _NUMBERS[text] = len(_TABLE)
        _TABLE.append(one)
    return _TABLE[number]


def _by_number(number: int) -> Shared:
    return _TABLE[number]
