"""Whether the parts that the harness needs are installed. The sync client needs none of them.

``pip install gapless`` brings the client; ``pip install 'gapless[harness]'`` brings the command, the pytest plugin and
`gapless.testing` too. This module imports nothing of theirs, so it can say what is missing.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Final

MODULES: Final = (
    "click",
    "h11",
    "httpcore",
    "hypercorn",
    "hypothesis",
    "jinja2",
    "junitparser",
    "pydantic",
    "rich",
    "starlette",
    "trio",
    "trio_websocket",
    "wsproto",
)
"""The top-level modules of the distributions in the extra ``harness``."""

INSTALL: Final = "pip install 'gapless[harness]'"


def missing() -> str | None:
    """One sentence that names the missing modules and the cure; None when all are there."""
    absent = [name for name in MODULES if find_spec(name) is None]
    if not absent:
        return None
    return f"the harness needs {', '.join(absent)}, and only the sync client is installed; run: {INSTALL}"
