"""Bugs in recognizing events that were seen before (R06, R32, R50, R61)."""

from __future__ import annotations

from collections.abc import Sequence

from gapless.scenarios.mutation.planting import Original, mutant
from gapless.syncclient.core.core import SyncCore
from gapless.syncclient.core.socket_state import Connection
from gapless.syncclient.log.ledger import Ledger
from gapless.syncclient.wire import Durable, LogEvent


@mutant("add-live", races=["R32"], killed=("r32-copies", "legacy/inclusive", "delivered-once"))
def copies_are_news(
    original: Original, ledger: Ledger, event: LogEvent, seq: int | None, *, size_bytes: int = 0
) -> bool:
    """Delivers every frame to the application, even one that it has received before."""
    original(ledger, event, seq, size_bytes=size_bytes)
    return True


@mutant("add-live", races=["R32"], killed=("r32-copies", "legacy/inclusive", "delivered-once"))
def only_the_last_is_known(
    original: Original, ledger: Ledger, event: LogEvent, seq: int | None, *, size_bytes: int = 0
) -> bool:
    """Recognizes a copy only if it directly follows its event."""
    last_id = next(reversed(ledger._events), None)
    original(ledger, event, seq, size_bytes=size_bytes)
    return bool(last_id != event["id"])


@mutant("add-live", races=["R61"], killed=("r61-ties", "session/inclusive", "budget"))
def one_event_a_timestamp(
    original: Original, ledger: Ledger, event: LogEvent, seq: int | None, *, size_bytes: int = 0
) -> bool:
    """Treats two events with the same kind and timestamp as one."""
    for held in ledger._events.values():
        if (held["kind"], held.get("timestamp")) == (event["kind"], event.get("timestamp")):
            return False
    is_new: bool = original(ledger, event, seq, size_bytes=size_bytes)
    return is_new


@mutant(
    "merge-page",
    races=["R50", "R62"],
    killed=("r30-lost-frame", "tree/inclusive", "delivered-once"),
)
def pages_are_news(
    original: Original,
    ledger: Ledger,
    items: Sequence[LogEvent],
    *,
    after: str | None = None,
    before: str | None = None,
    at_head: bool = False,
    sizes_bytes: Sequence[int] = (),
) -> list[LogEvent]:
    """Delivers everything on a page to the application, even events that the socket has brought already."""
    original(ledger, items, after=after, before=before, at_head=at_head, sizes_bytes=sizes_bytes)
    return list(items)


@mutant("durable-frame", races=["R06"], killed=("r31-overtaken-then-cut", "session/inclusive", "delivered-once"))
def replays_are_news(original: Original, core: SyncCore, connection: Connection, frame: Durable) -> None:
    """Delivers everything that a new socket replays to the application, even events that it already holds."""
    was_held = frame.event["id"] in core.ledger
    original(core, connection, frame)
    if was_held and frame.seq is not None and frame.seq <= connection.last_seq:
        core._now.deliver([frame.event], "repair")


@mutant(
    "add-live",
    races=["R62"],
    killed=("r62-repaired-events-are-delivered", "tree/inclusive", "delivered-once"),
)
def late_frame_of_a_repaired_event(
    original: Original, ledger: Ledger, event: LogEvent, seq: int | None, *, size_bytes: int = 0
) -> bool:
    """Delivers an event again when its frame arrives after a repair has brought and placed it."""
    was_placed = ledger.is_placed(event["id"])
    is_new: bool = original(ledger, event, seq, size_bytes=size_bytes)
    return is_new or was_placed


MUTANTS = (
    copies_are_news,
    only_the_last_is_known,
    one_event_a_timestamp,
    pages_are_news,
    replays_are_news,
    late_frame_of_a_repaired_event,
)
