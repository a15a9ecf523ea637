"""Bugs in deliveries to the application (R62)."""

from __future__ import annotations

from collections.abc import Iterable

from gapless.scenarios.mutation.planting import Original, mutant
from gapless.syncclient.core.actions import Origin
from gapless.syncclient.core.situation import Situation
from gapless.syncclient.wire import LogEvent


@mutant(
    "deliver",
    races=["R62"],
    killed=("r62-repaired-events-are-delivered", "tree/inclusive", "delivered-once"),
)
def repaired_events_kept_quiet(original: Original, now: Situation, new: Iterable[LogEvent], origin: Origin) -> None:
    """Does not deliver events that a repair brings."""
    if origin != "repair":
        original(now, new, origin)


@mutant(
    "deliver",
    races=["R62"],
    killed=("r62-repaired-events-are-delivered", "legacy/inclusive", "delivered-once"),
)
def repaired_events_told_twice(original: Original, now: Situation, new: Iterable[LogEvent], origin: Origin) -> None:
    """Delivers an event when a repair brings it, and again when it is placed."""
    original(now, new, origin)
    if origin == "repair":
        original(now, new, origin)


@mutant(
    "deliver",
    races=["R62", "R63"],
    killed=("r63-slow-repair-fast-socket", "tree/inclusive", "delivered-once"),
)
def silent_while_repairing(original: Original, now: Situation, new: Iterable[LogEvent], origin: Origin) -> None:
    """Does not deliver events that arrive while it reads pages."""
    if origin != "live" or now.exchange is None:
        original(now, new, origin)


@mutant(
    "deliver",
    races=["R33", "R62"],
    killed=("r34-disconnect-in-mid-run", "tree/inclusive", "delivered-once"),
)
def callbacks_end_with_the_socket(original: Original, now: Situation, new: Iterable[LogEvent], origin: Origin) -> None:
    """Does not deliver events that arrive after a reconnect."""
    if now.subscription.count < 2:
        original(now, new, origin)


MUTANTS = (
    repaired_events_kept_quiet,
    repaired_events_told_twice,
    silent_while_repairing,
    callbacks_end_with_the_socket,
)
