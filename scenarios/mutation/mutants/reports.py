"""Bugs in what the client says of the log and of itself (R22, R62, R83, R84)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from gapless.scenarios.clients.baselines.follower import Follower
from gapless.scenarios.clients.contract import Claim
from gapless.scenarios.clients.ours import GaplessClient
from gapless.scenarios.mutation.planting import ExpectedKill, Method, Mutant, Original, mutant, with_settings
from gapless.syncclient.conversation import Conversation
from gapless.syncclient.core.actions import Origin
from gapless.syncclient.core.runs.certificates import Certificates
from gapless.syncclient.core.runs.endings import Ending
from gapless.syncclient.core.runs.run_in_progress import RunInProgress
from gapless.syncclient.core.situation import Situation
from gapless.syncclient.core.unread import Unread
from gapless.syncclient.history import History
from gapless.syncclient.log.ledger import Ledger
from gapless.syncclient.log.proof import Certificate
from gapless.syncclient.log.walk import Outcome, Walk
from gapless.syncclient.report import SyncReport
from gapless.syncclient.wire import LogEvent, Page


@mutant(
    Method(Follower, "attach"),
    races=["R01"],
    base="socket-only",
    killed=("cost-attach-short", "tree/inclusive", "held-at-attach"),
    fails_clean=True,
)
async def past_never_read(original: Original, client: Follower) -> None:
    """Only subscribes when it attaches, and does not read the log."""
    await client.subscribe()


@mutant("parse-page", races=["R30"], killed=("r04-long-history", "tree/inclusive", "content"), fails_clean=True)
def payload_of_another_event(original: Original, body: bytes) -> Page:
    """Gives each event of a page the text of the event before it, under its own id."""
    page: Page = original(body)
    own = ("id", "parent_id", "kind", "timestamp", "key", "value")
    items: list[LogEvent] = []
    for before, event in zip((None, *page.items), page.items, strict=False):
        wrong = dict(before or event) | {name: event[name] for name in own if name in event}
        items.append(wrong)
    return replace(page, items=tuple(items))


@mutant(Method(Situation, "report"), races=["R22"], killed=("r22-lost-error", "tree/inclusive", "state"))
def status_always_finished(
    original: Original, now: Situation, certificate: Certificate | None = None, *, error: str | None = None
) -> SyncReport:
    """Reports that every run has finished."""
    report: SyncReport = original(now, certificate, error=error)
    return replace(report, status="finished")


@mutant(Method(Situation, "report"), races=["R84"], killed=("r84-error-of-the-run-before", "tree/inclusive", "state"))
def first_error_for_every_run(
    original: Original, now: Situation, certificate: Certificate | None = None, *, error: str | None = None
) -> SyncReport:
    """Reports the first error in the log, whichever run it ended."""
    errors = (event["detail"] for event in now.ledger.ordered() if event["kind"] == "ConversationErrorEvent")
    report: SyncReport = original(now, certificate, error=error)
    return replace(report, error=next(errors, None) if report.error else None)


@mutant(
    "run-certificate", races=["R30"], killed=("clean-run", "legacy/inclusive", "says-what-it-did"), fails_clean=True
)
def proof_under_another_name(
    original: Original, certificates: Certificates, run: RunInProgress, ending: Ending
) -> Certificate | None:
    """Calls every proof a count."""
    certificate: Certificate | None = original(certificates, run, ending)
    return certificate and Certificate("count", certificate.covers)


@mutant("deliver", races=["R62"], killed=("r30-lost-frame", "tree/inclusive", "says-what-it-did"))
def repair_called_live(original: Original, now: Situation, new: list[LogEvent], origin: Origin) -> None:
    """Delivers what a repair brings as if it had come live."""
    original(now, new, "live" if origin == "repair" else origin)


@mutant(
    Method(Situation, "spend"),
    races=["R56"],
    killed=("r56-unavailable-twice", "tree/inclusive", "says-what-it-did"),
    fails_clean=True,
)
def attach_not_counted(
    original: Original,
    now: Situation,
    *,
    calls: int = 0,
    failed_calls: int = 0,
    body_bytes: int = 0,
    connections: int = 0,
) -> None:
    """Reports the calls that it made since the attach, for all of its calls."""
    counted = calls if now.is_attached else 0
    original(now, calls=counted, failed_calls=failed_calls, body_bytes=body_bytes, connections=connections)


@mutant(Method(History, "_read"), races=["R55"], killed=("history-of-a-long-log", "tree/inclusive", "history"))
async def history_stops_at_a_gap(original: Original, history: History) -> None:
    """Ends the iteration over the log where a page would have to be read."""
    raise StopAsyncIteration


ends_of_five_events = Mutant(
    "ends-of-five-events",
    "Attaches with five events from each end of the log.",
    ("R04",),
    (with_settings({"page_size_events": 5}),),
    ExpectedKill("cost-attach-long", "tree/inclusive", "ends-first"),
    fails_clean=True,
)


@mutant("unread-updates", races=["R34"], killed=("history-after-an-outage", "tree/inclusive", "history"))
def outage_leaves_history_alone(original: Original, unread: Unread, after_id: str | None) -> None:
    """Takes the log that parents prove for all of the log, when its history is asked for after an outage."""


@mutant(
    Method(GaplessClient, "run"), races=["R83"], killed=("r83-statistics-of-each-run", "session/inclusive", "state")
)
async def first_statistics_for_every_run(original: Original, client: GaplessClient) -> Claim:
    """Reports the first statistics that it has reported, whichever run is over."""
    claim: Claim = await original(client)
    if claim.statistics is None:
        return claim
    first = vars(client).setdefault("_first_statistics", claim.statistics)
    return replace(claim, statistics=first)


@mutant(Method(Ledger, "renew"), races=["R72"], killed=("r72-updated-between-runs", "tree/inclusive", "content"))
def finished_run_is_let_be(
    original: Original,
    ledger: Ledger,
    event: LogEvent,
    *,
    size_bytes: int,
    is_from_log: bool,
    is_first_frame: bool = False,
) -> bool:
    """Takes over no newer version of an event of a run that has finished."""
    held = list(ledger.ordered())
    later = held[next(n for n, one in enumerate(held) if one["id"] == event["id"]) :]
    if any(one.get("value") == "finished" for one in later):
        return False
    is_newer: bool = original(
        ledger, event, size_bytes=size_bytes, is_from_log=is_from_log, is_first_frame=is_first_frame
    )
    return is_newer


@mutant("deliver", races=["R62"], killed=("clean-run", "tree/inclusive", "content"), fails_clean=True)
def application_is_told_of_another(
    original: Original, now: Situation, events: Iterable[LogEvent], origin: Origin
) -> None:
    """Gives the application each event with the text of the one that it held first. What it holds is right."""
    first = next(iter(now.ledger.ordered()), {})
    own = ("id", "parent_id", "kind", "timestamp", "key", "value")
    wrong = [dict(first) | {name: event[name] for name in own if name in event} for event in events]
    original(now, wrong, origin)


@mutant(
    "deliver",
    races=["R62"],
    killed=("clean-run", "tree/inclusive", "says-what-it-did"),
    fails_clean=True,
)
def live_called_repair(original: Original, now: Situation, events: Iterable[LogEvent], origin: Origin) -> None:
    """Delivers what comes live as if a repair had brought it."""
    original(now, events, "repair" if origin == "live" else origin)


@mutant(Method(Conversation, "send"), races=["R56"], killed=("r21-back-to-back", "tree/inclusive", "sent-once"))
async def first_message_each_time(original: Original, conversation: Conversation, text: str) -> None:
    """Sends the text of its first message again, whatever it is asked to send."""
    texts = vars(conversation).setdefault("_texts", [])
    texts.append(text)
    await original(conversation, texts[0])


@mutant("take-page", races=["R62"], killed=("cost-reconnect-missed", "legacy/inclusive", "delivered-in-order"))
def repaired_newest_first(original: Original, walk: Walk, page: Page, ledger: Ledger) -> tuple[Outcome, list[LogEvent]]:
    """Delivers what a page brings from the newest to the oldest, as a page from the tail has it."""
    outcome, new = original(walk, page, ledger)
    return outcome, new[::-1]


@mutant(
    Method(Situation, "report"),
    races=["R51"],
    killed=("r51-no-cursor-known", "tree/inclusive", "says-what-it-did"),
)
def proof_beside_incomplete(
    original: Original, now: Situation, certificate: Certificate | None = None, *, error: str | None = None
) -> SyncReport:
    """Names the chain as its proof although it says that it is incomplete."""
    report: SyncReport = original(now, certificate, error=error)
    return report if report.complete else replace(report, proof="chain")


MUTANTS = (
    past_never_read,
    payload_of_another_event,
    status_always_finished,
    first_error_for_every_run,
    proof_under_another_name,
    repair_called_live,
    attach_not_counted,
    history_stops_at_a_gap,
    ends_of_five_events,
    outage_leaves_history_alone,
    first_statistics_for_every_run,
    finished_run_is_let_be,
    application_is_told_of_another,
    live_called_repair,
    first_message_each_time,
    repaired_newest_first,
    proof_beside_incomplete,
)
