"""The mutants: our client with one plausible bug each. The suite must fail every one of them.

The files, by the part of the client that has the bug:

- ``cursors.py``       page cursors and resume positions
- ``dedupe.py``        recognizing events that were seen before
- ``order.py``         the order of the events held
- ``attaching.py``     the first sync
- ``reconnecting.py``  lost, silent and refused connections
- ``sockets.py``       pings, keys, renewals, and how many sockets there are
- ``run_ends.py``      whether a run is over, and which run
- ``proofs.py``        certificates
- ``repairing.py``     which pages are requested for a repair, when, and how often
- ``retrying.py``      failed calls
- ``delivery.py``      deliveries to the application
- ``reports.py``       what the client says of the log and of itself
- ``lives.py``         leases, sleep, moved heads, questions, updates
- ``two_clients.py``   what two clients of one process share

A mutant can be run as a client: ``gapless run R31 --client mutant:max-seq-cursor``. It changes one decision of our
client, or one method of a baseline. If that no longer exists, planting the mutant fails with an error.
"""

from __future__ import annotations

from gapless.scenarios.mutation.mutants import (
    attaching,
    cursors,
    dedupe,
    delivery,
    lives,
    order,
    proofs,
    reconnecting,
    repairing,
    reports,
    retrying,
    run_ends,
    sockets,
    two_clients,
)
from gapless.scenarios.mutation.planting import Mutant

MUTANTS: tuple[Mutant, ...] = (
    *cursors.MUTANTS,
    *dedupe.MUTANTS,
    *order.MUTANTS,
    *attaching.MUTANTS,
    *reconnecting.MUTANTS,
    *sockets.MUTANTS,
    *run_ends.MUTANTS,
    *proofs.MUTANTS,
    *repairing.MUTANTS,
    *retrying.MUTANTS,
    *delivery.MUTANTS,
    *lives.MUTANTS,
    *reports.MUTANTS,
    *two_clients.MUTANTS,
)

__all__ = ["MUTANTS", "Mutant"]
