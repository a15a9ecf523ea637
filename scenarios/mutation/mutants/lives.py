"""Bugs with the life of a conversation and of a client: leases, sleep, moved heads, questions, updates (R64 to R89)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import trio

from gapless.scenarios.clients.baselines.tail_cursor import TailCursor
from gapless.scenarios.mutation.planting import ExpectedKill, Method, Mutant, Original, mutant, with_settings
from gapless.syncclient.conversation import Conversation
from gapless.syncclient.core.actions import Origin
from gapless.syncclient.core.authority import EvidenceSource
from gapless.syncclient.core.runs import run_in_log
from gapless.syncclient.core.runs.endings import Belief, Ending
from gapless.syncclient.core.runs.phases import IDLE
from gapless.syncclient.core.runs.run_in_progress import RunInProgress
from gapless.syncclient.core.situation import Situation
from gapless.syncclient.log.ledger import Ledger
from gapless.syncclient.log.proof import Certificate
from gapless.syncclient.log.walk import Outcome, Walk
from gapless.syncclient.report import SyncReport
from gapless.syncclient.stores.saved import Saved
from gapless.syncclient.wire import LogEvent, Page, is_user_message

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


@mutant(Method(Conversation, "send"), races=["R67"], killed=("r67-woken-by-a-write", "tree/inclusive", "no-hang"))
async def writes_wait_for_the_socket(original: Original, conversation: Conversation, text: str) -> None:
    """Sends no message while no socket is open, although a write would wake the server."""
    while conversation._core._now.ready_connection() is None:
        await trio.sleep(1)
    await original(conversation, text)


@mutant(
    Method(Situation, "renew_from_frame"),
    races=["R72"],
    killed=("r72-an-older-version-comes-late", "legacy/inclusive", "content"),
)
def late_version_is_news(original: Original, now: Situation, event: LogEvent, size_bytes: int) -> None:
    """Takes each frame for the newest version of its event, and never asks the log whether it is only late."""
    original(now, event, size_bytes)
    now.contested.pop(event["id"], None)


@mutant(Method(Ledger, "restore"), races=["R78"], killed=("r78-reopened", "tree/inclusive", "no-holes"))
def store_keeps_the_newest(original: Original, ledger: Ledger, saved: Saved, payloads: Mapping[str, LogEvent]) -> None:
    """Takes only the last ten events from its store, for all that it had held."""
    cut = [replace(one, ids=one.ids[-10:]) for one in saved.segments]
    kept = frozenset(event_id for segment in cut for event_id in segment.ids)
    events = tuple(one for one in saved.events if one.stub.event_id in kept)
    original(ledger, replace(saved, segments=tuple(cut), events=events), payloads)


@mutant("deliver", races=["R79"], killed=("r79-second-writer-sends-in-our-run", "tree/inclusive", "delivered-once"))
def message_in_a_run_is_ours(original: Original, now: Situation, new: list[LogEvent], origin: Origin) -> None:
    """Takes each message that comes while its run goes on for the echo of its own, and does not deliver it."""
    is_running = now.run is not None and now.status == "running"
    original(now, [event for event in new if not (is_running and is_user_message(event))], origin)


@mutant("believe-ending", races=["R79"], killed=("r79-two-writers", "tree/inclusive", "returns-in-time"))
def pause_of_a_speaker_is_theirs(original: Original, run: RunInProgress, ending: Ending, ledger: Ledger) -> Belief:
    """Takes a pause for that of another's run, if somebody else has spoken since its own message."""
    held = (ledger.payloads.get(one) for one in run.fresh)
    messages = [one for one in held if one is not None and is_user_message(one)]
    if ending.status == "paused" and len(messages) > 1:
        return Belief.STALE
    belief: Belief = original(run, ending, ledger)
    return belief


@mutant(
    "believe-log-status", races=["R79", "R21"], killed=("r79-stopped-before-it-had-begun", "legacy/inclusive", "budget")
)
def error_before_the_beginning_is_stale(
    original: Original, run: RunInProgress, ledger: Ledger, report: Ending
) -> str | None:
    """Believes no error as its end if the run before ended so, until the log shows that its run has begun."""
    if report.status == run.status_at_arm == "error" and "running" not in run_in_log.statuses(run, ledger):
        return None
    status: str | None = original(run, ledger, report)
    return status


