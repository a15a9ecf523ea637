"""Bugs in the first sync (R01 to R05, R58)."""

from __future__ import annotations

from gapless.scenarios.mutation.planting import Original, mutant
from gapless.syncclient.core.attach import Attach
from gapless.syncclient.core.core import SyncCore
from gapless.syncclient.core.requests import Request
from gapless.syncclient.core.situation import Situation
from gapless.syncclient.core.socket_state import Connection
from gapless.syncclient.log.held import Held
from gapless.syncclient.report import Gap
from gapless.syncclient.wire import Durable


@mutant("socket-upkeep", races=["R02"], killed=("r02-dropped-subscribe-snapshot", "legacy/inclusive", "budget"))
def waits_for_the_greeting(original: Original, core: SyncCore) -> None:
    """Treats a subscription as ready only after the greeting snapshot has arrived."""
    current = core._now.subscription.current
    if current is None:
        original(core)


@mutant("attach-end-shown", races=["R04"], killed=("cost-attach-long", "legacy/inclusive", "budget"))
def ends_never_end(original: Original, attach: Attach, exchange: Request) -> bool:
    """Reads on at both ends of the log, although it has shown enough of them."""
    return False


@mutant("attach-finish", races=["R04"], killed=("clean-run", "legacy/inclusive", "budget"), fails_clean=True)
def attaches_twice(original: Original, attach: Attach) -> None:
    """Syncs a second time directly after the first sync."""
    original(attach)
    attach._situation.unverified = True


@mutant("gaps", races=["R04"], killed=("r04-long-history", "legacy/inclusive", "no-holes"))
def gap_not_declared(original: Original, ledger: Held) -> tuple[Gap, ...]:
    """Does not declare the part of the history that it has not read as a gap."""
    return ()


@mutant(
    "durable-frame",
    races=["R05", "R58"],
    killed=("r05-live-among-replayed", "session/inclusive", "budget"),
    fails_clean=True,
)
def deaf_while_attaching(original: Original, core: SyncCore, connection: Connection, frame: Durable) -> None:
    """Ignores frames from the socket until the history is read."""
    if core._now.is_attached:
        original(core, connection, frame)


@mutant("subscription-ready", races=["R34"], killed=("cost-reconnect-none-missed", "tree/inclusive", "budget"))
def greeting_forgotten(original: Original, now: Situation, connection: Connection) -> None:
    """Does not remember the leaf in the greeting of a subscription."""
    original(now, connection)
    connection.snapshot = None


@mutant("attach-replay", races=["R60"], killed=("r60-long-run-cut-short", "session/inclusive", "budget"))
def begins_anew_at_the_tail(original: Original, attach: Attach, connection: Connection) -> None:
    """Follows a replaced log only from its last page, although the application had attached further back."""
    attach._start = None
    original(attach, connection)


MUTANTS = (
    waits_for_the_greeting,
    ends_never_end,
    attaches_twice,
    gap_not_declared,
    deaf_while_attaching,
    greeting_forgotten,
    begins_anew_at_the_tail,
)
