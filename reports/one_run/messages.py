"""The messages that come with a journal: headers and bodies as they were on the wire."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from gapless.reports.records.journals import is_message


@dataclass(frozen=True, slots=True)
class KeptMessage:
    """One message. ``cut``: how many characters of its body are missing."""

    headers: tuple[tuple[str, str], ...]
    body: str
    cut: int = 0


Messages = Mapping[str, KeptMessage]
"""By name: ``rest 3 request``, ``rest 3 response``, ``socket 1 handshake``, ``socket 1 5`` for the fifth frame."""


def read_messages(lines: Iterable[str]) -> Messages:
    """The messages among a journal's lines. Raises ValueError if one of them is none."""
    return dict(map(_read, filter(is_message, lines)))


def _read(line: str) -> tuple[str, KeptMessage]:
    try:
        row = json.loads(line)
        headers = tuple((str(name), str(value)) for name, value in row["headers"])
        return str(row["message"]), KeptMessage(headers, str(row["body"]), int(row.get("cut", 0)))
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"not a message: {line[:60]!r}") from error
