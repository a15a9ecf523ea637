"""Characters that a format cannot hold, replaced by U+FFFD: a client's message may be anything, and a report must be
written all the same.
"""

from __future__ import annotations

import re

_LONE_SURROGATES = re.compile("[\ud800-\udfff]")
# XML 1.0, production 2: Char.
_ILLEGAL_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_REPLACEMENT = "\ufffd"


def well_formed(text: str) -> str:
    """Without lone surrogates, which no encoding of Unicode can write."""
    return _LONE_SURROGATES.sub(_REPLACEMENT, text)


def xml_text(text: str) -> str:
    """Without what no XML document may have: most control characters, and lone surrogates."""
    return _ILLEGAL_IN_XML.sub(_REPLACEMENT, text)
