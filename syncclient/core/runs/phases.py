"""How far a run has come: its phases, what moves it from one to the next, and which statuses end it. Pure.

A run goes through the phases of one table.
"""

from __future__ import annotations

from enum import Enum, IntEnum

from gapless.syncclient.decisions import decision

IDLE = "idle"
TERMINAL = frozenset({"finished", "paused", "waiting_for_confirmation", "error", "stuck"})


@decision("terminal-status")
def is_terminal(status: str | None) -> bool:
    """Whether a run that has this status is over, but for a stop hook's veto."""
    return status in TERMINAL


class Phase(IntEnum):
    """How far a run has come. Within one attempt it only goes forward."""

    POSTED = 1
    """`POST run` is under way."""
    REPOSTED = 2
    """It is posted again after a lost answer. A 409 now says that the first was taken."""
    UNSURE = 3
    """Its answer was lost: the server may not have taken it."""
    BLOCKED = 4
    """It was answered 409: another run is in progress, and ours is yet to be started (R18)."""
    ACCEPTED = 5
    """The server has taken it."""
    BEGUN = 6
    """`running` was seen."""
    ENDING = 7
    """Its end is believed; what is missing is a proof that all of it is held."""
    OVER = 8


class Sign(Enum):
    """What moves a run from phase to phase."""

    TAKEN = "taken"
    LOST = "lost"
    CONFLICT = "conflict"
    RUNNING = "running"
    END = "end"
    DONE = "done"


PHASES: dict[tuple[Phase, Sign], Phase] = {
    (Phase.POSTED, Sign.TAKEN): Phase.ACCEPTED,
    (Phase.POSTED, Sign.LOST): Phase.UNSURE,
    (Phase.POSTED, Sign.CONFLICT): Phase.BLOCKED,
    (Phase.UNSURE, Sign.RUNNING): Phase.BEGUN,
    (Phase.UNSURE, Sign.END): Phase.ENDING,
    (Phase.REPOSTED, Sign.TAKEN): Phase.ACCEPTED,
    (Phase.REPOSTED, Sign.CONFLICT): Phase.ACCEPTED,
    (Phase.REPOSTED, Sign.LOST): Phase.UNSURE,
    (Phase.ACCEPTED, Sign.RUNNING): Phase.BEGUN,
    (Phase.ACCEPTED, Sign.END): Phase.ENDING,
    (Phase.BEGUN, Sign.END): Phase.ENDING,
    (Phase.ACCEPTED, Sign.DONE): Phase.OVER,
    (Phase.BEGUN, Sign.DONE): Phase.OVER,
    (Phase.UNSURE, Sign.DONE): Phase.OVER,
    (Phase.ENDING, Sign.DONE): Phase.OVER,
}
"""Every change of phase. A sign that is not listed for a phase changes nothing."""
