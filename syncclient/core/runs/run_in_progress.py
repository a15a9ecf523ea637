"""The run in progress: its phases, and which report about its end is believed. Pure.

A run goes through the phases of one table. A run that was heard of before the server took `POST run`, or that somebody
else may have asked for, may be another's: its message was not ours, or it began before our own message came. The server
takes `POST run` only when no run is in progress, so another's run was over by then. Its end is believed only if nothing
else is heard for as long as a silence is taken for the agent's. What ends later than that is ours.

A terminal status counts only if it belongs to this run (R15, R16): the leaf it names is new since the run was armed and
not the user's own message, or the answer was asked for after `running` was seen, or both `running` and a terminal
update were seen since. If nothing shows that the run has begun, waiting tells more than asking does: the conversation
may still rest in the status of the run before. `idle` ends nothing that was not seen to begin. Anything else is an
unverified end, which the log itself resolves.

Only the snapshot that is published when a run has ended is final at once. What other sources tell of `finished` counts
when it is told again after `veto_wait_s` (`authority.py`).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from gapless.syncclient.core.authority import EvidenceSource
from gapless.syncclient.core.runs.endings import Belief, Ending, EndUpdate
from gapless.syncclient.core.runs.phases import IDLE, PHASES, Phase, Sign, is_terminal
from gapless.syncclient.decisions import decision
from gapless.syncclient.log.ledger import Ledger
from gapless.syncclient.path_marks import sometimes


@dataclass(slots=True)
class RunInProgress:
    """One attempt of `run()`. Times are the caller's clock, seconds; a step is one event that the core has handled."""

    request: int
    """The number of the `POST run` that starts it."""
    armed_at_s: float
    tail_at_arm: str | None
    status_at_arm: str
    newest_at_arm: str = ""
    """When the newest event happened that was held then, by the server's clock."""
    phase: Phase = Phase.POSTED
    accepted_at_s: float = 0.0
    """When `POST run` was answered, or its answer was lost."""
    accepted_step: int = 0
    post_again_at_s: float = 0.0
    may_be_others: bool = False
    """Whether the run that was heard to begin, or to end, may be one that somebody else has asked for."""
    may_follow_another: bool = False
    """Whether a run that was asked for before we attached may begin, and end, before the server takes ours."""
    was_before: bool = False
    """Whether it was heard of before the server took ours, so that it is ours only if the answer was slow."""
    end_told_at_s: float | None = None
    """When an end was first told, since `running` was seen last."""
    before_arm: dict[str, None] = field(default_factory=dict)
    """Ids placed up to `tail_at_arm`, kept only when the log turns out to be another (R60): to find the place in it."""
    unseen_messages: int = 0
    """How many messages of ours the server took before this run, and the log had not shown by then."""
    message_id: str | None = None
    """The last message of ours that was seen, if no run was in progress then."""
    begins_after: str = ""
    """When the end of another's run was told that this one had to wait for, by the server's clock."""
    was_blocked: bool = False
    """Whether it had to wait for another's run, of whose end nothing need have been heard."""
    said_id: str | None = None
    """The last of them that it has shown since: our run comes later."""
    fresh: dict[str, None] = field(default_factory=dict)
    """Ids first held since the run was armed."""
    running_step: int | None = None
    running_id: str | None = None
    """The update that said `running` first, if it was an update that did."""
    end_update: EndUpdate | None = None
    """The latest terminal update; a stop hook may still veto it (R13)."""
    report: Ending | None = None
    """The latest report that a run is over, not yet judged for good."""
    report_due_s: float = 0.0
    """When it is to be judged: at once if it is final, else when nothing has followed it that vetoes it."""
    unverified_end: Ending | None = None
    verify_again_at_s: float | None = None
    """When the log, which does not show that end, is to be read once more before it is believed or passed over."""
    is_end_refuted: bool = False
    """Whether the agent has done something since that was left open."""
    passed_over: tuple[str, str | None, int] | None = None
    """What was last passed over, and how many events of the run were held by then."""
    ending: Ending | None = None
    contradicted_at_s: float | None = None
    """Since when the server says that a run is over, which by the log is not ours."""
    may_have_died: bool = False
    """Whether the server has ended, or was not there, since it took the run."""
    rests_since_s: float | None = None
    """Since when every report says that no run is in progress, and nothing new of one is heard."""
    rested_at_s: float = 0.0
    """When the last of them came."""
    is_rest_verified: bool = False
    """Whether the log was read for that."""
    lost_log_at_s: float | None = None
    """When the log was found to be another since the run was armed (R60)."""
    is_forgotten: bool = False
    """Whether the log will never show its end: it never began, for the server forgot it, or the log lost its end."""
    was_end_missed: bool = False
    """Whether a report told of an end before `running` was heard: that may be of a later run."""
    end_asked_again: tuple[int, int] | None = None
    """From which step on the log was held when a subscription was renewed for an end that it does not show, and how
    many events of the run were held by then."""
    error: str | None = None
    """What the run's error event said."""
    counted: int | None = None
    """How many events the log had when the run was over; `counted_held` of ours were asked to be compared with that."""
    counted_held: int = 0
    counted_step: int = -1
    outage_step: int = -1
    """The core's step at which the socket was last lost since the run was armed."""
    end_before_other: str | None = None
    """The status with which it had ended, as an update had told, before the socket was lost or another run may have
    begun."""
    is_running_others: bool = False
    """Whether `running` was heard first after that, so that it is not ours."""
    repair_step: int = -1
    """The core's step at which something was last asked for that was missing, or might have been."""
    proof_tries: int = 0
    """How often the log was read for a proof of the end; the first of them was at `proof_since_s`."""
    proof_since_s: float = 0.0
    proof_due_s: float = 0.0
    is_long_silent: bool = False
    """Whether renewing the subscription brought nothing for so long that its silence may not be the agent's."""
    is_end_probed: bool = False
    silence_s: float = 0.0
    probed_at_s: float = 0.0
    polled_at_s: float | None = None
    poll_interval_s: float = 0.0

    def sign(self, sign: Sign) -> bool:
        """Go on to the phase that a sign leads to; true if it leads to another."""
        after = PHASES.get((self.phase, sign), self.phase)
        is_new, self.phase = after is not self.phase, after
        return is_new

    def arm(self, request: int, ledger: Ledger, status: str, *, rested_at: str) -> None:
        """It is posted once more: what was heard until now belongs to somebody else, and what happened until somebody
        said that the conversation rests (`rested_at`, by the server's clock)."""
        self.begins_after = max(self.begins_after, rested_at)
        self.request, self.tail_at_arm, self.status_at_arm = request, ledger.tail_id(), status
        self.newest_at_arm = ledger.newest_at()
        self.fresh, self.before_arm = {}, {}
        self.running_step = self.running_id = self.end_update = self.report = self.end_told_at_s = None
        self.error, self.may_be_others, self.was_before = None, False, False

    @decision("was-there")
    def was_there(self, at: str, ledger: Ledger) -> bool:
        """Whether what a page shows late was in the log before the run was armed, though no place was known then; or
        when another's run ended that this one had to wait for. Where our message has a place, the log's order tells.
        """
        is_said = self.said_id is not None and ledger.is_main(self.said_id)
        is_of_before = self.tail_at_arm is None and not is_said and "" < at < self.newest_at_arm
        return is_of_before or "" < at <= self.begins_after

    def saw_own_message(self, event_id: str, at_rest_id: str | None, ledger: Ledger) -> None:
        """The log has shown a message of ours; `at_rest_id` is the same, if no run was in progress. What has happened
        before it, by the server's clock, is not of this run."""
        self.message_id = at_rest_id
        if not self.unseen_messages:
            return
        at = ledger.at(event_id)
        self.unseen_messages -= 1
        self.said_id, self.newest_at_arm = event_id, max(self.newest_at_arm, at)
        if self.end_update is not None and "" < ledger.at(self.end_update.event_id) < at:
            sometimes("run: an end was told that was there before our message")
            self.end_update = self.end_told_at_s = None
        if self.running_id is not None and "" < ledger.at(self.running_id) < at:
            self.running_step = self.running_id = None
        if self.report is not None and "" < self.report.timestamp < at:
            self.report = None

    def comes_after(self, ledger: Ledger) -> str | None:
        """The event of the log after which this run has begun: our message, or what was there when it was armed."""
        is_shown = self.said_id is not None and ledger.is_main(self.said_id)
        return self.said_id if is_shown else self.tail_at_arm

    @decision("run-accepted")
    def accept(self, now_s: float, step: int) -> None:
        """The server has taken it, or its answer was lost."""
        self.accepted_at_s = self.probed_at_s = now_s
        self.accepted_step = step
        if self.running_step is not None or self.end_told_at_s is not None or self.status_at_arm == "running":
            sometimes("run: a run was heard of before ours was taken")
            self.was_before = True
            self.may_be_others = self.may_be_others or self.status_at_arm == "running"

    @decision("end-of-another")
    def not_before_s(self, *, late_s: float, unasked_s: float, silence_s: float) -> float:
        """Before this, no end is believed: it may be that of another's run, which was over when the server took ours.

        Ours begins within `silence_s`. If nobody else has spoken, hardly anybody has asked for another run, and
        `unasked_s` is enough. A frame may be late by `late_s`; what is told by REST or a greeting is not told for the
        first time.
        """
        may_be_of_before = self.may_be_others or self.was_before or self.may_follow_another
        if not may_be_of_before or self.end_told_at_s is None:
            return 0.0
        is_live = self.report is None or self.report.source is EvidenceSource.FINAL
        if is_live and self.end_told_at_s > self.accepted_at_s + late_s:
            return 0.0
        sometimes("run: an end that may be another's was waited with")
        return self.accepted_at_s + (silence_s if self.may_be_others else unasked_s)

    @property
    def is_taken(self) -> bool:
        """Whether the server has taken it, or may have."""
        return self.phase is Phase.UNSURE or self.phase >= Phase.ACCEPTED

    @property
    def had_outage(self) -> bool:
        """Whether something was missed or might have been: then a page tells more than a count."""
        return max(self.outage_step, self.repair_step) >= 0

    def doubt(self, ending: Ending, step: int) -> None:
        """It may be over: the log is to tell, read from now on; or as it was read, if it is told again and no more is
        heard."""
        if self.end_asked_again is not None and self.end_asked_again[1] == len(self.fresh):
            step = self.end_asked_again[0]
        if self.unverified_end is None:
            self.proof_tries = 0
        self.unverified_end, self.verify_again_at_s = replace(ending, heard_step=step), None
        self.is_end_refuted = False

    def goes_on(self, at: str) -> None:
        """A socket has brought what the agent did at that time of the server's clock: an end that the log does not show
        is none of now, and what told of an end before it was stale (R36)."""
        self.contradicted_at_s, self.is_end_refuted = None, self.verify_again_at_s is not None
        report = self.report
        if report is not None and not report.is_final and self.end_update is None and at > report.timestamp:
            sometimes("run: an end was told, and the agent went on")
            self.report = self.end_told_at_s = None

    def repeats(self, ending: Ending) -> bool:
        """Whether a report says nothing that is not being verified already."""
        doubted = self.unverified_end
        is_same = doubted is not None and (doubted.status, doubted.leaf_id) == (ending.status, ending.leaf_id)
        return is_same and not ending.is_final

    def pass_over(self, ending: Ending) -> None:
        """The log has shown that this is no end of the run."""
        self.passed_over = (ending.status, ending.leaf_id, len(self.fresh))

    def was_passed_over(self, ending: Ending) -> bool:
        """Whether a report says what was passed over already, and nothing has been heard since."""
        return not ending.is_final and self.passed_over == (ending.status, ending.leaf_id, len(self.fresh))

    def lost_socket(self, step: int) -> None:
        """Nothing is heard any more, so an end that the socket might have refuted is to be asked for again."""
        self.outage_step, self.passed_over = step, None
        self.end_before_other = None if self.end_update is None else self.end_update.status
        if self.verify_again_at_s is not None:
            self.unverified_end = self.verify_again_at_s = None

    def had_dead_socket(self, asked_step: int) -> None:
        """The connection was dead before another was asked for, though it was not closed: that brought what it had
        not."""
        self.outage_step = max(self.outage_step, asked_step - 1)

    def lost_log(self, ledger: Ledger, now_s: float) -> None:
        """The ledger is to be begun anew: remember what came before the run. Another log need not show our message."""
        self.unseen_messages, self.lost_log_at_s = 0, now_s
        placed = ledger.placed_ids()
        end = placed.index(self.tail_at_arm) + 1 if self.tail_at_arm in placed else 0
        self.before_arm.update(dict.fromkeys(one for one in placed[:end] if one not in self.fresh))
        # That the run is over stands. What its leaf was proves nothing of another log.
        self.ending = None if self.ending is None else replace(self.ending, leaf_id=None)
        self.unverified_end = None if self.unverified_end is None else replace(self.unverified_end, leaf_id=None)

    def find_arm(self, ledger: Ledger) -> None:
        """Find where in another log the run was armed: where it was, or behind the last event that was there before."""
        if self.tail_at_arm is not None and ledger.has_place(self.tail_at_arm):
            return
        self.tail_at_arm = next((one for one in reversed(ledger.placed_ids()) if one in self.before_arm), None)

    @decision("live-status")
    def saw_status(
        self,
        status: str,
        now_s: float,
        step: int,
        *,
        event_id: str | None = None,
        may_be_others: bool = False,
        at: str = "",
        told_at: str = "",
    ) -> None:
        """A status that is new since the run was armed; `event_id` is the update that told it, if one did.

        `at` is its time by the server's clock, where a page has shown it late; `told_at`, in any case.
        """
        if self._was_before_end(at):
            sometimes("run: a page showed a status from before an end that was heard")
            if status == "running" and self.running_step is None:
                self.running_step, self.running_id = step, event_id
            return
        if status == "running":
            sometimes("run: its end was vetoed", self.end_update is not None or self.report is not None)
            if self.running_step is None:
                told = self.report.status if self.report is not None and not at else None
                self.was_end_missed = is_terminal(told) and told != self.status_at_arm
                self.running_step, self.running_id = step, event_id
            if self._was_before_report(at):
                self.running_step, self.running_id = step, event_id
                self.sign(Sign.RUNNING)
                return
            if may_be_others and self.end_update is not None:
                self.end_before_other = self.end_update.status
                self.is_running_others = self.running_step == step
            is_same = self.running_step is not None and self.end_told_at_s is None
            self.end_update = self.report = self.contradicted_at_s = self.end_told_at_s = None
            if not at:  # what a page shows late is judged when the page that verifies the end has been read
                self.unverified_end = self.verify_again_at_s = None
            self.rests_since_s = None
            self.is_end_probed, self.was_before = False, self.was_before and is_same
            self.may_be_others = may_be_others or (self.may_be_others and is_same)
            self.sign(Sign.RUNNING)
        elif is_terminal(status):
            self.end_update = EndUpdate(status, now_s, step, event_id, told_at)
            self.told_end(now_s, may_be_others=may_be_others)

    def _was_before_end(self, at: str) -> bool:
        """Whether what a page has shown had happened before the update that told of an end."""
        return self.end_update is not None and "" < at < self.end_update.timestamp

    def _was_before_report(self, at: str) -> bool:
        """Whether what a page has shown had happened before somebody said that the run is over."""
        is_first = self.running_step is None and self.report is not None and self.end_update is None
        return is_first and self.report is not None and "" < at <= self.report.timestamp

    def hear_report(self, report: Ending, now_s: float, *, may_be_others: bool, veto_wait_s: float) -> bool:
        """A report about the whole conversation says that the run is over; true if it is told again, late enough."""
        is_same = self.report is None or (self.report.status, self.report.leaf_id) == (report.status, report.leaf_id)
        is_late = self.end_told_at_s is not None and now_s >= self.end_told_at_s + veto_wait_s
        self.report = replace(report, is_told_again=is_same and is_late)
        self.rests_since_s, self.rested_at_s = now_s if self.rests_since_s is None else self.rests_since_s, now_s
        self.told_end(now_s, may_be_others=may_be_others)
        return self.report.is_told_again

    @property
    def last_told_at_s(self) -> float:
        """When an update has told of its end last; else, when anybody first has."""
        told_at_s = self.end_told_at_s if self.end_update is None else self.end_update.at_s
        return self.armed_at_s if told_at_s is None else told_at_s

    @decision("veto-may-come")
    def can_be_vetoed(self, report: Ending) -> bool:
        """Whether a stop hook may still take this end back; another report may be older than the update (R19, R36)."""
        update = self.end_update
        is_finished = report.status == "finished" or (update is not None and update.status == "finished")
        return is_finished and not report.is_final and not report.is_told_again

    @decision("end-untold")
    def is_end_untold(self, ending: Ending) -> bool:
        """Whether the run has begun, and what is heard does not tell how it ended: a message has made the conversation
        idle again (R19), or an end was told before `running` was heard first."""
        is_idle_again = ending.status == IDLE and self.running_step is not None and self.end_update is None
        return is_idle_again or self.was_end_missed

    def told_end(self, now_s: float, *, may_be_others: bool) -> None:
        """Somebody says that the run is over."""
        if self.end_told_at_s is None:
            self.end_told_at_s = now_s
        self.may_be_others = self.may_be_others or (self.running_step is None and may_be_others)

    def may_be_over(self, now_s: float, *, not_before_s: float) -> bool:
        """Whether somebody says so, and long enough ago to act on it."""
        is_due = now_s >= self.report_due_s and now_s >= not_before_s
        is_asked = self.unverified_end is not None and self.verify_again_at_s is None
        return self.ending is not None or is_asked or (self.report is not None and is_due)

    @decision("believe-ending")
    def judge(self, ending: Ending, ledger: Ledger) -> Belief:
        """Whether `ending` is the end of this run. What is heard before our message may be of a run before it."""
        belief = self._judge(ending, ledger)
        if belief is Belief.OURS and self.unseen_messages:
            sometimes("run: an end was told before our message was")
            return Belief.UNVERIFIED_END
        return belief

    def _judge(self, ending: Ending, ledger: Ledger) -> Belief:
        leaf_id, has_run = ending.leaf_id, self.running_step is not None
        if not is_terminal(ending.status) and ending.status != IDLE:
            return Belief.STALE
        if self._is_of_before(ending, ledger):
            sometimes("run: idle, as it was before the run")
            return Belief.STALE
        if self._is_leaf_passed(ending, ledger):
            return Belief.UNVERIFIED_END if self._is_told_since(ending) else Belief.STALE
        if leaf_id in self.fresh and not ledger.is_user_message(leaf_id) and (has_run or ending.status != IDLE):
            return Belief.OURS
        is_asked_since = self.running_step is not None and ending.asked_step >= self.running_step
        is_told_since = has_run and self.end_update is not None and not self._is_contradicted(ending, ledger)
        if ending.knows_leaf and (is_asked_since or is_told_since):
            return Belief.OURS
        if ending.status == IDLE and ending.knows_leaf and not self.had_outage and not self.is_long_silent:
            sometimes("run: idle, for nothing was done yet")
            return Belief.STALE  # the leaf says that the agent has done nothing yet (R15)
        is_on_its_way = leaf_id is not None and leaf_id not in ledger
        if not has_run and not is_on_its_way and self._is_said_after_message(ending, ledger):
            sometimes("run: it was over before it was seen to begin")
            return Belief.OURS
        has_begun = has_run or (ending.status != IDLE and ending.status != self.status_at_arm)
        return Belief.UNVERIFIED_END if has_begun and not is_on_its_way else Belief.WAIT

    @decision("leaf-passed")
    def _is_leaf_passed(self, ending: Ending, ledger: Ledger) -> bool:
        """Whether more of the branch is held than this report knows of, or our message stands behind its leaf: it is
        old (R36), or the log has lost its end (R60).

        One that is idle and knows of no branch may be as old as the conversation, where nothing told of an end.
        """
        if ending.leaf_id is not None:
            is_before = self.message_id is not None and ledger.is_out_of_order(self.message_id, ending.leaf_id)
            sometimes("run: an end was told with a leaf from before our message", is_before)
            return is_before or ledger.has_child(ending.leaf_id)
        is_bare = ending.knows_leaf and ending.status == IDLE and self.end_update is None
        return is_bare and ledger.has_branch()

    @decision("ending-contradicted")
    def _is_contradicted(self, ending: Ending, ledger: Ledger) -> bool:
        """Whether an update has told of another end, and the leaf is not held: it may be a stale copy (R36)."""
        update = self.end_update
        is_other = update is not None and ending.status not in (IDLE, update.status)
        return is_other and ending.leaf_id is not None and ending.leaf_id not in ledger

    def _is_said_after_message(self, ending: Ending, ledger: Ledger) -> bool:
        """Whether a run's end was published after our message, or after the run that ours waited for: then that run
        was no earlier one.

        Where somebody else may have asked for it, it tells nothing.
        """
        if not ending.is_final or self.may_be_others or self.was_before:
            return False
        is_later = self.begins_after != "" or ending.timestamp >= ledger.at(self.message_id) > ""
        return ending.status != IDLE and is_later and ending.timestamp > self.begins_after

    def _is_of_before(self, ending: Ending, ledger: Ledger) -> bool:
        """Whether an idle snapshot tells of a moment before the run, though an update has told of its end (R36).

        It came unasked, and its leaf is where the run began; a message that makes the conversation idle again (R19)
        is a leaf of its own.
        """
        update = self.end_update
        if ending.status != IDLE or not ending.knows_leaf or update is None or ending.asked_step > update.heard_step:
            return False
        is_known = self.running_id is not None and self.running_id in ledger
        return ending.leaf_id is None or (is_known and ending.leaf_id == ledger.parent_of(str(self.running_id)))

    def _is_told_since(self, ending: Ending) -> bool:
        """Whether an ending at a leaf that has a child was asked for late enough to be more than overtaken (R36).

        The server may have died in mid-run, and come back with an older leaf (R33, R60); or the child is in
        no log (R53). Idle it may be because the run has not begun yet: that tells something only after a silence.
        """
        is_since_outage = self.is_asked_since_outage(ending)
        if ending.status == IDLE:
            return is_since_outage and self.probed_at_s > self.armed_at_s
        if ending.status != self.status_at_arm and ending.asked_step > self.accepted_step:
            return True
        return is_since_outage or (self.end_update is not None and ending.asked_step > self.end_update.heard_step)

    def is_asked_since_outage(self, ending: Ending) -> bool:
        """Whether the socket was lost since the run was armed, and a report was asked for after that."""
        return ending.asked_step > self.outage_step >= 0

    @decision("believe-end")
    def believe(self, ending: Ending, step: int) -> None:
        """This is the end of the run."""
        self.proof_tries = 0
        self.ending, self.unverified_end = replace(ending, heard_step=step), None
        self.sign(Sign.END)

    def take_back_end(self) -> None:
        """The log says that the run goes on: an attempt that goes on where `running` was seen."""
        self.ending = self.report = self.end_told_at_s = None
        self.phase = Phase.BEGUN