@mutant("deliver", races=["R80"], killed=("r80-every-socket-stalls", "tree/inclusive", "delivered-once"))
def burst_is_cut_short(original: Original, now: Situation, new: list[LogEvent], origin: Origin) -> None:
    """Delivers at most twelve events of one moment after the attach, and drops the others of a burst."""
    burst = vars(now).setdefault("_burst", [now.now_s, 0])
    if burst[0] != now.now_s:
        burst[:] = [now.now_s, 0]
    for event in new:
        burst[1] += origin != "history"
        if origin == "history" or burst[1] <= 12:
            original(now, [event], origin)


@mutant("deliver", races=["R82"], killed=("r82-lost-question", "tree/inclusive", "delivered-once"))
def repaired_question_is_not_shown(original: Original, now: Situation, new: list[LogEvent], origin: Origin) -> None:
    """Does not deliver what a repair brings while the agent waits for an answer."""
    if origin != "repair" or now.status != "waiting_for_confirmation":
        original(now, new, origin)


@mutant("deliver", races=["R82"], killed=("r82-lost-confirmation", "tree/inclusive", "delivered-once"))
def deaf_after_a_question(original: Original, now: Situation, new: list[LogEvent], origin: Origin) -> None:
    """Does not deliver what the agent does between a question and its next own run."""
    statuses = [one["value"] for one in now.ledger.ordered() if one.get("key") == "execution_status"]
    if now.run is None and "waiting_for_confirmation" in statuses:
        new = [event for event in new if event["kind"] not in ("ActionEvent", "ObservationEvent")]
    original(now, new, origin)


@mutant(Method(Situation, "report"), races=["R84"], killed=("r84-second-error-lost", "tree/inclusive", "state"))
def repaired_error_is_not_reported(
    original: Original, now: Situation, certificate: Certificate | None = None, *, error: str | None = None
) -> SyncReport:
    """Reports the first error in the log, if a repair has brought any event."""
    errors = (event["detail"] for event in now.ledger.ordered() if event["kind"] == "ConversationErrorEvent")
    report: SyncReport = original(now, certificate, error=error)
    return replace(report, error=next(errors, None)) if report.error and now.repaired_events else report


@mutant("take-page", races=["R88"], killed=("r88-pages-bounded-by-bytes", "legacy/inclusive", "no-tail-loss"))
def single_event_ends_the_log(
    original: Original, one: Walk, page: Page, ledger: Ledger
) -> tuple[Outcome, list[LogEvent]]:
    """Treats a page of one event as the last one."""
    next_page_id = page.next_page_id if len(page.items) > 1 else None
    found: tuple[Outcome, list[LogEvent]] = original(one, replace(page, next_page_id=next_page_id), ledger)
    return found


@mutant(
    "veto-may-come",
    races=["R13", "R19", "R34"],
    killed=("r13-idle-by-a-message-before-the-veto", "legacy/inclusive", "no-tail-loss"),
)
def idle_greeting_needs_no_wait(original: Original, run: RunInProgress, report: Ending) -> bool:
    """Treats idle in the greeting of a new socket as an end that nothing takes back."""
    may_come: bool = original(run, report)
    return may_come and not (report.status == IDLE and report.source is EvidenceSource.GREETING)


MUTANTS = (
    half_an_hour_is_dead,
    never_gives_up,
    unknown_kinds_dropped,
    cursor_from_the_count,
    pause_is_no_end,
    writes_wait_for_the_socket,
    late_version_is_news,
    store_keeps_the_newest,
    message_in_a_run_is_ours,
    pause_of_a_speaker_is_theirs,
    error_before_the_beginning_is_stale,
    burst_is_cut_short,
    repaired_question_is_not_shown,
    deaf_after_a_question,
    repaired_error_is_not_reported,
    single_event_ends_the_log,
    idle_greeting_needs_no_wait,
)
