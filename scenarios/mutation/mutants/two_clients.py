"""Bugs that show only where two clients of one program are in the same conversation (R79)."""

from __future__ import annotations

from weakref import WeakKeyDictionary

import trio

from gapless.scenarios.mutation.planting import Original, mutant
from gapless.syncclient.core.actions import Origin
from gapless.syncclient.core.situation import Situation
from gapless.syncclient.wire import LogEvent

# By the clock of the loop: what one run of the simulator has left must not be seen in the next.
_given: WeakKeyDictionary[trio.abc.Clock, dict[str, Situation]] = WeakKeyDictionary()


@mutant("deliver", races=["R79"], killed=("r79-two-devices-one-listens", "tree/inclusive", "delivered-once"))
def given_once_in_a_process(original: Original, now: Situation, new: list[LogEvent], origin: Origin) -> None:
    """Remembers for all clients of a process together what was delivered, so that only the first is given an event."""
    given = _given.setdefault(trio.lowlevel.current_clock(), {})
    original(now, [event for event in new if given.setdefault(event["id"], now) is now], origin)


MUTANTS = (given_once_in_a_process,)
