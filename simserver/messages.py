"""The messages of a run as they were on the wire: headers and bodies, for people who look at the run.

They are no part of the journal or of its digest: headers name versions of libraries, which may differ where runs are
the same. Values that give access, and those that are random, are hidden. The room is bounded: a body is cut, and a run
that fills the room keeps its first messages.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Final

BODY_CHARACTERS_MAX: Final = 1_000_000
RUN_CHARACTERS_MAX: Final = 16_000_000
HIDDEN: Final = "(hidden)"

RawHeaders = Iterable[tuple[bytes, bytes]]

_HIDDEN_HEADERS: Final = re.compile(r"authorization|cookie|key|token|secret|sec-websocket-accept", re.IGNORECASE)
_HIDDEN_FIELDS: Final = re.compile(
    r'("[^"\\]*(?:api_key|token|secret|password|credential)[^"\\]*"\s*:\s*)"(?:[^"\\]|\\.)*"', re.IGNORECASE
)


def call_message(call: int, what: str) -> str:
    """The name of the message of a call. ``what``: ``request`` or ``response``."""
    return f"rest {call} {what}"


def handshake_message(connection: int) -> str:
    """The name of the request that opens a socket."""
    return f"socket {connection} handshake"


def frame_message(connection: int, frame: int | str) -> str:
    """The name of a frame. ``frame``: its ordinal on the socket from 1, or another name for one from the client."""
    return f"socket {connection} {frame}"


class KeptMessages:
    """The messages of one run, by name."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[tuple[tuple[str, str], ...], str, int]] = {}
        self._room = RUN_CHARACTERS_MAX

    def __repr__(self) -> str:
        return f"KeptMessages({len(self._kept)} kept)"

    def keep(self, name: str, headers: RawHeaders, body: str | bytes = "", *, from_client: bool = False) -> None:
        """Keep a message. ``from_client``: its body may hold keys of the user's, which are hidden."""
        if self._room <= 0:
            return
        text = body.decode("utf-8", "replace") if isinstance(body, bytes) else body
        shown = _HIDDEN_FIELDS.sub(rf'\1"{HIDDEN}"', text) if from_client else text
        cut = shown[: min(BODY_CHARACTERS_MAX, self._room)]
        self._room -= len(cut)
        self._kept[name] = (tuple(map(_readable, headers)), cut, len(shown) - len(cut))

    def lines(self) -> Iterator[str]:
        """Each message as a line of JSON. ``cut``: how many characters of its body are missing."""
        for name, (headers, body, cut) in self._kept.items():
            row: dict[str, object] = {"message": name, "headers": headers, "body": body}
            yield json.dumps(row | ({"cut": cut} if cut else {}), separators=(",", ":"))


def _readable(header: tuple[bytes, bytes]) -> tuple[str, str]:
    name, value = (one.decode("latin-1") for one in header)
    return name, HIDDEN if _HIDDEN_HEADERS.search(name) else value
