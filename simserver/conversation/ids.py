"""Event ids: shaped like UUIDs, deterministic and invertible.

The last 48 bits hold a scrambled counter. It is scrambled so that a client that sorts by id does not get the right
order by accident. It is invertible so that a page cursor into a history of 60,000 events needs no table of ids.
"""

from __future__ import annotations

import uuid
from typing import Final

NAMESPACE: Final = uuid.UUID("6761706c-6573-5000-8000-000000000000")  # "gaples", in hexadecimal
_MASK: Final = (1 << 48) - 1
_FACTOR: Final = 0x9E3779B97F4B  # odd, so it has an inverse modulo 2**48
_INVERSE: Final = pow(_FACTOR, -1, 1 << 48)


def conversation_id_for(name: str) -> str:
    """The UUID of a conversation, made from a name."""
    return str(uuid.uuid5(NAMESPACE, name))


class Ids:
    """The event ids of one conversation. Each belongs to a counter, from 0."""

    __slots__ = ("_offset", "_prefix")

    def __init__(self, conversation_id: str) -> None:
        base = uuid.uuid5(NAMESPACE, conversation_id)
        self._prefix = str(base)[:24]
        self._offset = base.int & _MASK

    def make(self, counter: int) -> str:
        """The id that belongs to a counter."""
        return f"{self._prefix}{(counter * _FACTOR + self._offset) & _MASK:012x}"

    def counter_of(self, event_id: str) -> int | None:
        """The counter that an id belongs to. None for an id of another conversation.

        The id may never have been given out: compare the counter with the number of ids made.
        """
        if len(event_id) != 36 or not event_id.startswith(self._prefix):
            return None
        try:
            scrambled = int(event_id[24:], 16)
        except ValueError:
            return None
        return ((scrambled - self._offset) * _INVERSE) & _MASK
