"""The run in progress: is it over, and is all of it held? Pure.

Between `run()` and its report: wait for a status report about the end that is this run's (`run_in_progress.py`), then
for a certificate that its events are held (`proof.py`). Meanwhile see to it that silence is the agent's, not the
socket's.
"""

from __future__ import annotations

from dataclasses import replace

from gapless.syncclient.core import actions
from gapless.syncclient.core.authority import EvidenceSource, outranks
from gapless.syncclient.core.events import RequestFailed
from gapless.syncclient.core.repairs import Repairs
from gapless.syncclient.core.requests import FailureVerdict, Request
from gapless.syncclient.core.runs import run_in_log
from gapless.syncclient.core.runs.certificates import Certificates
from gapless.syncclient.core.runs.endings import Belief, Ending
from gapless.syncclient.core.runs.phases import IDLE, Phase, Sign, is_terminal
from gapless.syncclient.core.runs.proof_reading import ProofReading
from gapless.syncclient.core.runs.run_in_progress import RunInProgress
from gapless.syncclient.core.situation import Situation
from gapless.syncclient.decisions import decision
from gapless.syncclient.errors import RequestRefused, SyncError
from gapless.syncclient.log import proof
from gapless.syncclient.path_marks import sometimes
from gapless.syncclient.settings import Settings


