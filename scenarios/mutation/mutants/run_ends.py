"""Bugs in deciding whether a run is over, and which run (R10 to R22)."""

from __future__ import annotations

from dataclasses import replace

from gapless.scenarios.mutation.planting import ExpectedKill, Mutant, Original, mutant, with_settings
from gapless.syncclient.core.authority import EvidenceSource
from gapless.syncclient.core.events import RequestFailed
from gapless.syncclient.core.requests import FailureVerdict, Request
from gapless.syncclient.core.runs import run_in_log
from gapless.syncclient.core.runs.certificates import Certificates
from gapless.syncclient.core.runs.endings import Belief, Ending
from gapless.syncclient.core.runs.phases import IDLE, TERMINAL
from gapless.syncclient.core.runs.run_in_progress import RunInProgress
from gapless.syncclient.core.runs.runs import Runs
from gapless.syncclient.errors import SyncError
from gapless.syncclient.log import proof
from gapless.syncclient.log.ledger import Ledger
from gapless.syncclient.wire import LogEvent


@mutant(
    "live-status",
    races=["R13"],
    killed=("r13-stop-hook-veto", "tree/inclusive", "no-tail-loss"),
    fails_clean=True,
)
def hint_is_the_end(
    original: Original,
    run: RunInProgress,
    status: str,
    now_s: float,
    step: int,
    *,
    event_id: str | None = None,
    may_be_others: bool = False,
    at: str = "",
    told_at: str = "",
) -> None:
    """Treats a status update to finished as the end of the run, without waiting for the final snapshot."""
    original(run, status, now_s, step, event_id=event_id, may_be_others=may_be_others, at=at, told_at=told_at)
    if status in TERMINAL and run.ending is None:
        run.believe(Ending(status, None, True, step), step)


@mutant(
    "status-report", races=["R13", "R14"], killed=("r14-veto-after-three-seconds", "legacy/inclusive", "no-tail-loss")
)
def veto_ignored(original: Original, runs: Runs, report: Ending) -> None:
    """Believes a greeting or a REST status at once, although a stop hook may still veto the end."""
    original(runs, replace(report, source=EvidenceSource.FINAL))


@mutant("believe-ending", races=["R16"], killed=("r16-anothers-final-snapshot", "tree/inclusive", "no-tail-loss"))
def previous_snapshot_believed(original: Original, run: RunInProgress, ending: Ending, ledger: Ledger) -> Belief:
    """Treats every report of an end as the end of the current run, even if it is about another run."""
    if ending.status in TERMINAL:
        return Belief.OURS
    belief: Belief = original(run, ending, ledger)
    return belief


@mutant("believe-ending", races=["R15"], killed=("r15-idle-while-initialising", "tree/inclusive", "returns-in-time"))
def idle_is_an_end(original: Original, run: RunInProgress, ending: Ending, ledger: Ledger) -> Belief:
    """Treats the status idle as the end of the run, although the run may not have begun."""
    if ending.status == IDLE:
        return Belief.OURS
    belief: Belief = original(run, ending, ledger)
    return belief


@mutant(
    "believe-ending", races=["R15", "R19"], killed=("r19-message-at-the-end", "legacy/inclusive", "returns-in-time")
)
def idle_is_never_an_end(original: Original, run: RunInProgress, ending: Ending, ledger: Ledger) -> Belief:
    """Always treats the status idle as a sign that the run has not begun."""
    if ending.status == IDLE:
        return Belief.STALE
    belief: Belief = original(run, ending, ledger)
    return belief


@mutant("believe-log-status", races=["R19"], killed=("r19-message-at-the-end", "legacy/inclusive", "returns-in-time"))
def last_status_decides(original: Original, run: RunInProgress, ledger: Ledger, report: Ending) -> str | None:
    """Looks only at the last status in the log, which a message sets back to idle."""
    statuses = run_in_log.statuses(run, ledger)
    return statuses[-1] if statuses and statuses[-1] in TERMINAL else None


