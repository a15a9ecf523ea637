"""Bugs in the order of the events held (R31, R36, R60, R61)."""

from __future__ import annotations

from collections.abc import Sequence

from gapless.scenarios.mutation.planting import Original, mutant
from gapless.syncclient.log.held import Held
from gapless.syncclient.log.ledger import Ledger


@mutant("order", races=["R31"], killed=("r31-out-of-order", "legacy/inclusive", "no-holes"), fails_clean=True)
def order_of_arrival(original: Original, ledger: Held) -> list[str]:
    """Lists the events it holds in order of arrival."""
    return list(ledger._events)


@mutant("order", races=["R61"], killed=("r61-clock-steps-back", "legacy/inclusive", "no-holes"))
def order_of_timestamps(original: Original, ledger: Held) -> list[str]:
    """Lists the events it holds by timestamp."""
    return sorted(ledger._events, key=ledger._timestamp)


@mutant("order", races=["R59"], killed=("r59-unreadable-and-late", "legacy/inclusive", "history"))
def unplaced_last(original: Original, ledger: Held) -> list[str]:
    """Lists the events whose place is not proven behind all others."""
    placed = [event_id for event_id in original(ledger) if not ledger.is_unplaced(event_id)]
    return placed + ledger.unplaced_ids()


@mutant("insert-behind", races=["R31"], killed=("counted-whole-log", "tree/inclusive", "no-holes"))
def latest_update_first(original: Original, ledger: Ledger, parent_id: str, event_id: str) -> None:
    """Inserts each state update directly after its parent, before updates that arrived earlier."""
    segment = ledger._segment_of[parent_id]
    segment.ids.insert(segment.ids.index(parent_id) + 1, event_id)
    ledger._segment_of[event_id] = segment
    ledger._forget_unplaced(event_id)


@mutant("place-path", races=["R31"], killed=("r31-merely-late", "tree/inclusive", "no-holes"))
def updates_left_at_the_end(original: Original, ledger: Ledger, path: object) -> None:
    """Places the events that the chain proves, but leaves state updates at the end."""
    updates = [event_id for event_id in ledger._unplaced if event_id in ledger._events]
    original(ledger, path)
    for event_id in updates:
        segment = ledger._segment_of.get(event_id)
        if segment is not None:
            segment.ids.remove(event_id)
            segment.ids.append(event_id)


@mutant("conflicting-index", races=["R60"], killed=("r60-lost-end-beyond-a-hole", "session/inclusive", "no-holes"))
def first_at_an_index_stays(original: Original, ledger: Held, event_id: str, seq: int | None) -> list[str]:
    """Keeps an event beyond a hole although the log now has a different event at its index."""
    return []


@mutant("place-with-parents", races=["R59"], killed=("r59-corrupt-leaf-held", "tree/inclusive", "honest"))
def pages_have_everything(original: Original, ledger: Ledger, page: list[str]) -> list[str]:
    """Treats an event that is on no page as not yet persisted, even if a later event names it as its parent."""
    return page


@mutant("older-than-tip", races=["R53"], killed=("r53-never-persisted-and-a-late-end", "tree/inclusive", "no-holes"))
def the_branch_passes_nobody(original: Original, ledger: Held, event_ids: Sequence[str]) -> list[str]:
    """Keeps an event that the log lacks until it knows how the run ended, even if the branch has passed that event."""
    return []


@mutant("no-room", races=["R60", "R30"], killed=("r60-lost-behind-a-hole", "session/inclusive", "no-holes"))
def there_is_always_room(original: Original, ledger: Held, event_id: str, seq: int | None) -> bool:
    """Never counts whether all that it holds fits between two indexes that a socket has told."""
    return False


MUTANTS = (
    order_of_arrival,
    order_of_timestamps,
    unplaced_last,
    latest_update_first,
    updates_left_at_the_end,
    first_at_an_index_stays,
    pages_have_everything,
    the_branch_passes_nobody,
    there_is_always_room,
)
