"""A digest of all code that a run depends on: two processes with the same digest give the same journals."""

from __future__ import annotations

import hashlib
from pathlib import Path

from gapless import reports, scenarios, simserver, syncclient


def code_digest() -> str:
    """A digest of the sources of all packages."""
    digest = hashlib.sha256()
    for package in (syncclient, simserver, scenarios, reports):
        root = Path(package.__path__[0])
        for path in sorted(root.rglob("*.py")):
            digest.update(str(path.relative_to(root)).encode() + path.read_bytes())
    return digest.hexdigest()[:16]