@mutant("terminal-status", races=["R17"], killed=("r17-lost-snapshot-waiting", "tree/inclusive", "no-hang"))
def waiting_is_no_end(original: Original, status: str | None) -> bool:
    """Waits for finished, error or stuck, so a run that is paused or waits for confirmation never ends."""
    return status in {"finished", "error", "stuck"}


@mutant("run-waiting", races=["R17"], killed=("r17-lost-final-snapshot", "tree/inclusive", "no-hang"))
def snapshot_alone_ends(original: Original, runs: Runs, run: RunInProgress) -> None:
    """Waits for the final snapshot, however long ago the status became finished."""
    if run.end_update is None:
        original(runs, run)


@mutant("run-conflict", races=["R18"], killed=("r18-somebody-elses-run", "tree/inclusive", "bounded"))
def run_asked_again_at_once(
    original: Original, runs: Runs, request: Request, failure: RequestFailed, verdict: FailureVerdict, error: SyncError
) -> None:
    """Asks for the run again after 0.01 s when it is refused with 409."""
    original(runs, request, failure, verdict, error)
    run = runs._situation.run
    if run is not None:
        run.post_again_at_s = runs._situation.now_s + 0.01


@mutant("run-ending", races=["R10"], killed=("r10-late-tail", "tree/inclusive", "no-tail-loss"))
def end_without_a_proof(original: Original, runs: Runs, run: RunInProgress, ending: Ending) -> None:
    """Returns as soon as the run is over, with the events that have arrived by then."""
    runs._finish(runs._certificates.certificate(run, ending))


@mutant("run-certificate", races=["R10", "R30"], killed=("r10-late-tail", "tree/inclusive", "no-tail-loss"))
def end_taken_for_a_proof(
    original: Original, certificates: Certificates, run: RunInProgress, ending: Ending
) -> proof.Certificate | None:
    """Claims that a run is complete because it is over."""
    return proof.Certificate("chain", "branch")


@mutant(
    "run-count",
    races=["R54"],
    killed=("r54-count-overtaken", "tree/inclusive", "no-holes"),
    settings={"trusts_count": True},
)
def count_compared_with_later(original: Original, runs: Runs, exchange: Request, counted: int) -> None:
    """Compares a count with the number of events held when it arrives, instead of when it was requested."""
    exchange.held_events = len(runs._situation.ledger)
    original(runs, exchange, counted)


counts_are_trusted = Mutant(
    "counts-are-trusted",
    "Trusts a count although the server publishes events before it persists them.",
    ("R54",),
    (with_settings({"trusts_count": True}),),
    ExpectedKill("r54-counts-agree", "legacy/inclusive", "no-tail-loss"),
)


@mutant("run-ending", races=["R20"], killed=("clean-run", "tree/inclusive", "budget"), fails_clean=True)
def count_at_every_end(original: Original, runs: Runs, run: RunInProgress, ending: Ending) -> None:
    """Requests a count at the end of each run, even if the run is proven complete already."""
    if run.counted is None and runs._situation.exchange is None:
        runs._reading.count()
    elif run.counted is not None:
        original(runs, run, ending)


impatient = Mutant(
    "impatient",
    "Waits only 0.1 s for the final snapshot, then asks REST and believes the answer.",
    ("R13",),
    (with_settings({"snapshot_wait_s": 0.1, "veto_wait_s": 0.1}),),
    ExpectedKill("r13-stop-hook-veto", "tree/inclusive", "no-tail-loss"),
)


@mutant("run-waiting", races=["R13"], killed=("r13-veto-and-a-lost-status", "session/inclusive", "no-tail-loss"))
def hint_stands(original: Original, runs: Runs, run: RunInProgress) -> None:
    """Treats a status of finished as the end when no other status arrives within 0.7 s."""
    now = runs._situation
    if run.end_update is not None and now.due(run.end_update.at_s + 0.7):
        run.believe(Ending(run.end_update.status, None, True, now.step), now.step)
        now.wake_at_s = now.now_s
    else:
        original(runs, run)


