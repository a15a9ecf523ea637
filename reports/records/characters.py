"""Replaces characters that a format or a terminal must not get with U+FFFD.

A client's message may contain any character, and the report must still be written and be safe to look at.
"""

from __future__ import annotations

import re

_LONE_SURROGATES = re.compile("[\ud800-\udfff]")
# XML 1.0, production 2: Char.
_ILLEGAL_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# Controls (C0, DEL, C1) move the cursor or start an escape sequence, separators break lines, and the marks of
# direction show a text in another order than it has.
_UNPRINTABLE = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_REPLACEMENT = "\ufffd"


def well_formed(text: str) -> str:
    """The text without lone surrogates, which UTF-8 cannot encode."""
    return _LONE_SURROGATES.sub(_REPLACEMENT, text)


def json_text(text: str) -> str:
    """A JSON document with such characters escaped, so that it says the same and is safe to look at."""
    return _UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", well_formed(text))


def xml_text(text: str) -> str:
    """The text without characters that XML forbids: most control characters, and lone surrogates."""
    return _ILLEGAL_IN_XML.sub(_REPLACEMENT, text)


def printable(text: str) -> str:
    """The text without characters that steer a terminal. Line feeds and tabs stay, and the length is the same."""
    return _UNPRINTABLE.sub(_REPLACEMENT, text)
