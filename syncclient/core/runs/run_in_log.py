"""What the log shows of the run in progress: whether it has begun, how it ended, and whose end that is. Pure."""

from __future__ import annotations

from collections.abc import Container

from gapless.syncclient.core.runs.endings import Ending, Span
from gapless.syncclient.core.runs.phases import IDLE, is_terminal
from gapless.syncclient.core.runs.run_in_progress import RunInProgress
from gapless.syncclient.decisions import decision
from gapless.syncclient.log.ledger import Ledger
from gapless.syncclient.wire import LogEvent, error_detail, execution_status, is_feedback, is_user_message


def statuses(run: RunInProgress, ledger: Ledger) -> list[str]:
    """The execution statuses that the log shows since the run was armed; what was held by then is none of its."""
    return ledger.statuses_after(run.comes_after(ledger), run.fresh)


@decision("believe-log-status")
def status_by_log(run: RunInProgress, ledger: Ledger, report: Ending) -> str | None:
    """The status by which the log itself says that this run is over, as `report` does; or None.

    A message that comes at the end of a run makes the conversation idle again (R19); a veto makes it run (R13).
    """
    shown = statuses(run, ledger)
    if "running" not in shown:
        # Stopped before it had begun, as the snapshot says that a run's end publishes, and none is older than ours.
        is_stopped = report.is_final and report.timestamp >= ledger.last_status_at(run.comes_after(ledger), run.fresh)
        # A run that was heard of is in the log, and a view that does not show it is behind (R52).
        is_unheard = run.running_step is None and run.end_update is None and not ledger.has_unplaced_status()
        is_last = is_stopped and is_unheard and has_leaf(ledger, report) and report.timestamp >= ledger.tail_at() > ""
        told = shown[-1:] or ([report.status] if is_last else [])  # it may have rested in that status before
        return next((status for status in told if is_stopped and is_terminal(status)), None)
    since = shown[len(shown) - shown[::-1].index("running") :]
    return next((status for status in since if is_terminal(status)), None)


def has_leaf(ledger: Ledger, report: Ending) -> bool:
    """Whether the leaf that a report names is held; one that the log does not have makes it a stale copy (R36)."""
    return report.leaf_id is None or report.leaf_id in ledger


def span(run: RunInProgress, ledger: Ledger, others: Container[str]) -> Span | None:
    """How the first run went that the log shows since this one was asked for; None if that is not to be seen.

    A message of somebody else comes before any other run: what is first behind it is another's. A stop hook says
    why a run goes on after `finished`; one that goes on without a word is another's. So is all that came after the
    snapshot that ends a run.
    """
    status = stopped = error = None
    # What told that it had begun may be lost: then the first end, or that behind its message, is its.
    is_begun = run.running_id is not None and run.running_id not in ledger
    is_others = is_vetoed = False
    after_id = run.comes_after(ledger)
    is_at_rest = after_id is not None and after_id == run.message_id
    # The run that it had to wait for ends behind our message.
    is_waiting = run.was_blocked and not run.begins_after
    for event in _until_final(run, ledger.placed_events_after(after_id)):
        told = execution_status(event) if event["id"] in run.fresh else None
        if is_waiting:
            is_waiting = not is_terminal(told)
            continue
        if status is None and event["id"] in others:
            is_others = True
        if is_others and event["id"] == run.running_id and _was_running_heard(run):
            is_others = False  # the server takes ours only when no other is in progress
        if is_others:
            if told == "running" and run.may_have_died:
                return Span(None, None)  # ours may have died with its server, and left no trace
            continue
        if is_terminal(status) and (is_user_message(event) or (told == "running" and not is_vetoed)):
            break
        if status == "running" == told:
            status = run.end_before_other  # another run has begun, so the log has lost the end of this one
            break
        is_vetoed = is_terminal(status) and (is_vetoed or is_feedback(event))
        is_late = str(event.get("timestamp", "")) > run.begins_after or not run.begins_after
        is_end = is_terminal(told) and told != "paused"  # a conversation that rests can be paused
        stopped = told if is_terminal(told) else stopped
        is_begun = is_begun or (is_late and (told == "running" or (is_at_rest and is_end)))
        if is_begun and (told == "running" or (is_terminal(told) and not is_terminal(status))):
            status = told  # a conversation that rests can be paused after its run
        if is_begun:
            error = error_detail(event) or error
    if is_begun and is_terminal(status):
        return Span(status, error)
    stopped = run.end_before_other if stopped is None and run.is_running_others else stopped
    return Span(stopped, None) if is_others and stopped is not None else None  # it was stopped before it began


@decision("until-final")
def _until_final(run: RunInProgress, placed: list[LogEvent]) -> list[LogEvent]:
    """Those of some events of the log that were there when a snapshot ended the run, by the server's clock."""
    if run.ending is None or not run.ending.is_final:
        return placed
    is_before = [str(event.get("timestamp", "")) <= run.ending.timestamp for event in placed]
    # A clock that was set back in the run makes its first events the later ones.
    return placed[: len(is_before) - is_before[::-1].index(True)] if any(is_before) else placed


def _was_running_heard(run: RunInProgress) -> bool:
    """Whether `running` was heard on a socket, after the server had taken this run, and before any end."""
    step = run.running_step
    is_heard = step is not None and step > run.accepted_step and (run.outage_step < 0 or step < run.outage_step)
    return is_heard and not run.is_running_others


def shows_end(run: RunInProgress, ledger: Ledger, ending: Ending) -> bool:
    """Whether what is placed of the log shows this end: a view behind the socket does not.

    Where an update told it, that update is to be seen: one of the same status may be an end that was vetoed (R13).
    Where none did, nothing is held that is newer than the log's tail.
    """
    if ending.status == IDLE or run.is_forgotten:
        return True
    update_id = None if run.end_update is None else run.end_update.event_id
    if update_id is not None:
        return ledger.has_place(update_id)
    return ends_alike(run, ledger, ending) and not ledger.is_behind_unplaced()


def ends_alike(run: RunInProgress, ledger: Ledger, ending: Ending) -> bool:
    """Whether the log's last status is this one, or it shows an end of the run by its own statuses."""
    return statuses(run, ledger)[-1:] == [ending.status] or status_by_log(run, ledger, ending) is not None


def shows_nothing(run: RunInProgress, ledger: Ledger) -> bool:
    """Whether the log has nothing of a run since this one was asked for; a message makes it idle before."""
    return all(status == IDLE for status in statuses(run, ledger))


def shows_no_run(run: RunInProgress, ledger: Ledger) -> bool:
    """Whether the log has no trace of a run since this one was asked for; a conversation that rests can be paused."""
    return all(status in (IDLE, "paused") for status in statuses(run, ledger))


def has_begun(run: RunInProgress, ledger: Ledger) -> bool:
    """Whether the log says that a run has begun since this one was asked for."""
    return "running" in statuses(run, ledger)


def goes_on(run: RunInProgress, ledger: Ledger) -> bool:
    """Whether the log's last status is that a run is in progress.

    It is not where an update told of the end, and the log has lost it, or does not show it yet: that is no veto.
    """
    update_id = run.end_update.event_id if run.end_update is not None else None
    is_told_after = update_id is not None and not ledger.has_place(update_id)
    return statuses(run, ledger)[-1:] == ["running"] and not is_told_after
