"""Mutants: our own client, each with one bug that somebody tired might have written. The suite must fail every one.

- ``planting.py``      Mutant, and how its bug is planted for one run and taken out again
- ``cursors.py``       page cursors and resume positions
- ``dedupe.py``        telling one event from another
- ``order.py``         the order of what is held
- ``attaching.py``     the first sync
- ``reconnecting.py``  lost, silent and refused connections
- ``run_ends.py``      is the run over, and whose was it
- ``proofs.py``        certificates that prove less than they say
- ``repairing.py``     what is asked for, when, and how often
- ``retrying.py``      answers that fail
- ``delivery.py``      what the application is told

A mutant is a client, ``gapless run R31 --client mutant:max-seq-cursor``. It differs from the one that it varies in one
place; where that place is no more, planting it fails, and says so.
"""

from __future__ import annotations

from gapless.scenarios.mutation.mutants import (
    attaching,
    cursors,
    dedupe,
    delivery,
    order,
    proofs,
    reconnecting,
    repairing,
    retrying,
    run_ends,
)
from gapless.scenarios.mutation.planting import Mutant

MUTANTS: tuple[Mutant, ...] = (
    *cursors.MUTANTS,
    *dedupe.MUTANTS,
    *order.MUTANTS,
    *attaching.MUTANTS,
    *reconnecting.MUTANTS,
    *run_ends.MUTANTS,
    *proofs.MUTANTS,
    *repairing.MUTANTS,
    *retrying.MUTANTS,
    *delivery.MUTANTS,
)

__all__ = ["MUTANTS", "Mutant"]
