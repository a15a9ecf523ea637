"""Bugs with lost, silent and refused connections (R33 to R41)."""

from __future__ import annotations

from gapless.scenarios.clients.baselines.full_rescan import FullRescan
from gapless.scenarios.mutation.planting import ExpectedKill, Method, Mutant, Original, mutant, with_settings
from gapless.syncclient.core.core import SyncCore
from gapless.syncclient.core.repairs import Repairs
from gapless.syncclient.core.runs.run_in_progress import RunInProgress
from gapless.syncclient.core.runs.runs import Runs
from gapless.syncclient.core.situation import Situation
from gapless.syncclient.errors import ConversationNotFound, SyncError

_GONE = ConversationNotFound("the server went away")


@mutant(
    Method(FullRescan, "reconcile"),
    races=["R34"],
    killed=("r34-disconnect-in-mid-run", "legacy/inclusive", "no-holes"),
    base="full-rescan",
)
async def no_reconcile_after_reconnect(original: Original, client: FullRescan) -> None:
    """Like full-rescan, but reads nothing after a reconnect."""


@mutant("socket-closed", races=["R33"], killed=("r33-server-restart", "tree/inclusive", "budget"))
def reader_dies(original: Original, core: SyncCore, number: int, code: int | None, reason: str) -> None:
    """Never opens another socket after one was lost."""
    original(core, number, code, reason)
    core._now.subscription.retry_at_s = None


@mutant(
    "verify-after-outage",
    races=["R34", "R39"],
    killed=("cost-reconnect-none-missed", "tree/inclusive", "budget"),
)
def every_reconnect_reads(original: Original, repairs: Repairs) -> None:
    """Reads on from the anchor after every reconnect, even if the socket has shown that nothing was missed."""
    now = repairs._situation
    if now.unverified and now.ready_connection() is not None:
        repairs.begin()


@mutant("begin-epoch", races=["R60"], killed=("r60-truncated-while-away", "session/inclusive", "no-holes"))
def contradictions_overlooked(original: Original, now: Situation, why: str, *, held: str = "held") -> None:
    """Keeps what it holds although the log contradicts it."""


@mutant("run-accepted", races=["R16", "R18"], killed=("r16-others-run-while-posting", "tree/inclusive", "no-tail-loss"))
def heard_before_is_ours(original: Original, run: RunInProgress, now_s: float, step: int) -> None:
    """Takes a run that was heard of before its own was accepted for its own."""
    original(run, now_s, step)
    run.may_be_others = run.was_before = False


@mutant("retry-delay", races=["R41", "R56"], killed=("r34-disconnect-in-mid-run", "tree/inclusive", "bounded"))
def no_backoff(original: Original, failures: int, *, draw: float, min_s: float, max_s: float) -> float:
    """Retries every failure after 0.01 s, however often it has failed."""
    return 0.01


@mutant("retry-delay", races=["R41"], killed=("cost-socket-down-for-good", "tree/inclusive", "bounded"))
def constant_backoff(original: Original, failures: int, *, draw: float, min_s: float, max_s: float) -> float:
    """Waits equally long after every failure."""
    return min_s


@mutant("run-waiting", races=["R35"], killed=("r35-zombie-subscription", "tree/inclusive", "no-hang"))
def silence_never_doubted(original: Original, runs: Runs, run: RunInProgress) -> None:
    """Never checks whether an open but silent socket is dead."""
    if runs._situation.ready_connection() is None or run.end_update is not None:
        original(runs, run)


@mutant("run-waiting", races=["R35", "R41"], killed=("cost-socket-down-for-good", "tree/inclusive", "no-hang"))
def rest_never_asked(original: Original, runs: Runs, run: RunInProgress) -> None:
    """Waits for the socket to come back and does not ask REST for the status of the run."""
    if runs._situation.ready_connection() is not None:
        original(runs, run)


endless_handshake = Mutant(
    "endless-handshake",
    "Waits up to an hour for the answer to a handshake.",
    ("R41",),
    (with_settings({"handshake_timeout_s": 3600.0}),),
    ExpectedKill("r41-handshake-hangs-at-attach", "tree/inclusive", "budget"),
)


small_frames_only = Mutant(
    "small-frames-only",
    "Accepts frames of at most 1 MiB, the default of many libraries.",
    ("R38",),
    (with_settings({"frame_size_bytes_max": 2**20}),),
    ExpectedKill("r38-large-frame", "session/inclusive", "budget"),
)


@mutant("fatal-close", races=["R33"], killed=("r33-server-restart", "tree/inclusive", "no-hang"))
def restart_is_fatal(original: Original, code: int | None) -> SyncError | None:
    """Treats a restart of the server (close 1012) as the end of the conversation."""
    return _GONE if code == 1012 else original(code)


@mutant("fatal-close", races=["R33"], killed=("r33-unknown-conversation", "session/inclusive", "budget"))
def deletion_is_a_hiccup(original: Original, code: int | None) -> SyncError | None:
    """Keeps reconnecting to a conversation that does not exist (close 4004)."""
    return None if code == 4004 else original(code)


@mutant("fatal-close", races=["R33"], killed=("r19-message-after-reconnect", "tree/inclusive", "no-hang"))
def going_away_is_fatal(original: Original, code: int | None) -> SyncError | None:
    """Treats an orderly close (1001) as the end of the conversation."""
    return _GONE if code == 1001 else original(code)


@mutant("fatal-close", races=["R37"], killed=("r37-slow-consumer", "tree/inclusive", "no-hang"))
def overflow_is_fatal(original: Original, code: int | None) -> SyncError | None:
    """Treats the close of a slow subscription (1013) as the end of the conversation."""
    return _GONE if code == 1013 else original(code)


@mutant("never-persisted-kind", races=["R40"], killed=("r40-delta-flood", "tree/inclusive", "budget"))
def deltas_are_events(original: Original, kind: str) -> bool:
    """Stores token deltas among the events of the log."""
    return kind == "ServerErrorEvent"


@mutant("run-waiting", races=["R35"], killed=("r35-half-open", "tree/inclusive", "returns-in-time"))
def patient_by_the_minute(original: Original, runs: Runs, run: RunInProgress) -> None:
    """Checks a silent socket only after a minute."""
    run.silence_s = max(run.silence_s, 60.0)
    original(runs, run)


@mutant(
    "verify-after-outage",
    races=["R75"],
    killed=("r75-index-anew-after-an-empty-log", "session/inclusive", "no-tail-loss"),
)
def an_empty_index_is_an_empty_log(original: Original, repairs: Repairs) -> None:
    """Believes, where it held nothing, that an index that is empty after an outage is that of the whole log."""
    now = repairs._situation
    if now.replaying_connection() is not None and now.ledger.tail_id() is None:
        now.unverified = False
    original(repairs)


MUTANTS = (
    no_reconcile_after_reconnect,
    reader_dies,
    every_reconnect_reads,
    no_backoff,
    constant_backoff,
    silence_never_doubted,
    patient_by_the_minute,
    rest_never_asked,
    endless_handshake,
    small_frames_only,
    restart_is_fatal,
    deletion_is_a_hiccup,
    going_away_is_fatal,
    overflow_is_fatal,
    deltas_are_events,
    contradictions_overlooked,
    heard_before_is_ours,
    an_empty_index_is_an_empty_log,
)