class Runs:
    """The runs of one conversation; one at a time."""

    def __init__(self, situation: Situation, repairs: Repairs) -> None:
        self._situation = situation
        self._repairs = repairs
        self._certificates = Certificates(situation)
        self._reading = ProofReading(situation, repairs)
        self._base_settings = situation.settings
        self._blocked_since_s: float | None = None
        """Since when `POST run` is refused with 409, and nothing says that a run is in progress."""
        self._is_block_probed = False
        """Whether the status was asked for since then."""
        self._asked_at_s: float | None = None
        """Since when a run is asked for that cannot be posted yet, for the log is begun anew (R60)."""

    # -- what is said -------------------------------------------------------------------------------------------------

    def begin(self, settings: Settings | None) -> None:
        """Start a run, under `settings` of its own if given."""
        now = self._situation
        now.settings = settings or now.settings
        assert now.run is None, "one run at a time"
        assert self._asked_at_s is None, "one run at a time"
        sometimes("run: asked for while the log was begun anew", not now.is_attached)
        self._asked_at_s = now.now_s

    def abandon(self) -> None:
        """Nobody waits for the run any more."""
        now = self._situation
        if now.run is not None:
            now.requests.pop(now.run.request, None)
        self._asked_at_s = self._blocked_since_s = None
        now.run, now.settings = None, self._base_settings

    def taken(self, request: Request) -> None:
        """The server has taken the run."""
        run = self._situation.run
        if run is not None and run.request == request.number:
            run.sign(Sign.TAKEN)
            self._accept(run)

    @decision("run-conflict")
    def failed(self, request: Request, failure: RequestFailed, verdict: FailureVerdict, error: SyncError) -> None:
        """`POST run` has failed, and is not tried again by itself."""
        now, run = self._situation, self._situation.run
        if run is None or run.request != request.number:
            return
        match verdict:
            case FailureVerdict.UNSURE:
                run.sign(Sign.LOST)
                if run.running_step is not None and not run.may_be_others:
                    run.sign(Sign.RUNNING)
                self._accept(run)
            case FailureVerdict.CONFLICT:
                run.sign(Sign.CONFLICT)
                if run.phase is not Phase.BLOCKED:
                    self._accept(run)  # the run in progress is the one that we were not sure of
                    return
                sometimes("run: another's run was in progress")
                run.post_again_at_s = now.now_s + run.poll_interval_s
                if self._blocked_since_s is None or now.status == "running":
                    self._blocked_since_s, self._is_block_probed = now.now_s, False
                now.note("a run of somebody else was in progress; ours follows it")
            case _:
                self._fail(error)

    def _accept(self, run: RunInProgress) -> None:
        self._blocked_since_s = None
        now = self._situation
        run.accept(now.now_s, now.step)

    def _fail(self, error: SyncError) -> None:
        self.abandon()
        self._situation.out.append(actions.FailRun(error))

    @decision("status-report")
    def status_report(self, report: Ending) -> None:
        """A report about the whole conversation: a snapshot, or the answer of REST."""
        now, run = self._situation, self._situation.run
        if report.leaf_id is not None and not now.ledger.has_child(report.leaf_id):
            now.leaf_id, now.leaf_step = report.leaf_id, now.step
        now.hear_status(report.status, report.timestamp)
        if run is None:
            return
        if report.status == "running":
            now.tell_run(run, report.status)
            now.messages.run_begun()
        elif run.phase is Phase.BLOCKED:
            if outranks(report.source, EvidenceSource.STATUS):
                self._post_again(run, after=report.timestamp)
        elif is_terminal(report.status) or report.status == IDLE:
            may_be_others, veto_wait_s = now.messages.may_be_others, now.settings.veto_wait_s
            report = replace(report, heard_step=now.step)
            is_told_again = run.hear_report(report, now.now_s, may_be_others=may_be_others, veto_wait_s=veto_wait_s)
            update = run.end_update
            since_s = now.now_s if update is None else update.at_s
            is_rest = report.is_settled or (report.status == IDLE and update is None)
            wait_s = now.settings.snapshot_wait_s if is_rest else veto_wait_s
            run.report_due_s = now.now_s if report.is_final or is_told_again else since_s + wait_s

    # -- what to do about it ------------------------------------------------------------------------------------------

    def step(self) -> None:
        """Start the run that is asked for; see whether one is over, and what is to be done until it is."""
        now = self._situation
        if self._asked_at_s is not None:
            self._begin_attempt(self._asked_at_s, now.settings.poll_interval_s, Phase.POSTED)
            self._asked_at_s = None
        run = now.run
        if run is None:
            return
        if now.due(run.armed_at_s + now.settings.run_timeout_s):
            sometimes("run: gave up at the time-out")
            now.note(f"run_timeout_s ({now.settings.run_timeout_s:g} s) was reached")
            self._finish(None, timed_out=True)
        elif run.phase is Phase.BLOCKED:
            self._step_blocked(run)
        elif run.is_taken:
            self._take_report(run)
            if run.unverified_end is not None:
                self._step_unverified_end(run, run.unverified_end)
            if run.ending is not None:
                self._step_ending(run, run.ending)
            if run.ending is None and run.unverified_end is None and now.run is run:
                self._step_waiting(run)
            self._give_up_resting(run)

    @decision("run-resting")
    def _give_up_resting(self, run: RunInProgress) -> None:
        """End a run that nobody knows of: for so long everybody says that none is in progress, and the log has no end
        of it. Where it was not seen to begin, the log is read once before: it may have lost what was heard (R60)."""
        now, limit_s = self._situation, self._situation.settings.repair_deadline_s
        is_open = now.run is run and run.ending is None and run.unverified_end is None and run.report is None
        if not is_open or run.rests_since_s is None or not now.due(run.rests_since_s + limit_s):
            return
        if not run.is_rest_verified and not run_in_log.has_begun(run, now.ledger):
            sometimes("run: nobody knew of it, so the log was read")
            run.is_rest_verified = True
            step = now.step
            resting = Ending(now.status, None, knows_leaf=False, asked_step=step, heard_step=step, is_told_again=True)
            run.doubt(resting, now.step)
            self._step_unverified_end(run, resting)
        elif run.rested_at_s >= run.rests_since_s + limit_s:
            now.note(f"repair_deadline_s ({limit_s:g} s) was reached: no run is in progress, and the log has no end")
            self._finish(None)

    def _step_blocked(self, run: RunInProgress) -> None:
        """Post again, ever more slowly, while a run of somebody else is in progress; not for ever if there is none."""
        now, limit_s = self._situation, self._situation.settings.repair_deadline_s
        if self._blocked_since_s is not None and now.status != "running":
            if now.due(self._blocked_since_s + limit_s):
                sometimes("run: refused with 409, and none was in progress")
                why = f"repair_deadline_s ({limit_s:g} s) was reached: POST run is answered 409, but no run goes on"
                self._fail(RequestRefused(why, status=409, body=""))
                return
            is_deaf = now.exchange is None and now.ready_connection() is None
            if is_deaf and not self._is_block_probed and now.due(self._blocked_since_s + limit_s / 2):
                self._is_block_probed = True
                now.begin_exchange("status", None, deadline_s=now.now_s + limit_s)
        if now.due(run.post_again_at_s):
            self._post_again(run)

    def _take_report(self, run: RunInProgress) -> None:
        """Judge the latest report that a run is over: is it the end of ours, another's, or an unverified end?"""
        now, report = self._situation, run.report
        if report is None or run.ending is not None:
            return
        if not now.due(run.report_due_s) or not now.due(now.end_not_before_s(run)):
            return
        vetoed_by_s = run.last_told_at_s + now.settings.veto_wait_s if run.can_be_vetoed(report) else None
        if vetoed_by_s is not None and not (now.due(vetoed_by_s) and self._can_ask_for_veto(run)):
            return
        belief = run.judge(report, now.ledger)
        if vetoed_by_s is not None and (belief is Belief.OURS or (belief is Belief.WAIT and not now.is_heard())):
            if self._asks_for_veto(vetoed_by_s):
                return
            sometimes("run: a veto may have gone unheard, so the log is to tell")
            belief = Belief.UNVERIFIED_END
        if run.phase is Phase.UNSURE and belief is not Belief.OURS:
            belief = Belief.UNVERIFIED_END
        is_deaf = now.is_deaf() and report.status != IDLE
        if belief is Belief.WAIT and (is_deaf or now.due(run.accepted_at_s + now.settings.silence_s)):
            belief = Belief.UNVERIFIED_END  # nothing came that could have told, or nothing can come
        sometimes("run: a stale status report was ignored", belief is Belief.STALE)
        match belief:
            case Belief.OURS:
                run.believe(report, now.step)
                if not report.is_settled:
                    now.note("no final snapshot ended the run; its end was believed when no veto had followed (R14)")
            case Belief.UNVERIFIED_END if now.is_heard() and (run.was_passed_over(report) or run.repeats(report)):
                sometimes("run: an end that was verified, or is being verified, was told again")
            case Belief.UNVERIFIED_END:
                sometimes("run: an end was not verified yet")
                run.doubt(report, now.step)
            case Belief.STALE | Belief.WAIT:
                pass
        if belief is not Belief.WAIT:
            run.report = None

    def _can_ask_for_veto(self, run: RunInProgress) -> bool:
        """Whether there is somebody to ask: a socket, or REST where none has come back for so long."""
        now = self._situation
        return now.is_heard() or now.due(self._polled_from_s(run))

    def _asks_for_veto(self, vetoed_by_s: float) -> bool:
        """Whether a new subscription is asked about a veto that may have gone unheard (R13).

        It is answered with the status, which costs no call; where the end is told again, it is believed.
        """
        now, current = self._situation, self._situation.subscription.current
        if current is None or not current.is_ready:
            return now.is_heard()  # it is under way
        if current.asked_at_s >= vetoed_by_s or now.subscription.is_refusing():
            return False
        sometimes("run: the subscription was renewed for a veto that may have gone unheard")
        now.renew_socket()
        return True

    def _step_unverified_end(self, run: RunInProgress, unverified_end: Ending) -> None:
        """Somebody says that the run is over, and it may be another run's end: let the log decide."""
        now = self._situation
        if run.verify_again_at_s is not None:
            if not now.due(run.verify_again_at_s):
                return  # a socket stands, and would tell of anything that refutes it
            if run.is_end_refuted:
                sometimes("run: events that went on refuted an end")
                run.pass_over(unverified_end)
                run.unverified_end = run.verify_again_at_s = None
                return
            run.doubt(unverified_end, now.step)
            unverified_end = replace(unverified_end, heard_step=now.step)
        if (
            proof.bare_count(now.ledger, counted=run.counted, held_events=run.counted_held)
            and not unverified_end.knows_leaf
        ):
            sometimes("run: a count verified the end")
            now.ledger.place_unplaced()
            self._settle(run, unverified_end, from_step=run.counted_step)
        elif now.known_from_step >= unverified_end.heard_step:
            sometimes("run: the log verified the end")
            self._settle(run, unverified_end, from_step=now.known_from_step)
        elif now.gave_up_step >= unverified_end.heard_step:
            if self._has_not_begun(run, unverified_end):
                sometimes("run: a POST run that was lost is sent again, for the leaf is our message")
                self._post_lost_again(run)
            elif self._may_be_refuted(run, unverified_end):
                sometimes("run: the log could not be read, and an end was left open")
                self._leave_open(run, unverified_end, max(run.proof_due_s, now.now_s + now.settings.veto_wait_s))
            else:
                sometimes("run: returned with an unverified end")
                self._finish(None)
        elif now.exchange is None and self._certificates.count_may_do(run):
            self._reading.count()
        elif now.exchange is None and not self._repairs.has_work():
            self._ask_log(run, unverified_end.heard_step)

    @decision("unread-end")
    def _may_be_refuted(self, run: RunInProgress, unverified_end: Ending) -> bool:
        """Whether an end that the log cannot be asked about may be a stale one, which what a socket brings refutes."""
        now = self._situation
        may_be_stale = not unverified_end.is_final and run.end_update is None and now.is_heard()
        return may_be_stale and run.proof_tries > 0 and not now.due(run.proof_since_s + now.settings.repair_deadline_s)

    @decision("lost-run-untouched")
    def _has_not_begun(self, run: RunInProgress, unverified_end: Ending) -> bool:
        """Whether the leaf says that a run whose `POST` was lost has not begun: it is our message, and what could be
        read of the log shows no run."""
        is_untouched = run.message_id is not None and unverified_end.leaf_id == run.message_id
        return run.phase is Phase.UNSURE and is_untouched and run_in_log.shows_no_run(run, self._situation.ledger)

    def _leave_open(self, run: RunInProgress, unverified_end: Ending, until_s: float) -> None:
        """Ask the log about an end again at `until_s`, unless a socket tells more before."""
        run.unverified_end, run.verify_again_at_s = unverified_end, until_s
        self._situation.due(until_s)

    def _post_lost_again(self, run: RunInProgress) -> None:
        self._situation.note("POST run was not answered, and nothing began: it was sent again")
        self._begin_attempt(run.armed_at_s, run.poll_interval_s, Phase.REPOSTED)

    def _settle(self, run: RunInProgress, unverified_end: Ending, *, from_step: int) -> None:
        """The log is held as it was at `from_step`: it says whether our run is over."""
        now = self._situation
        status, run.unverified_end = run_in_log.status_by_log(run, now.ledger, unverified_end), None
        tries, run.proof_tries = run.proof_tries, 0
        if status is None and run.phase is Phase.UNSURE and run_in_log.shows_no_run(run, now.ledger):
            sometimes("run: a POST run that was lost is sent again")
            self._post_lost_again(run)
        elif status is None and now.ledger.has_unplaced_status() and run.outage_step >= 0:
            self._settle_lost_end(run, unverified_end, tries)
        elif status is None and (now.ledger.has_unplaced_status() or self._lacks_message(run)):
            sometimes("run: the log was behind the socket, and verified no end")
            run.unverified_end, run.proof_tries = replace(unverified_end, heard_step=now.step), tries
            self._read_on(run)
        elif status is None:
            self._settle_without_log(run, unverified_end, from_step=from_step)
        elif self._may_go_on(run, unverified_end, status):
            sometimes("run: the log shows an end that a stop hook may still take back")
            self._leave_open(run, unverified_end, run.last_told_at_s + now.settings.veto_wait_s)
        else:
            run.believe(replace(unverified_end, status=status, leaf_id=None, asked_step=from_step), from_step)

    @decision("log-end-vetoed")
    def _may_go_on(self, run: RunInProgress, unverified_end: Ending, status: str) -> bool:
        """Whether an end that the log shows last, and that nobody else has told of yet, may be taken back (R13)."""
        is_told = unverified_end.status == status or run_in_log.statuses(run, self._situation.ledger)[-1:] != [status]
        may_be_vetoed = run.can_be_vetoed(replace(unverified_end, status=status))
        vetoed_by_s = run.last_told_at_s + self._situation.settings.veto_wait_s
        return not is_told and may_be_vetoed and not self._situation.due(vetoed_by_s)

    def _lacks_message(self, run: RunInProgress) -> bool:
        """Whether the log was read without a message that the server had taken: then that view is behind (R52, R85).

        Not for as long as it takes until a run is looked for that nobody knows of: then the log has lost it (R60).
        """
        return run.unseen_messages > 0 and run.outage_step < 0 and not run.is_rest_verified

    def _settle_lost_end(self, run: RunInProgress, unverified_end: Ending, tries: int) -> None:
        """The log, read since an outage, lacks what was heard before it. It has lost its end (R60): begin anew.

        A view that is behind the socket looks the same, but not for long (R52): so look once more first.
        """
        now = self._situation
        run.contradicted_at_s = now.now_s if run.contradicted_at_s is None else run.contradicted_at_s
        at_s = run.contradicted_at_s + now.settings.veto_wait_s
        if now.due(at_s):
            run.contradicted_at_s = None
            now.begin_epoch("the log does not have what was heard before an outage")
        elif now.is_heard():
            self._leave_open(run, unverified_end, at_s)
        else:
            run.unverified_end, run.proof_tries = replace(unverified_end, heard_step=now.step), tries
            self._read_on(run)

    @decision("end-without-log")
    def _believe_without_log_at_s(self, run: RunInProgress, unverified_end: Ending) -> float | None:
        """When an end is to be believed that the log does not show; None if it is another's, or the log may show it.

        A run that the log does not show to have begun was stopped before, which the log shows by another status; or it
        died with its server. One that has begun lost its end with its server (R60). After an outage a view that is
        behind the socket looks the same, but not for long (R52).
        """
        now, settings = self._situation, self._situation.settings
        if run_in_log.has_begun(run, now.ledger):
            if not is_terminal(unverified_end.status):
                return None
            run.contradicted_at_s = now.now_s if run.contradicted_at_s is None else run.contradicted_at_s
            is_lost = run.is_asked_since_outage(unverified_end)
            return run.contradicted_at_s + (settings.veto_wait_s if is_lost else settings.repair_deadline_s)
        if unverified_end.status == IDLE or run_in_log.shows_nothing(run, now.ledger):
            # A server may take a run and do nothing, so that only its status tells: it rests in that of the run before.
            is_told = run.had_outage or run.is_rest_verified or unverified_end.status != IDLE
            return run.accepted_at_s + settings.repair_deadline_s if is_told else None
        is_alike = run_in_log.ends_alike(run, now.ledger, unverified_end)
        return run.accepted_at_s + settings.silence_s if is_alike else None

    @decision("settle-without-log")
    def _settle_without_log(self, run: RunInProgress, unverified_end: Ending, *, from_step: int) -> None:
        """The log does not show an end of the run that somebody tells of: believe it, look again later, or pass it
        over."""
        now, at_s = self._situation, self._believe_without_log_at_s(run, unverified_end)
        is_ours, is_stale = run_in_log.has_begun(run, now.ledger), not run_in_log.has_leaf(now.ledger, unverified_end)
        is_due = at_s is not None and now.due(at_s)
        if (is_due or is_stale) and self._is_to_be_told_again(run, unverified_end):
            sometimes("run: an end that the log does not show was asked for again")
            run.end_asked_again = from_step, len(run.fresh)
            now.renew_socket()
        elif is_due:
            if is_ours and not run.is_asked_since_outage(unverified_end):
                now.note("the server says that the run is over, and the log does not show it")
                self._finish(None)
                return
            sometimes("run: it never began, for the server forgot it", not is_ours)
            sometimes("run: the log has lost its end", is_ours)
            began = "how it ended" if is_ours else "that it has begun"
            now.note(f"the run is over, and the log does not show {began}")
            run.is_forgotten = True
            run.believe(replace(unverified_end, leaf_id=None, asked_step=from_step), from_step)
        elif at_s is not None and now.is_heard():
            sometimes("run: an end that the log does not show was left open")
            self._leave_open(run, unverified_end, at_s)
        else:
            sometimes("run: the end of another run was passed over")
            if at_s is None:  # else it may have to be believed later
                run.pass_over(unverified_end)
            now.note("the end of another run was passed over")

    @decision("end-told-again")
    def _is_to_be_told_again(self, run: RunInProgress, unverified_end: Ending) -> bool:
        """Whether a status that the log does not show is to be asked for once more, by a new subscription, which costs
        no call: what told it may have been stale (R36)."""
        is_final = unverified_end.is_final and run_in_log.has_leaf(self._situation.ledger, unverified_end)
        is_told = is_final or unverified_end.is_told_again or run.end_asked_again is not None
        return not is_told and self._situation.is_heard() and not self._situation.subscription.is_refusing()

    @decision("run-ending")
    def _step_ending(self, run: RunInProgress, ending: Ending) -> None:
        """The run is over; finish when all of it is proven held, or when there is nothing left to try."""
        now = self._situation
        certificate = self._certificates.certificate(run, ending)
        is_read = now.walked_from_step >= ending.heard_step
        if is_read and not ending.is_settled and not run.is_forgotten and run_in_log.goes_on(run, now.ledger):
            now.note("an end of the run was taken back: the log says that it goes on")
            run.take_back_end()
        elif certificate is not None and (certificate.covers == "log" or now.settings.certainty == "branch"):
            self._finish(certificate)
        elif is_read and self._has_lost_end(run):
            sometimes("run: the log was begun anew, and has lost how it ended")
            now.note("the run is over, and the log does not show how it ended")
            run.is_forgotten = True
            self._step_ending(run, ending)
        elif now.gave_up_step >= ending.heard_step:
            sometimes("run: returned incomplete")
            self._finish(None)
        elif not self._repairs.has_work():
            if self._certificates.count_may_do(run):
                self._reading.count()
            else:
                self._ask_log(run, ending.heard_step)

    @decision("end-lost-with-log")
    def _has_lost_end(self, run: RunInProgress) -> bool:
        """Whether the log, begun anew, has been read late enough to say that it does not have the run's end any more
        (R60): a view that is behind the socket looks the same, but not for long (R52)."""
        now, lost_at_s = self._situation, run.lost_log_at_s
        return not run.is_forgotten and lost_at_s is not None and now.due(lost_at_s + now.settings.veto_wait_s)

    def _ask_log(self, run: RunInProgress, from_step: int) -> None:
        """Have the log shown as it is now; finish without a proof if it was asked for long enough."""
        if not self._reading.ask(run, from_step):
            self._finish(None)

    def _read_on(self, run: RunInProgress) -> None:
        """Have pages show the log to its tail, as it is now; likewise."""
        if not self._reading.read(run):
            self._finish(None)

    @decision("run-count")
    def count(self, exchange: Request, counted: int) -> None:
        """The log's length, asked for when the run was over."""
        run = self._situation.run
        if run is not None:
            run.counted, run.counted_held, run.counted_step = counted, exchange.held_events, exchange.begun_step

    @decision("run-waiting")
    def _step_waiting(self, run: RunInProgress) -> None:
        """Nothing says that the run is over. See to it that the silence is the agent's, not the socket's."""
        now, settings = self._situation, self._situation.settings
        connection = now.ready_connection()
        is_unsure = run.phase is Phase.UNSURE and connection is not None and run.probed_at_s <= run.accepted_at_s
        if is_unsure and now.due(run.accepted_at_s + settings.poll_after_s):
            sometimes("run: its answer was lost, so the subscription was renewed for the status")
            self._probe(run)  # the greeting says whether a run goes on, and costs no call
        if run.report is not None and (connection is None or not now.due(run.report_due_s)):
            return  # it is judged in a moment; asking again tells no more
        if connection is None:
            self._poll(run, self._polled_from_s(run))
        elif run.end_update is None:
            if now.subscription.refusals:
                sometimes("silence: a renewal was refused, so REST was asked")
                self._poll(run, run.probed_at_s + settings.ready_wait_s)
            if connection.snapshot is None and run.probed_at_s >= connection.asked_at_s > run.armed_at_s:
                # A renewed subscription that does not greet tells nothing, however long it is waited for.
                sometimes("silence: a renewed subscription told nothing, so REST was asked")
                self._poll(run, connection.asked_at_s + settings.ready_wait_s)
            last_sign_s = max(connection.last_frame_at_s, run.probed_at_s)
            if now.due(last_sign_s + run.silence_s):
                sometimes("silence: the subscription was renewed")
                self._probe(run)
        elif run.is_end_probed:
            self._poll(run, connection.asked_at_s + 2 * settings.snapshot_wait_s)
        elif now.due(max(run.end_update.at_s + settings.snapshot_wait_s, now.end_not_before_s(run))):
            # The final snapshot is lost or late (R17). A new subscription is answered with one, and costs no call.
            sometimes("silence: the final snapshot was asked for again")
            run.is_end_probed, run.probed_at_s = True, now.now_s
            now.renew_socket()

    def _probe(self, run: RunInProgress) -> None:
        """Renew the subscription, to see whether the silence is the agent's."""
        now = self._situation
        run.probed_at_s = now.now_s
        run.is_long_silent = run.silence_s >= now.settings.silence_s_max
        run.silence_s = min(2 * run.silence_s, now.settings.silence_s_max)
        now.renew_socket()

    def _polled_from_s(self, run: RunInProgress) -> float:
        """When REST may be asked, while no socket stands: one that comes back tells for free."""
        now, down_since_s = self._situation, self._situation.subscription.down_since_s
        assert down_since_s is not None, "a connection that is not ready is down since some time"
        return max(down_since_s, run.armed_at_s) + now.settings.poll_after_s

    def _poll(self, run: RunInProgress, not_before_s: float) -> None:
        """Ask REST for the status, with growing intervals."""
        now = self._situation
        due_s = not_before_s
        if run.polled_at_s is not None:
            due_s = max(due_s, run.polled_at_s + run.poll_interval_s)
        if now.exchange is None and now.due(due_s):
            if run.polled_at_s is not None:
                run.poll_interval_s = min(2 * run.poll_interval_s, now.settings.silence_s_max)
            sometimes("poll: the status was asked of REST")
            run.polled_at_s = now.now_s
            now.begin_exchange("status", None, deadline_s=now.now_s + now.settings.repair_deadline_s)

    def _finish(self, certificate: proof.Certificate | None, *, timed_out: bool = False) -> None:
        now = self._situation
        run, now.run = now.run, None
        error = run.error if run is not None else None
        if certificate is not None and run is not None:
            self._certificates.discard(run)
            if now.exchange is not None and now.exchange.purpose == "repair" and now.exchange.retry_at_s is not None:
                now.forget(now.exchange)  # nothing is left to be read
                now.exchange = None
        if run is not None and run.ending is not None:
            span = run_in_log.span(run, now.ledger, now.messages.others)
            now.status = run.ending.status if span is None or span.status is None else span.status
            error = error if span is None else span.error
        sometimes("proof: by index", certificate is not None and certificate.proof == "seq")
        sometimes("proof: by chain", certificate is not None and certificate.proof == "chain")
        sometimes("proof: by count", certificate is not None and certificate.proof == "count")
        sometimes("proof: by echo", certificate is not None and certificate.proof == "echo")
        if run is not None:
            run.sign(Sign.DONE)
            now.messages.forget()
        if certificate is not None and run is not None:
            now.prove(certificate, after_id=run.tail_at_arm)
        now.out.append(actions.FinishRun(now.report(certificate, error=error), timed_out))
        now.settings = self._base_settings

    def _post_again(self, run: RunInProgress, *, after: str = "") -> None:
        """The other run may be over: start ours, armed anew, so that nothing of the other's end counts (R18).

        `after` is when its end was told, by the server's clock.
        """
        sometimes("run: ours was posted again")
        poll_interval_s = min(2 * run.poll_interval_s, self._situation.settings.silence_s_max)
        self._begin_attempt(run.armed_at_s, poll_interval_s, Phase.POSTED, after=after, was_blocked=True)

    def _begin_attempt(
        self, armed_at_s: float, poll_interval_s: float, phase: Phase, *, after: str = "", was_blocked: bool = False
    ) -> None:
        now = self._situation
        request = now.post("run")
        now.run = RunInProgress(
            request=request.number,
            armed_at_s=armed_at_s,
            tail_at_arm=now.ledger.tail_id(),
            status_at_arm=now.status,
            newest_at_arm=now.ledger.newest_at(),
            unseen_messages=now.messages.unseen,
            may_follow_another=now.messages.is_one_unanswered,
            message_id=now.messages.last_own_id,
            begins_after=after,
            was_blocked=was_blocked,
            outage_step=-1 if now.is_heard() else now.step,
            phase=phase,
            silence_s=now.settings.silence_s,
            poll_interval_s=poll_interval_s,
        )

    def tried_again(self, request: Request) -> None:
        """`POST run` is sent once more, for the server had certainly not taken it."""
        now, run = self._situation, self._situation.run
        if run is not None:
            run.arm(request.number, now.ledger, now.status, rested_at=now.rested_at)
