"""Replaces characters that a format cannot hold with U+FFFD.

A client's message may contain any character, and the report must still be written.
"""

from __future__ import annotations

import re

_LONE_SURROGATES = re.compile("[\ud800-\udfff]")
# XML 1.0, production 2: Char.
_ILLEGAL_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_REPLACEMENT = "\ufffd"


def well_formed(text: str) -> str:
    """The text without lone surrogates, which UTF-8 cannot encode."""
    return _LONE_SURROGATES.sub(_REPLACEMENT, text)


def xml_text(text: str) -> str:
    """The text without characters that XML forbids: most control characters, and lone surrogates."""
    return _ILLEGAL_IN_XML.sub(_REPLACEMENT, text)