@mutant("believe-ending", races=["R19"], killed=("r19-message-and-no-snapshot", "tree/inclusive", "returns-in-time"))
def idle_must_be_final(original: Original, run: RunInProgress, ending: Ending, ledger: Ledger) -> Belief:
    """Believes the status idle only in a final snapshot, because any other report may be from before the run."""
    if ending.status == IDLE and not ending.is_final:
        return Belief.STALE
    belief: Belief = original(run, ending, ledger)
    return belief


@mutant(
    "veto-may-come",
    races=["R13", "R19"],
    killed=("r13-idle-by-a-message-before-the-veto", "legacy/inclusive", "no-tail-loss"),
)
def idle_needs_no_wait(original: Original, run: RunInProgress, report: Ending) -> bool:
    """Treats idle as the end without waiting for a veto, after a message has changed finished to idle."""
    may_come: bool = original(run, report)
    return may_come and report.status != IDLE


@mutant(
    "veto-may-come", races=["R13"], killed=("r13-veto-while-the-subscription-is-lost", "tree/inclusive", "no-tail-loss")
)
def veto_unheard_did_not_come(original: Original, run: RunInProgress, report: Ending) -> bool:
    """Believes an end when no veto was heard for long enough, without asking whether one has come."""
    return False


@mutant("run-waiting", races=["R35", "R41"], killed=("r35-silent-and-renewals-refused", "tree/inclusive", "no-hang"))
def an_old_socket_will_do(original: Original, runs: Runs, run: RunInProgress) -> None:
    """Never asks REST while a socket is open, though it is silent and no other is to be had."""
    refusals = runs._situation.subscription.refusals
    runs._situation.subscription.refusals = 0
    original(runs, run)
    runs._situation.subscription.refusals += refusals


@mutant(
    "unread-end",
    races=["R36", "R57"],
    killed=("r36-late-greeting-and-a-cursor-loop", "legacy/inclusive", "returns-in-time"),
)
def unread_end_ends_the_run(original: Original, runs: Runs, run: RunInProgress, unverified_end: Ending) -> bool:
    """Returns as soon as the log cannot be asked about an end, though a socket would tell that the run goes on."""
    return False


@mutant("run-resting", races=["R60", "R67"], killed=("r60-asleep-with-the-tail-lost", "tree/inclusive", "honest"))
def forgotten_run_not_looked_for(original: Original, runs: Runs, run: RunInProgress) -> None:
    """Gives a run up that nobody knows of, without reading the log, which may have lost it."""
    run.is_rest_verified = True
    original(runs, run)


@mutant(
    "leaf-passed",
    races=["R36", "R15"],
    killed=("r36-stale-greeting-in-a-first-run", "session/inclusive", "returns-in-time"),
)
def no_branch_is_no_sign(original: Original, run: RunInProgress, ending: Ending, ledger: Ledger) -> bool:
    """Believes a report that knows of no branch, though events of the branch are held."""
    is_passed: bool = original(run, ending, ledger)
    return is_passed and ending.leaf_id is not None


@mutant("settle-without-log", races=["R36"], killed=("r36-late-idle-greeting", "legacy/inclusive", "returns-in-time"))
def log_is_not_believed(
    original: Original, runs: Runs, run: RunInProgress, unverified_end: Ending, *, from_step: int
) -> None:
    """Believes an end that the log denies as soon as the log was read."""
    run.is_forgotten = True
    run.believe(replace(unverified_end, leaf_id=None, asked_step=from_step), from_step)


@mutant("end-untold", races=["R19"], killed=("r19-idle-again-and-its-end-lost", "tree/inclusive", "state"))
def untold_end_is_idle(original: Original, run: RunInProgress, ending: Ending) -> bool:
    """Takes the conversation's status for that of its run, where nothing has told how the run ended."""
    return False


