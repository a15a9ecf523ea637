"""Bugs in what the client says of the log and of itself (R22, R62, R83, R84)."""

from __future__ import annotations

from dataclasses import replace

from gapless.scenarios.clients.baselines.follower import Follower
from gapless.scenarios.mutation.planting import ExpectedKill, Method, Mutant, Original, mutant, with_settings
from gapless.syncclient.core.actions import Origin
from gapless.syncclient.core.runs.certificates import Certificates
from gapless.syncclient.core.runs.endings import Ending
from gapless.syncclient.core.runs.run_in_progress import RunInProgress
from gapless.syncclient.core.situation import Situation
from gapless.syncclient.core.unread import Unread
from gapless.syncclient.history import History
from gapless.syncclient.log.proof import Certificate
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
)
