"""The names of files: those of a report's folder, and those that are made from names of clients and scenarios."""

from __future__ import annotations

import hashlib
import re
from typing import Final

from gapless.reports.records.characters import well_formed

RECORDS, JOURNALS, PAGE, INDEX = "records.json", "journals.zip", "report.html", "index.json"
RUNS: Final = "runs"
CAPSULES: Final = "capsules"
NAME_CHARACTERS_MAX: Final = 120
_UNSAFE_IN_NAMES: Final = re.compile(r"[^A-Za-z0-9._-]+")


def safe_name(text: str) -> str:
    """A text as a part of a file's name. Texts that differ have different names.

    ``package.module:factory`` keeps its look. Where more is replaced or cut, a digest of the text tells it apart.
    """
    name = _UNSAFE_IN_NAMES.sub("-", text)[:NAME_CHARACTERS_MAX]
    if name == text or (name == text.replace(":", "-") and text.count(":") == 1):
        return name
    return f"{name}-{hashlib.sha256(well_formed(text).encode()).hexdigest()[:8]}"
