"""Upgrades capsules of older versions to the current one. A capsule of any version stays readable.

A new version adds a function to ``_UPGRADES``. The tests keep a file of each older version.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

SCHEMA_PREFIX = "gapless/capsule/"
CURRENT = 3

CapsuleDocument = Mapping[str, Any]


class TooNew(Exception):
    """A capsule of a version that this gapless does not know."""


def upgraded(document: CapsuleDocument) -> CapsuleDocument | None:
    """``document`` as the current version writes it, without data that it does not have; None when it is no capsule.

    Raises TooNew.
    """
    schema = document.get("schema")
    number = schema.removeprefix(SCHEMA_PREFIX) if isinstance(schema, str) and schema.startswith(SCHEMA_PREFIX) else ""
    if not number.isdecimal() or int(number) < 1:
        return None
    if int(number) > CURRENT:
        raise TooNew(schema)
    for version in range(int(number), CURRENT):
        document = _UPGRADES[version](document)
    return document


def _from_1(document: CapsuleDocument) -> CapsuleDocument:
    """Version 1 stored choices without their ranges, and only the digest of the journal."""
    tape = document.get("tape")
    streams = {stream: {"values": values} for stream, values in tape.items()} if isinstance(tape, dict) else tape
    return {**document, "schema": f"{SCHEMA_PREFIX}2", "tape": streams, "fingerprints": []}


def _from_2(document: CapsuleDocument) -> CapsuleDocument:
    """Version 2 knew no clients that are commands."""
    return {**document, "schema": f"{SCHEMA_PREFIX}3"}


_UPGRADES: Mapping[int, Callable[[CapsuleDocument], CapsuleDocument]] = {1: _from_1, 2: _from_2}
