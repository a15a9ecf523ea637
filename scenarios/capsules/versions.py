"""Capsules of every version: what an old one says, in the words of today. Capsules are read for ever.

A new version adds a function to ``_UPGRADES``; a file of each version before is kept among the tests.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

KIN = "gapless/capsule/"
CURRENT = 2

CapsuleDocument = Mapping[str, Any]


class TooNew(Exception):
    """A capsule of a version that this gapless does not know."""


def upgraded(document: CapsuleDocument) -> CapsuleDocument | None:
    """A capsule as the current version would have written it, as far as it is known; None for what is no capsule.

    Raises TooNew.
    """
    schema = document.get("schema")
    number = schema.removeprefix(KIN) if isinstance(schema, str) and schema.startswith(KIN) else ""
    if not number.isdecimal() or int(number) < 1:
        return None
    if int(number) > CURRENT:
        raise TooNew(schema)
    for version in range(int(number), CURRENT):
        document = _UPGRADES[version](document)
    return document


def _from_1(document: CapsuleDocument) -> CapsuleDocument:
    """Version 1 kept the values of the choices without their ranges, and nothing of the journal but its digest."""
    tape = document.get("tape")
    streams = {stream: {"values": values} for stream, values in tape.items()} if isinstance(tape, dict) else tape
    return {**document, "schema": f"{KIN}2", "tape": streams, "fingerprints": []}


_UPGRADES: Mapping[int, Callable[[CapsuleDocument], CapsuleDocument]] = {1: _from_1}
