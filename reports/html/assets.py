"""The files of ``page/``: the styles as one text, and the scripts as one module.

A page that was opened from a disk cannot import modules. So the scripts, which a server can serve as single modules,
are joined without their imports and exports. They share one scope then, so their top-level names must differ.
"""

from __future__ import annotations

import re
from functools import cache
from importlib import resources

SHARED = ("journal.js", "axis.js", "lanes.js", "sentences.js", "lanes.css")
SCRIPTS = ("journal.js", "axis.js", "sentences.js", "lanes.js", "report.js")
STYLES = ("lanes.css", "report.css")

_IMPORT = re.compile(r"^import .*;\n", re.MULTILINE)
_EXPORT = re.compile(r"^export ", re.MULTILINE)


@cache
def asset(name: str) -> str:
    """The text of one file of ``page/``."""
    return resources.files("gapless.reports.html").joinpath("page", name).read_text(encoding="utf-8")


def script() -> str:
    """All scripts as one module."""
    joined = "\n".join(_EXPORT.sub("", _IMPORT.sub("", asset(name))) for name in SCRIPTS)
    return f"\n{joined}"


def styles() -> str:
    """All styles."""
    return "\n".join(asset(name) for name in STYLES)
