"""Loaded by every Python at its start, before the program: puts the process into virtual time, where it is asked to.

Python imports one ``sitecustomize`` only, so the one that this file hides is run afterwards.
"""

from __future__ import annotations

import os
import sys

_HERE = os.path.dirname(os.path.abspath(__file__))


def _load_hidden() -> None:
    """Run the sitecustomize that would have been found without this folder."""
    from importlib.machinery import PathFinder
    from importlib.util import module_from_spec

    spec = PathFinder.find_spec("sitecustomize", [path for path in sys.path if os.path.abspath(path) != _HERE])
    if spec is None or spec.loader is None or spec.origin == __file__:
        return
    module = module_from_spec(spec)
    sys.modules["sitecustomize"] = module
    spec.loader.exec_module(module)


if os.environ.get("GAPLESS_LOCKSTEP"):
    import _gapless_lockstep  # type: ignore[import-not-found]  # it lies beside this file, on PYTHONPATH

    _gapless_lockstep.install(os.environ["GAPLESS_LOCKSTEP"])
_load_hidden()
