"""Reading the log for the proof of a run's end: what is asked while nothing proves that all of it is held. Pure."""

from __future__ import annotations

from gapless.syncclient.core.repairs import Repairs
from gapless.syncclient.core.runs.run_in_progress import RunInProgress
from gapless.syncclient.core.situation import Situation
from gapless.syncclient.core.socket_state import Connection
from gapless.syncclient.path_marks import sometimes


class ProofReading:
    """What is asked of the log when a run may be over."""

    def __init__(self, situation: Situation, repairs: Repairs) -> None:
        self._situation = situation
        self._repairs = repairs

    def ask(self, run: RunInProgress, from_step: int) -> bool:
        """Have the log shown as it is now: by a new subscription that names its length, or else by pages.

        `from_step` is the core's step at which the end was heard: what was asked for then tells. False where the log
        was asked for long enough.
        """
        now, connection = self._situation, self._situation.subscription.current
        if run.proof_tries and not now.due(run.proof_due_s):
            return True  # a log that lags is seldom there after an instant
        if now.generation != "session" or connection is None:
            return self.read(run)
        if connection.asked_step < from_step and not now.subscription.is_refusing():
            sometimes("proof: the subscription was renewed for its index")
            now.renew_socket()  # its sync names the last index: a proof without a call
        elif connection.is_ready and self._has_replayed(connection):
            return self.read(run)
        return True

    def read(self, run: RunInProgress) -> bool:
        """Read on to the log's tail; again, ever more slowly, where REST lags the socket (R52).

        False where the deadline has come.
        """
        now, limit_s = self._situation, self._situation.settings.repair_deadline_s
        if not run.proof_tries:
            run.proof_since_s = run.proof_due_s = now.now_s
        elif now.due(run.proof_since_s + limit_s):
            sometimes("proof: gave up, for the log did not show the end")
            self._repairs.give_up(f"repair_deadline_s ({limit_s:g} s) was reached; the log does not show the run's end")
            return False
        if now.due(run.proof_due_s):
            sometimes("proof: the log was read again, for it lagged", run.proof_tries)
            run.proof_tries += 1
            # A log that lags is seldom there after an instant; each look costs a page.
            run.proof_due_s = now.now_s + now.settings.settle_s + now.backoff_s(run.proof_tries + 2)
            began_after = run.comes_after(now.ledger) if self._is_run_to_be_shown(run) else None
            sometimes("proof: the log was read from where a run began, for no end was told", began_after is not None)
            self._repairs.begin(shows_end=run.proof_tries == 1, from_id=began_after)
        return True

    def _is_run_to_be_shown(self, run: RunInProgress) -> bool:
        """Whether pages are to show the run from its beginning: its end was not told, or a status of it is held whose
        place what follows the log's tail does not show."""
        if run.ending is not None:
            return run.is_end_untold(run.ending)
        return run.proof_tries > 1 and self._situation.ledger.has_passed_status()

    def count(self) -> None:
        """Ask for the log's length: with all that is held it may be a proof."""
        now = self._situation
        sometimes("proof: a count was asked for")
        now.begin_exchange("count", None, deadline_s=now.now_s + now.settings.repair_deadline_s)

    def _has_replayed(self, connection: Connection) -> bool:
        """Whether what a session socket was asked for has come, or does not come any more."""
        now, next_seq = self._situation, self._situation.ledger.next_seq()
        is_whole = now.is_echoed and next_seq is not None and next_seq > connection.last_seq
        return is_whole or now.due(connection.last_frame_at_s + now.settings.ready_wait_s)
