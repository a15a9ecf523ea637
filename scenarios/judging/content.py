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
# A client holds most events at several returns, and the log has them too. Their digests are made once, and found by the
# form that `marshal` gives the content: equal forms are equal contents. That takes less than half the time of canonical JSON.
_WITHOUT_REFERENCES: Final = 2
_KNOWN_MAX: Final = 4096
_KNOWN_SIZE_BYTES_MAX: Final = 4096
_known: Final[dict[bytes, str | None]] = {}


def content_digest(event: Mapping[str, Any]) -> str | None:
    """The digest of an event's content; None when the client gave only its id, or something that is no JSON."""
    content = {name: value for name, value in event.items() if name not in TRANSPORT_FIELDS}
    if len(content) <= 1:
        return None
    try:
        form = marshal.dumps(content, _WITHOUT_REFERENCES)
    except ValueError:
        return _digest(content)
    if form not in _known:
        if len(_known) >= _KNOWN_MAX:
            _known.clear()
        if len(form) > _KNOWN_SIZE_BYTES_MAX:
            return _digest(content)
        _known[form] = _digest(content)
    return _known[form]


def _digest(content: dict[str, Any]) -> str | None:
    try:
        text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return None
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=_DIGEST_BYTES).hexdigest()
