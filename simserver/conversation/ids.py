"""Event ids: shaped like UUIDs, deterministic, and invertible, so that a long history needs no table of ids.

The last 48 bits hold a scrambled counter. Scrambled, because a client that sorts by id must not be right by accident;
invertible, because a page cursor into 60,000 events that nobody has read yet should cost nothing.
"""

from __future__ import annotations

import uuid
from typing import Final

NAMESPACE: Final = uuid.UUID("6761706c-6573-5000-8000-000000000000")  # "gaples", in hexadecimal
_MASK: Final = (1 << 48) - 1
_FACTOR: Final = 0x9E3779B97F4B  # odd, so it has an inverse modulo 2**48
_INVERSE: Final = pow(_FACTOR, -1, 1 << 48)


def conversation_id_for(name: str) -> str:
    """A conversation's UUID, from a name."""
    return str(uuid.uuid5(NAMESPACE, name))


class Ids:
    """The ids of one conversation, by counter."""

    __slots__ = ("_offset", "_prefix")

    def __init__(self, conversation_id: str) -> None:
        base = uuid.uuid5(NAMESPACE, conversation_id)
        self._prefix = str(base)[:24]
        self._offset = base.int & _MASK

    def make(self, counter: int) -> str:
        """The id number ``counter``."""
        return f"{self._prefix}{(counter * _FACTOR + self._offset) & _MASK:012x}"

    def counter_of(self, event_id: str) -> int | None:
        """The counter behind an id of ours; None for a foreign id. It may be one that was never given out."""
        if len(event_id) != 36 or not event_id.startswith(self._prefix):
            return None
        try:
            scrambled = int(event_id[24:], 16)
        except ValueError:
            return None
        return ((scrambled - self._offset) * _INVERSE) & _MASK
