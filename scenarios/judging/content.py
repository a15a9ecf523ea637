"""Digests of events: whether the event that a client holds is the one in the log, and not only one of the same id.

A digest is of the event's canonical JSON without the fields that a transport may leave out or fill in later. Two events
with equal digests have the same content.
"""

from __future__ import annotations

import json
import marshal
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any, Final

TRANSPORT_FIELDS: Final = frozenset({"parent_id", "seq"})
"""Not content. A server may publish an event before it has stamped its parent; ``seq`` belongs to the envelope."""

_DIGEST_BYTES: Final = 6
_WITHOUT_REFERENCES: Final = 2
_KNOWN_BYTES_MAX: Final = 16 * 1024 * 1024
_encode: Final = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False, check_circular=False
).encode


def content_digest(event: Mapping[str, Any]) -> str | None:
    """The digest of an event's content; None when the client gave only its id, or something that is no JSON."""
    content = event.copy() if type(event) is dict else dict(event.items())
    for name in TRANSPORT_FIELDS:
        content.pop(name, None)
    return _known.digest(content) if len(content) > 1 else None


class _KnownDigests:
    """Digests by the form that `marshal` gives a content. Equal forms are equal contents.

    A client holds most events at several returns, and the log has them too. Canonical JSON takes twice the time of the
    form. ``size_bytes_max``: when the forms are larger than that together, all are let go.
    """

    def __init__(self, size_bytes_max: int) -> None:
        self._size_bytes_max = size_bytes_max
        self._digests: dict[bytes, str | None] = {}
        self.size_bytes = 0

    def digest(self, content: dict[str, Any]) -> str | None:
        """The digest of a content; None when it is no JSON."""
        try:
            form = marshal.dumps(content, _WITHOUT_REFERENCES)
        except ValueError:
            return _digest(content)
        try:
            return self._digests[form]
        except KeyError:  # a digest is asked for many times
            pass
        if self.size_bytes > self._size_bytes_max:
            self._digests.clear()
            self.size_bytes = 0
        self._digests[form] = _digest(content)
        self.size_bytes += len(form)
        return self._digests[form]


def _digest(content: dict[str, Any]) -> str | None:
    try:
        text = _encode(content)
    except (TypeError, ValueError, RecursionError):
        return None
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=_DIGEST_BYTES).hexdigest()


_known: Final = _KnownDigests(_KNOWN_BYTES_MAX)
