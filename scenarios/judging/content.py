"""Digests of events: whether the event that a client holds is the one in the log, and not only one of the same id.

A digest is of the event's canonical JSON without the fields that a transport may leave out or fill in later. Two events
with equal digests have the same content.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any, Final

TRANSPORT_FIELDS: Final = frozenset({"parent_id", "seq"})
"""Not content. A server may publish an event before it has stamped its parent; ``seq`` belongs to the envelope."""

_DIGEST_BYTES: Final = 6
_encode: Final = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False, check_circular=False
).encode


def content_digest(event: Mapping[str, Any]) -> str | None:
    """The digest of an event's content; None when the client gave only its id, or something that is no JSON."""
    content = {name: value for name, value in event.items() if name not in TRANSPORT_FIELDS}
    if len(content) <= 1:
        return None
    try:
        text = _encode(content)
    except (TypeError, ValueError, RecursionError):
        return None
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=_DIGEST_BYTES).hexdigest()