@mutant(
    "lost-run-untouched",
    races=["R51"],
    killed=("r51-run-lost-and-an-endless-log", "tree/inclusive", "honest"),
)
def lost_run_given_up(original: Original, runs: Runs, run: RunInProgress, unverified_end: Ending) -> bool:
    """Gives up a run whose `POST` was lost, where the log cannot be read, though the leaf is still its own message."""
    return False


@mutant(
    "end-lost-with-log",
    races=["R60", "R67"],
    killed=("r60-how-it-ended-is-lost", "session/inclusive", "honest"),
)
def end_is_never_lost(original: Original, runs: Runs, run: RunInProgress) -> bool:
    """Looks for the end of a run in a log that was begun anew, and has it no more."""
    return False


@mutant(
    "end-told-again",
    races=["R33", "R36"],
    killed=("r33-stale-greeting-of-a-forgotten-run", "legacy/inclusive", "state"),
)
def forgotten_end_not_asked_again(original: Original, runs: Runs, run: RunInProgress, unverified_end: Ending) -> bool:
    """Believes a stale greeting's word of how a run ended that the log does not show."""
    return False


@mutant(
    "believe-ending",
    races=["R79"],
    killed=("r79-end-of-another-before-our-message", "session/inclusive", "no-tail-loss"),
)
def end_before_our_message_is_ours(original: Original, run: RunInProgress, ending: Ending, ledger: Ledger) -> Belief:
    """Believes an end that a socket brings before our own message."""
    unseen, run.unseen_messages = run.unseen_messages, 0
    belief: Belief = original(run, ending, ledger)
    run.unseen_messages = unseen
    return belief


@mutant(
    "ending-contradicted",
    races=["R36"],
    killed=("r36-stale-final-of-a-lost-leaf", "session/exclusive", "honest"),
)
def contradicted_end_is_ours(original: Original, run: RunInProgress, ending: Ending, ledger: Ledger) -> bool:
    """Believes a final snapshot that contradicts the update before it, and names a leaf that is not held."""
    return False


@mutant(
    "was-there", races=["R18", "R79"], killed=("r79-late-events-of-the-run-before", "session/inclusive", "no-tail-loss")
)
def late_events_are_ours(original: Original, run: RunInProgress, at: str, ledger: Ledger) -> bool:
    """Takes what pages show late of another's run, that ours had to wait for, for what happened in ours."""
    return False


@mutant("until-final", races=["R79"], killed=("r79-answered-after-a-pause", "session/inclusive", "state"))
def span_goes_on(original: Original, run: RunInProgress, placed: list[LogEvent]) -> list[LogEvent]:
    """Reports how another's run ended that began after the final snapshot of ours."""
    return placed


@mutant("log-end-vetoed", races=["R13", "R67"], killed=("r13-end-by-the-log-alone", "tree/inclusive", "no-tail-loss"))
def log_end_not_vetoed(original: Original, runs: Runs, run: RunInProgress, unverified_end: Ending, status: str) -> bool:
    """Believes an end that the log shows last, and that nobody has told of, though a stop hook may take it back."""
    return False


MUTANTS = (
    hint_is_the_end,
    veto_ignored,
    previous_snapshot_believed,
    idle_is_an_end,
    idle_is_never_an_end,
    last_status_decides,
    waiting_is_no_end,
    snapshot_alone_ends,
    run_asked_again_at_once,
    end_without_a_proof,
    end_taken_for_a_proof,
    count_compared_with_later,
    counts_are_trusted,
    count_at_every_end,
    impatient,
    hint_stands,
    idle_must_be_final,
    idle_needs_no_wait,
    veto_unheard_did_not_come,
    an_old_socket_will_do,
    unread_end_ends_the_run,
    no_branch_is_no_sign,
    log_is_not_believed,
    forgotten_run_not_looked_for,
    untold_end_is_idle,
    lost_run_given_up,
    end_is_never_lost,
    forgotten_end_not_asked_again,
    end_before_our_message_is_ours,
    contradicted_end_is_ours,
    late_events_are_ours,
    span_goes_on,
    log_end_not_vetoed,
)
