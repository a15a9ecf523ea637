"""Chance, all of it from the seed of the run: os.urandom, random, uuid, ssl. Hashes of strings are fixed by the
environment (PYTHONHASHSEED).
"""

from __future__ import annotations

import os
import random
from typing import Any

from .patching import after_import, put

NODE = 0x02_00_00_00_00_01  # of uuid1: a locally administered address

_source = random.Random("gapless/imports")  # what is drawn before a run begins is not the run's


def _urandom(size: int) -> bytes:
    if size < 0:
        raise ValueError("negative argument not allowed")
    return _source.getrandbits(size * 8).to_bytes(size, "little") if size else b""


def _getrandom(size: int, flags: int = 0) -> bytes:
    return _urandom(size)


_real_seed: Any = random.Random.seed


def _seed(self: random.Random, a: Any = None, version: int = 2) -> None:
    """Initialize internal state from a seed."""
    if a is None:
        a = int.from_bytes(_urandom(32), "little")
    _real_seed(self, a, version)


def reset(seed: object) -> None:
    """A run begins: whatever was drawn before does not matter any more."""
    _source.seed("gapless/%s" % seed)
    random.seed("gapless/%s/random" % seed)
    _forget_uuid1()


def _forget_uuid1() -> None:
    import sys

    module: Any = sys.modules.get("uuid")
    if module is not None:
        module._last_timestamp = None


def _patch_uuid(module: Any) -> None:
    put(module, _generate_time_safe=None, _UuidCreate=None, _node=NODE)


def _patch_ssl(module: Any) -> None:
    put(module, RAND_bytes=_urandom)
    if hasattr(module, "RAND_pseudo_bytes"):
        put(module, RAND_pseudo_bytes=lambda size: (_urandom(size), True))


def install() -> None:
    """Replace every source of chance that Python offers."""
    put(os, urandom=_urandom)
    if hasattr(os, "getrandom"):
        put(os, getrandom=_getrandom)
    put(random, _urandom=_urandom)
    setattr(random.Random, "seed", _seed)  # noqa: B010 - of the class: instances that others make draw from the seed too
    random.seed = random._inst.seed
    random.seed("gapless/imports/random")
    after_import("uuid", _patch_uuid)
    after_import("_ssl", _patch_ssl)
