"""What is embedded in an HTML report."""

from __future__ import annotations

import base64
import re
import zlib


def embedded(page: str) -> dict[str, str]:
    """The journals of a page, as the browser inflates them."""
    packed = re.findall(r'<script type="text/plain" data-digest="([^"]*)">([^<]*)</script>', page)
    return {digest: zlib.decompress(base64.b64decode(text)).decode() for digest, text in packed}
