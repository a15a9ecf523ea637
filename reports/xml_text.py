"""Text that XML 1.0 can hold: what it forbids (most control characters, lone surrogates) becomes U+FFFD."""

from __future__ import annotations

import re

# XML 1.0, production 2: Char.
_ILLEGAL = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def xml_text(text: str) -> str:
    """The text, with a replacement character in place of each that no XML document may have."""
    return _ILLEGAL.sub("\ufffd", text)
