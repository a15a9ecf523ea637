"""What proves that a run's events are held: its certificate, and what it says is in no log. Pure."""

from __future__ import annotations

from gapless.syncclient.core.runs import run_in_log
from gapless.syncclient.core.runs.endings import Ending
from gapless.syncclient.core.runs.phases import IDLE
from gapless.syncclient.core.runs.run_in_progress import RunInProgress
from gapless.syncclient.core.situation import Situation
from gapless.syncclient.decisions import decision
from gapless.syncclient.log import proof
from gapless.syncclient.log.held import BranchPath
from gapless.syncclient.report import Coverage


class Certificates:
    """The certificates of a run that is over (`proof.py`)."""

    def __init__(self, situation: Situation) -> None:
        self._situation = situation

    @decision("run-certificate")
    def certificate(self, run: RunInProgress, ending: Ending) -> proof.Certificate | None:
        """What proves now that all of the run is held; None if nothing does."""
        now = self._situation
        if now.is_cut_off:
            return None
        if now.walked_from_step >= ending.heard_step:
            covers: Coverage = "branch" if now.places_by_chain() else "log"
            certificate = proof.echo(now.ledger, leaf_id=ending.leaf_id, covers=covers)
            # A REST view behind the socket does not show how the run ended; where a chain leads, its leaf says as much.
            shows_end = now.places_by_chain() or run_in_log.shows_end(run, now.ledger, ending)
            if certificate is not None and shows_end:
                return certificate
        match now.generation:
            case "session":
                connection = now.replaying_connection()
                is_later = connection is not None and connection.asked_step >= ending.heard_step
                through_seq = connection.last_seq if connection is not None and is_later else None
                if not now.is_echoed:
                    return None
                return proof.seq(now.ledger, leaf_id=ending.leaf_id, through_seq=through_seq)
            case "tree":
                return self._chain_certificate(run, ending)
            case "legacy":
                return proof.bare_count(now.ledger, counted=run.counted, held_events=run.counted_held)

    @decision("run-chain-certificate")
    def _chain_certificate(self, run: RunInProgress, ending: Ending) -> proof.Certificate | None:
        now = self._situation
        certificate = proof.chain(now.ledger, ending.leaf_id)
        if certificate is not None:
            path = now.ledger.path_to(ending.leaf_id)
            is_read = now.walked_from_step >= ending.heard_step and ending.leaf_id not in now.unseen_ids
            if not is_read and (self._is_odd(path, ending) or run.is_end_untold(ending)):
                return None  # the log is to say what of this it has, and how the run ended
            counted = proof.count(now.ledger, path, counted=run.counted, held_events=run.counted_held)
            if counted is not None or now.places_by_chain():
                now.ledger.place_path(path)
            return counted or certificate
        return certificate

    @decision("unexpected-state")
    def _is_odd(self, path: BranchPath, ending: Ending) -> bool:
        """Whether something held does not lie on the way to the leaf: it may be in no log (R53), or not any more
        (R60)."""
        ledger = self._situation.ledger
        if ending.leaf_id is None and ledger.has_branch():
            return True
        leaves_tip = bool(path.ids) and ledger.parent_of(path.ids[0]) != ledger.tip_id()
        return leaves_tip or ledger.has_strays(path, leaf_id=ending.leaf_id, until=ending.timestamp)

    def discard(self, run: RunInProgress) -> None:
        """Hold no more what the log, read to its tail after the run's end, does not have.

        A view behind the socket hides only what came last: so what is older than the run's end, or than the last that
        is on the branch, is in no log (R53), and what was placed where the walk has read is in none any more (R60).
        """
        now = self._situation
        if now.generation == "session" or run.ending is None or now.walked_from_step < run.ending.heard_step:
            return
        unseen = [event_id for event_id in now.unseen_ids if event_id in now.ledger]
        if run.ending.leaf_id in unseen:
            return  # a chain proves more than the log shows yet
        unplaced = [event_id for event_id in unseen if now.ledger.is_unplaced(event_id)]
        if gone := [event_id for event_id in unseen if event_id not in unplaced]:
            now.discard(gone)  # first, for the others are compared with what is left
        is_forgotten = run.is_forgotten or run.ending.status == IDLE
        older = unplaced if is_forgotten else now.ledger.older_than_last_status(unplaced, run.tail_at_arm)
        is_tree = now.generation == "tree"
        older = [*older, *(now.ledger.older_than_tip(unplaced) if is_tree else now.ledger.older_than_tail(unplaced))]
        if older:
            now.discard(list(dict.fromkeys(older)))

    @decision("count-suffices")
    def count_may_do(self, run: RunInProgress) -> bool:
        """Whether one count is likely to prove the whole log: nothing was missed, nothing is unread.

        Where something may be missing, a page costs the same, and repairs as it proves. Without a chain a page proves
        more than a count, order too: there a count is for what one page cannot hold.
        """
        now = self._situation
        if not now.settings.trusts_count:
            return False
        saw_all = run.running_step is not None and run.end_update is not None and not run.had_outage
        fits_a_page = now.ledger.unplaced_events() + 2 <= now.settings.page_size_events
        if not saw_all or run.counted is not None or now.ledger.gaps():
            return False
        return now.generation == "tree" or (now.generation == "legacy" and not fits_a_page)
