"""Bugs with the life of a conversation and of a client: leases, sleep, moved heads, questions, updates (R64 to R89)."""

from __future__ import annotations

from typing import Any

import trio

from gapless.scenarios.clients.baselines.tail_cursor import TailCursor
from gapless.scenarios.mutation.planting import ExpectedKill, Method, Mutant, Original, mutant, with_settings
from gapless.syncclient.core.runs.endings import Belief, Ending
from gapless.syncclient.core.runs.run_in_progress import RunInProgress
from gapless.syncclient.log.ledger import Ledger

KNOWN_KINDS = frozenset(
    {
        "SystemPromptEvent",
        "MessageEvent",
        "ActionEvent",
        "ObservationEvent",
        "AgentErrorEvent",
        "ConversationErrorEvent",
        "ConversationStateUpdateEvent",
        "LLMCompletionLogEvent",
        "UserRejectObservation",
    }
)


half_an_hour_is_dead = Mutant(
    "half-an-hour-is-dead",
    "Gives up on a run of which nothing was heard for half an hour, although the server says running.",
    ("R86",),
    (with_settings({"run_timeout_s": 1800.0}),),
    ExpectedKill("r86-silent-tool", "tree/inclusive", "no-hang"),
)


never_gives_up = Mutant(
    "never-gives-up",
    "Waits for the end of a run without any time-out of its own.",
    ("R70",),
    (with_settings({"run_timeout_s": 1_000_000.0}),),
    ExpectedKill("r70-run-without-an-end", "tree/inclusive", "no-hang"),
)


@mutant("never-persisted-kind", races=["R73"], killed=("r73-unknown-kind", "tree/inclusive", "budget"))
def unknown_kinds_dropped(original: Original, kind: str) -> bool:
    """Drops events whose kind it does not know, as if they were in no log."""
    return kind not in KNOWN_KINDS or bool(original(kind))


@mutant(
    Method(TailCursor, "reconcile"),
    races=["R87"],
    killed=("r87-count-with-an-unreadable-record", "tree/inclusive", "no-hang"),
    fails_clean=True,
    base="tail-cursor",
)
async def cursor_from_the_count(original: Original, client: TailCursor) -> None:
    """Reads on until it holds as many events as the server counts. A record that nobody can read is counted too."""
    while True:
        await original(client)
        total: Any = await client.wire._call("GET", "/events/count")
        if len(client.held()) >= int(total):
            return
        await trio.sleep(2)


@mutant(
    "believe-ending", races=["R79"], killed=("r79-second-writer-pauses-our-run", "tree/inclusive", "returns-in-time")
)
def pause_is_no_end(original: Original, run: RunInProgress, ending: Ending, ledger: Ledger) -> Belief:
    """Goes on waiting when a run was paused: it takes a pause for a moment in which the agent does nothing."""
    belief: Belief = original(run, ending, ledger)
    return Belief.STALE if ending.status == "paused" else belief


MUTANTS = (
    half_an_hour_is_dead,
    never_gives_up,
    unknown_kinds_dropped,
    cursor_from_the_count,
    pause_is_no_end,
)
