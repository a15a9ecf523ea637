"""Which source is believed, where two differ. Pure; the one table of authority.

Read from below: a read of the log that was begun after the fact beats an index of the log, that beats the snapshot
that ends a run, and so on up to the clock. A source is not better for being newer; it is better for what it can know.
"""

from __future__ import annotations

from enum import IntEnum

from gapless.syncclient.decisions import decision


class EvidenceSource(IntEnum):
    """Who says something about a conversation, from the least authority to the most."""

    CLOCK = 0
    """Nothing was heard for so long that something is likely."""
    STATUS = 1
    """The answer of `GET conversation`: one moment, and a stop hook may still veto an end (R13)."""
    GREETING = 2
    """The snapshot that answers a subscription: one moment, too, and it may be a copy or old (R03, R32)."""
    UPDATE = 3
    """A state update on the socket. A stop hook may still veto an end (R13)."""
    CHAIN = 4
    """The parents of events: they prove a branch, and nothing of state updates."""
    FINAL = 5
    """The snapshot that is published after a run: no stop hook can veto its end."""
    INDEX = 6
    """A log index, on a connection whose echo was seen."""
    LOG = 7
    """A read of the log, to its tail, that was begun after the fact."""


@decision("can-be-vetoed")
def can_be_vetoed(source: EvidenceSource) -> bool:
    """Whether a stop hook may still take back the end of a run that this source tells of (R13)."""
    return source < EvidenceSource.FINAL


def outranks(one: EvidenceSource, other: EvidenceSource) -> bool:
    """Whether one source is believed against another."""
    return one > other
