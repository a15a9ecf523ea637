"""The decisions of the sync client: what happened goes in, what to do comes out. No I/O, no clock, no randomness.

How it thinks. An event only changes what is known; then `_advance` looks at all that is known and decides what should
be going on: is there a socket, is the attach done, is something missing, is the run over, is a GET under way. Nothing
waits in the middle of a decision, so any order of events is a legal one. Times when something will be due without any
event are gathered in `wake_at_s`; the driver sends `TimerFired` then.

What it deliberately does not do: it never reads the whole history, never filters by timestamp, and never uses an id
that no log has confirmed as a cursor.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import assert_never

from syncclient import actions, events, proof
from syncclient.backoff import delay_s
from syncclient.errors import (
    AuthenticationFailed,
    ConversationNotFound,
    RequestRefused,
    ServerUnreachable,
    SyncError,
)
from syncclient.exchange import Exchange, Purpose
from syncclient.ledger import Ledger
from syncclient.repair import Missing
from syncclient.report import Coverage, Spent, SyncReport
from syncclient.run_state import TERMINAL, Belief, Ending, Run
from syncclient.settings import Settings
from syncclient.socket_state import Connection, Subscription
from syncclient.walk import Outcome, Walk
from syncclient.wire import Durable, Generation, LogEvent, Snapshot, Sync, execution_status

_FATAL_CLOSES = {
    4001: AuthenticationFailed("the server refused the API key on the socket (close 4001)"),
    4004: ConversationNotFound("the server knows no such conversation (close 4004)"),
}


class SyncCore:
    """The state of one followed conversation; `handle` is the only way in.

    `draw` gives the jitter of backoff, a number from 0 to 1; it is injected, so that a replay draws the same.
    """

    def __init__(self, settings: Settings, *, draw: Callable[[], float]) -> None:
        self.settings = settings
        self.ledger = Ledger()
        self.wake_at_s = math.inf
        self._draw = draw
        self._now_s = 0.0
        self._step = 0
        """How many events were handled: orders what happens at one moment, which a clock does not."""
        self._out: list[actions.Action] = []
        self._generation: Generation = "legacy"
        self._subscription = Subscription()
        self._exchange: Exchange | None = None
        self._requests = 0
        self._posts = 0
        self._missing = Missing()
        self._replays: dict[int, int] = {}
        self._run: Run | None = None
        self._attaching_since_s: float | None = None
        self._attached = False
        self._unverified = False
        """Whether events may have been missed since the last proof, without any other sign of it."""
        self._leaf_id: str | None = None
        self._status = "unknown"
        self._walked_from_step = -1
        """When the last walk that came to the log's tail was begun: the log is held as it was then."""
        self._gave_up_step = -1
        self._spent = Spent()
        self._repaired_events = 0
        self._skipped_frames = 0
        self._notes: dict[str, None] = {}
        self._failed = False

    # -- the way in ---------------------------------------------------------------------------------------------------

    def handle(self, event: events.Event, now_s: float) -> list[actions.Action]:
        """Take note of what happened at `now_s` (seconds, any monotonic clock) and say what to do."""
        self._now_s, self._out = now_s, []
        self._step += 1
        if not self._failed:
            self._note_event(event)
            if not self._failed:
                self._advance()
        return self._out

    def report(self, certificate: proof.Certificate | None = None) -> SyncReport:
        """What is known now; without a certificate nothing is claimed."""
        wanted = self.settings.certainty
        covers = certificate.covers if certificate else wanted
        return SyncReport(
            status=self._status,
            complete=certificate is not None and (covers == "log" or wanted == "branch"),
            covers=covers,
            proof=certificate.proof if certificate else "none",
            gaps=self.ledger.gaps(),
            held_events=len(self.ledger),
            repaired_events=self._repaired_events,
            skipped_frames=self._skipped_frames,
            spent=self._spent,
            notes=tuple(self._notes),
        )

    # -- taking note --------------------------------------------------------------------------------------------------

    def _note_event(self, event: events.Event) -> None:
        match event:
            case events.AttachRequested(generation):
                self._generation, self._attaching_since_s = generation, self._now_s
                self._open_socket()
            case events.RunRequested():
                assert self._attached, "a run comes after the attach"
                assert self._run is None, "one run at a time"
                self._post_run(armed_at_s=self._now_s, poll_interval_s=self.settings.poll_interval_s)
            case events.RunAccepted(post):
                if self._run is not None and self._run.post == post:
                    self._run.accepted, self._run.probed_at_s = True, self._now_s
            case events.RunConflicted(post):
                if self._run is not None and self._run.post == post:
                    self._run.blocked = True
                    self._run.post_again_at_s = self._now_s + self._run.poll_interval_s
                    self._note("a run of somebody else was in progress; ours follows it")
            case events.RunAbandoned():
                self._run = None
            case events.SocketOpened(number):
                connection = self._subscription.find(number)
                if connection is not None:
                    connection.opened_at_s = connection.last_frame_at_s = self._now_s
            case events.SocketClosed(number, code, reason):
                self._note_socket_closed(number, code, reason)
            case events.FrameReceived(number, frame):
                connection = self._subscription.find(number)
                if connection is not None:
                    connection.last_frame_at_s = self._now_s
                    match frame:
                        case Sync():
                            self._note_sync(connection, frame)
                        case Snapshot():
                            self._note_snapshot(connection, frame)
                        case Durable():
                            self._note_durable(connection, frame)
            case events.FrameRejected(_, reason):
                self._skipped_frames += 1
                self._note(f"a frame was skipped: {reason}")
            case events.PageReceived() | events.InfoReceived() | events.RequestFailed():
                self._note_answer(event)
            case events.TimerFired():
                pass
            case other:
                assert_never(other)

    def _note_socket_closed(self, number: int, code: int | None, reason: str) -> None:
        if code in _FATAL_CLOSES:
            self._fail(_FATAL_CLOSES[code])
            return
        if self._subscription.lose(number, self._now_s):
            self._subscription.retry_at_s = self._now_s + self.backoff_s(self._subscription.failures)
            self._unverified = True
            self._note(f"connection {number} was lost: {reason}")

    def _note_sync(self, connection: Connection, sync: Sync) -> None:
        connection.synced, connection.through_seq = True, sync.through_seq
        if connection is self._subscription.current:
            self._make_ready(connection)

    def _note_snapshot(self, connection: Connection, snapshot: Snapshot) -> None:
        answers_subscription, connection.snapshot = connection.snapshot is None, snapshot
        if connection is self._subscription.current:
            self._make_ready(connection)
        word = Ending(snapshot.status or "unknown", snapshot.leaf_id, snapshot.knows_leaf, connection.asked_step)
        self._note_word(word, is_final=not answers_subscription)

    def _note_word(self, word: Ending, *, is_final: bool) -> None:
        """The server's word about the whole conversation: a snapshot, which is final if a run's end published it, or
        the answer of REST."""
        if word.leaf_id is not None and not self.ledger.has_child(word.leaf_id):
            self._leaf_id = word.leaf_id
        self._status = word.status
        run = self._run
        if run is None:
            return
        if word.status == "running":
            run.saw_status(word.status, self._now_s, self._step)
        elif run.blocked:
            self._post_run_again(run)
        elif is_final:
            self._believe(run, word)
        elif word.status in TERMINAL:
            run.weak, run.weak_at_s = word, self._now_s

    def _believe(self, run: Run, ending: Ending) -> None:
        """Take the word that a run is over for what it is: the end of ours, another's, or a doubt."""
        match run.judge(ending, self.ledger):
            case Belief.OURS if run.ending is None:
                run.ending, run.ending_step, run.doubt = ending, self._step, None
            case Belief.DOUBT if run.ending is None:
                run.doubt, run.doubt_step = ending, self._step
            case _:
                pass

    def _note_durable(self, connection: Connection, frame: Durable) -> None:
        if not self.ledger.add_live(frame.event, frame.seq):
            return
        if self._run is not None:
            self._run.silence_s = self.settings.silence_s
        replayed = frame.seq is not None and frame.seq <= connection.last_seq
        if not self._attached:
            self._deliver([frame.event], "history")
        else:
            self._repaired_events += replayed
            self._deliver([frame.event], "repair" if replayed else "live")

    def _note_answer(self, event: events.PageReceived | events.InfoReceived | events.RequestFailed) -> None:
        exchange = self._exchange
        if exchange is None or exchange.request != event.request:
            return
        if isinstance(event, events.RequestFailed):
            self._spend(failed_calls=1)
            self._note_failure(exchange, event)
            return
        self._spend(body_bytes=event.size_bytes)
        exchange.failures = 0
        if isinstance(event, events.InfoReceived):
            self._exchange = None
            knows_leaf = self._generation != "legacy"
            word = Ending(event.info.status, event.info.leaf_id, knows_leaf, exchange.begun_step)
            self._note_word(word, is_final=False)
            return
        assert exchange.walk is not None, "only a walk asks for pages"
        outcome, new = exchange.walk.take(event.page, self.ledger)
        if exchange.purpose == "repair":
            self._repaired_events += len(new)
        self._deliver(new, "history" if exchange.purpose == "attach" else "repair")
        match outcome:
            case Outcome.MORE:
                self._ask(exchange)
            case Outcome.DONE:
                self._end_walk(exchange, reached_end=True)
            case Outcome.CURSOR_UNKNOWN:
                self._turn_back(exchange)
            case Outcome.BOUNDED if exchange.purpose == "attach":
                self._end_walk(exchange, reached_end=exchange.walk.descending)
            case Outcome.ENDLESS:
                self._give_up_repair("the server's page cursor never comes to an end")
            case Outcome.BOUNDED:
                self._give_up_repair(f"pages_max ({self.settings.pages_max}) was reached")

    def _note_failure(self, exchange: Exchange, failure: events.RequestFailed) -> None:
        with_cursor = exchange.walk is not None and exchange.walk.query().page_id is not None
        if failure.status in (401, 403):
            self._fail(AuthenticationFailed(f"the server refused the API key ({failure.reason})"))
        elif failure.status in (400, 404) and with_cursor:
            self._turn_back(exchange)
        elif failure.status == 404:
            self._fail(ConversationNotFound(f"the server knows no such conversation ({failure.reason})"))
        elif failure.transient:
            exchange.failures += 1
            wait_s = max(failure.retry_after_s or 0.0, self.backoff_s(exchange.failures))
            exchange.retry_at_s = self._now_s + wait_s
            if exchange.retry_at_s > exchange.deadline_s:
                self._give_up_exchange(exchange, failure, bounded=True)
        else:
            self._give_up_exchange(exchange, failure, bounded=False)

    def _give_up_exchange(self, exchange: Exchange, failure: events.RequestFailed, *, bounded: bool) -> None:
        bound = "attach_deadline_s" if exchange.purpose == "attach" else "repair_deadline_s"
        why = f"{bound} ({getattr(self.settings, bound):g} s) was reached; the last answer: {failure.reason}"
        if not bounded:
            why = f"the server refused a request for good: {failure.reason}"
        if exchange.purpose == "attach":
            self._fail(
                ServerUnreachable(why)
                if bounded
                else RequestRefused(why, status=failure.status or 0, body=failure.reason)
            )
        elif exchange.purpose == "status":
            self._exchange = None
            self._note(why)
        else:
            self._give_up_repair(why)

    # -- deciding -----------------------------------------------------------------------------------------------------

    def _advance(self) -> None:
        self.wake_at_s = math.inf
        self._tend_socket()
        if self._attached:
            self._tend_missing()
            self._tend_run()
        elif self._attaching_since_s is not None:
            self._tend_attach(self._attaching_since_s)
        self._tend_exchange()

    def _tend_socket(self) -> None:
        subscription, current = self._subscription, self._subscription.current
        if current is None:
            if subscription.retry_at_s is not None and self._due(subscription.retry_at_s):
                self._open_socket()
        elif (
            not current.is_ready
            and current.opened_at_s is not None
            and self._due(current.opened_at_s + self.settings.ready_wait_s)
        ):
            self._note("no snapshot came on subscribe")
            self._make_ready(current)

    def _tend_attach(self, since_s: float) -> None:
        if self._exchange is not None:
            return
        connection = self._subscription.current
        ready = connection is not None and connection.is_ready
        if not ready and not self._due(since_s + self.settings.poll_after_s):
            return
        if not ready:
            self._unverified = True  # what comes between this page and the subscription is nobody's yet (R01)
        replaying = self._replaying()
        if replaying is not None:
            self._tend_attach_session(replaying)
        elif self._log_is_known_empty(connection):
            self.ledger.begin(next_seq=None, at_head=True)
            self._finish_attach()
        else:
            self._begin_exchange("attach", Walk.from_head(pages_max=1))

    def _log_is_known_empty(self, connection: Connection | None) -> bool:
        snapshot = connection.snapshot if connection is not None else None
        no_leaf = snapshot is not None and snapshot.knows_leaf and snapshot.leaf_id is None
        return no_leaf and self.settings.certainty == "branch" and not len(self.ledger)

    def _tend_attach_session(self, connection: Connection) -> None:
        """The socket tells how long the log is and can replay it: a short log whole, a long one's tail."""
        page_size, through_seq = self.settings.page_size_events, connection.last_seq
        next_seq = self.ledger.next_seq()
        if next_seq is None:
            start = 0 if through_seq < page_size else through_seq - page_size + 1
            self.ledger.begin(next_seq=start, at_head=start == 0)
            if through_seq < 0:
                self._finish_attach()
            else:
                self._open_socket()
        elif not self.ledger.head_known:
            self._begin_exchange("attach", Walk.from_head(pages_max=1))
        elif next_seq > through_seq:
            self._finish_attach()
        else:
            self._tend_missing()

    def _tend_missing(self) -> None:
        """Ask for what is missing, once it has been missing for long enough."""
        if self._exchange is not None:
            return
        connection = self._subscription.current
        if (connection is None or not connection.is_ready) and (self._run is None or self._run.ending is None):
            return  # the socket is on its way, and may tell more
        self._verify_after_reconnect(connection)
        if self._exchange is not None:
            return
        missing = self._missing
        missing.update(self._tokens(connection), self._now_s)
        if not missing:
            return
        if self._now_s >= missing.oldest_s() + self.settings.repair_deadline_s and missing.tries:
            self._give_up_repair(f"repair_deadline_s ({self.settings.repair_deadline_s:g} s) was reached")
        elif self._due(missing.due_at_s(self.settings.settle_s)):
            missing.tries += 1
            missing.not_before_s = self._now_s + self.settings.settle_s + self.backoff_s(missing.tries)
            self._begin_repair()
        else:
            self._due(missing.oldest_s() + self.settings.repair_deadline_s)

    def _verify_after_reconnect(self, connection: Connection | None) -> None:
        """After an outage: settle by leaf or `seq` that nothing was missed, or read on from the anchor."""
        if not self._unverified or connection is None or not connection.is_ready:
            return
        if self._generation == "session" and connection.synced:
            next_seq = self.ledger.next_seq()
            self._unverified = next_seq is None or next_seq <= connection.last_seq
        elif self._generation == "tree" and self.settings.certainty == "branch" and connection.snapshot:
            self._unverified = False  # a leaf that is not held counts as missing by itself
        else:
            self._begin_repair()

    def _tokens(self, connection: Connection | None) -> Iterable[str]:
        if self._generation == "legacy":
            return
        if self._leaf_id is not None and self._leaf_id not in self.ledger:
            yield self._leaf_id
        if self._generation == "tree":
            yield from self.ledger.missing_parents()
            return
        next_seq = self.ledger.next_seq()
        last_seq = connection.last_seq if connection is not None else -1
        if self.ledger.loose_seq_min() is not None or (next_seq is not None and last_seq >= next_seq):
            yield f"seq:{next_seq}"

    def _tend_run(self) -> None:
        run = self._run
        if run is None:
            return
        if self._due(run.armed_at_s + self.settings.run_timeout_s):
            self._note(f"run_timeout_s ({self.settings.run_timeout_s:g} s) was reached")
            self._finish_run(None, timed_out=True)
        elif run.blocked:
            if self._due(run.post_again_at_s):
                self._post_run_again(run)
        elif not run.accepted:
            return
        elif run.ending is not None:
            self._tend_ending(run, run.ending)
        elif run.doubt is not None:
            self._tend_doubt(run, run.doubt)
        else:
            self._tend_waiting(run)

    def _tend_ending(self, run: Run, ending: Ending) -> None:
        """The run is over; finish when all of it is proven held, or when there is nothing left to try."""
        certificate = self._certificate(run, ending)
        if certificate is not None and self._suffices(certificate):
            self._finish_run(certificate)
        elif self._gave_up_step >= run.ending_step:
            self._finish_run(None)
        elif self._exchange is None and not self._missing:
            connection = self._subscription.current
            if self._generation != "session" or connection is None:
                self._begin_repair()
            elif connection.asked_step < run.ending_step:
                self._open_socket()  # its sync names the last index: a proof without a call
            elif connection.is_ready:
                self._begin_repair()

    def _certificate(self, run: Run, ending: Ending) -> proof.Certificate | None:
        if self._walked_from_step >= run.ending_step:
            covers: Coverage = "branch" if self._places_by_chain() else "log"
            certificate = proof.echo(self.ledger, leaf_id=ending.leaf_id, covers=covers)
            if certificate is not None:
                return certificate
        connection = self._subscription.current
        match self._generation:
            case "session":
                is_later = connection is not None and connection.synced and connection.asked_step >= run.ending_step
                through_seq = connection.last_seq if connection is not None and is_later else None
                return proof.seq(self.ledger, leaf_id=ending.leaf_id, through_seq=through_seq)
            case "tree":
                certificate = proof.chain(self.ledger, ending.leaf_id)
                if certificate is not None and self._places_by_chain():
                    self.ledger.place_path(self.ledger.path_to(ending.leaf_id))
                return certificate
            case "legacy":
                return None

    def _places_by_chain(self) -> bool:
        """Whether the chain of parents gives events their place. It says nothing of state updates, so that an anchor
        placed by it would hide a lost one from somebody who wants the whole log."""
        return self._generation == "tree" and self.settings.certainty == "branch"

    def _suffices(self, certificate: proof.Certificate) -> bool:
        return certificate.covers == "log" or self.settings.certainty == "branch"

    def _tend_doubt(self, run: Run, doubt: Ending) -> None:
        """Somebody says that the run is over, and it may be another run's end: let the log decide."""
        if self._walked_from_step >= run.doubt_step:
            status = run.judge_by_log(self.ledger)
            run.doubt = None
            if status is None:
                self._note("the end of another run was passed over")
            else:
                self._status = status
                run.ending = Ending(status, None, doubt.knows_leaf, self._walked_from_step)
                run.ending_step = self._walked_from_step
            self._tend_run()
        elif self._gave_up_step >= run.doubt_step:
            self._finish_run(None)
        elif self._exchange is None:
            self._begin_repair()

    def _tend_waiting(self, run: Run) -> None:
        """Nothing says that the run is over. See to it that the silence is the agent's, not the socket's."""
        if run.weak is not None:
            since_s = run.weak_at_s if run.hint_at_s is None else run.hint_at_s
            if self._due(since_s + self.settings.snapshot_wait_s):
                weak, run.weak = run.weak, None
                self._believe(run, weak)
                if run.ending is not None or run.doubt is not None:
                    self._tend_run()
                    return
        connection = self._subscription.current
        if connection is None or not connection.is_ready:
            down_since_s = self._subscription.down_since_s
            assert down_since_s is not None, "a connection that is not ready is down since some time"
            self._poll(run, max(down_since_s, run.armed_at_s) + self.settings.poll_after_s)
        elif run.hint_at_s is not None:
            # The final snapshot is lost or late (R17). A new subscription is answered with one, and costs no call.
            if not run.hint_probed:
                if self._due(run.hint_at_s + self.settings.snapshot_wait_s):
                    run.hint_probed = True
                    self._open_socket()
            else:
                self._poll(run, connection.asked_at_s + 2 * self.settings.snapshot_wait_s)
        else:
            last_sign_s = max(connection.last_frame_at_s, run.probed_at_s)
            if self._due(last_sign_s + run.silence_s):
                run.probed_at_s = self._now_s
                run.silence_s = min(2 * run.silence_s, self.settings.silence_s_max)
                self._open_socket()

    def _poll(self, run: Run, not_before_s: float) -> None:
        """Ask REST for the status, with growing intervals."""
        if self._exchange is not None:
            return
        due_s = not_before_s
        if run.polled_at_s is not None:
            due_s = max(due_s, run.polled_at_s + run.poll_interval_s)
        if self._due(due_s):
            if run.polled_at_s is not None:
                run.poll_interval_s = min(2 * run.poll_interval_s, self.settings.silence_s_max)
            run.polled_at_s = self._now_s
            self._begin_exchange("status", None)

    def _tend_exchange(self) -> None:
        exchange = self._exchange
        if exchange is not None and exchange.retry_at_s is not None and self._due(exchange.retry_at_s):
            self._ask(exchange)

    # -- doing --------------------------------------------------------------------------------------------------------

    def _open_socket(self) -> None:
        """Open a connection in place of the current one, which is read until the new one is ready."""
        next_seq = self.ledger.next_seq()
        after_seq = next_seq - 1 if self._generation == "session" and next_seq is not None else None
        connection, superseded = self._subscription.begin(self._now_s, self._step, after_seq)
        if superseded is not None:
            self._out.append(actions.CloseSocket(superseded.number))
        self._spend(connections=1)
        self._out.append(actions.OpenSocket(connection.number, self._generation, after_seq))

    def _make_ready(self, connection: Connection) -> None:
        if not connection.is_ready:
            replaced = self._subscription.ready()
            if replaced is not None:
                self._out.append(actions.CloseSocket(replaced.number))

    def _replaying(self) -> Connection | None:
        """The current connection, if it is one that tells the log's length and replays it (session generation)."""
        connection = self._subscription.current
        is_one = connection is not None and connection.is_ready and connection.synced
        return connection if is_one and self._generation == "session" else None

    def _finish_attach(self) -> None:
        self._attached, self._attaching_since_s = True, None
        self.ledger.settle_home()
        self._out.append(actions.FinishAttach())

    def _begin_repair(self) -> None:
        """Ask for what is missing: by socket replay where there is one and it has not failed, else by pages."""
        connection, next_seq = self._subscription.current, self.ledger.next_seq()
        if self._generation == "session" and next_seq is not None and connection and connection.is_ready:
            self._replays[next_seq] = self._replays.get(next_seq, 0) + 1
            if self._replays[next_seq] <= self.settings.replays_max:
                self._open_socket()
                return
        if self._places_by_chain():
            self.ledger.place_path(self.ledger.linked_path())
        anchor, pages_max = self.ledger.anchor(), self.settings.pages_max
        if anchor is not None:
            walk = Walk.forward(anchor, pages_max=pages_max)
        elif self.ledger.follows_from_head():
            walk = Walk.from_head(pages_max=pages_max)
        else:
            walk = Walk.backward(pages_max=pages_max)
        self._begin_exchange("repair", walk)

    def _begin_exchange(self, purpose: Purpose, walk: Walk | None) -> None:
        assert self._exchange is None, "one GET at a time"
        if purpose == "attach" and self._attaching_since_s is not None:
            deadline_s = self._attaching_since_s + self.settings.attach_deadline_s
        else:
            deadline_s = self._now_s + self.settings.repair_deadline_s
        self._exchange = Exchange(purpose, self._step, deadline_s, walk)
        self._ask(self._exchange)

    def _ask(self, exchange: Exchange) -> None:
        self._requests += 1
        exchange.request, exchange.retry_at_s = self._requests, None
        self._spend(calls=1)
        if exchange.walk is None:
            self._out.append(actions.FetchInfo(exchange.request))
            return
        query = exchange.walk.query()
        self._out.append(
            actions.FetchPage(exchange.request, query.page_id, self.settings.page_size_events, query.descending)
        )

    def _turn_back(self, exchange: Exchange) -> None:
        """The cursor is unknown to the server: stop at once, and walk backward from the tail (R51).

        If it does not know the cursors either that it gives on the way, the walk is begun anew, ever more slowly, until
        the deadline.
        """
        assert exchange.walk is not None, "only a walk has cursors"
        self._note("the server did not know a page cursor; read backward from the tail")
        again, exchange.walk = exchange.walk.descending, Walk.backward(pages_max=self.settings.pages_max)
        if not again:
            self._ask(exchange)
            return
        exchange.turns += 1
        exchange.retry_at_s = self._now_s + self.backoff_s(exchange.turns)
        if exchange.retry_at_s > exchange.deadline_s:
            limit_s = self.settings.repair_deadline_s
            self._give_up_repair(f"repair_deadline_s ({limit_s:g} s) was reached; the server knows none of its cursors")

    def _end_walk(self, exchange: Exchange, *, reached_end: bool) -> None:
        self._exchange = None
        if exchange.purpose != "attach":
            self._walked_from_step, self._unverified = exchange.begun_step, False
        elif self._replaying() is not None:
            pass  # the head is read, the socket replays the tail; `_tend_attach_session` goes on
        elif reached_end:
            self._finish_attach()
        else:
            self._begin_exchange("attach", Walk.backward(pages_max=1))

    def _finish_run(self, certificate: proof.Certificate | None, *, timed_out: bool = False) -> None:
        run, self._run = self._run, None
        assert run is not None
        if run.ending is not None:
            self._status = run.ending.status
        self._out.append(actions.FinishRun(self.report(certificate), timed_out))

    def _post_run_again(self, run: Run) -> None:
        """The other run may be over: start ours, armed anew, so that nothing of the other's end counts (R18)."""
        poll_interval_s = min(2 * run.poll_interval_s, self.settings.silence_s_max)
        self._post_run(armed_at_s=run.armed_at_s, poll_interval_s=poll_interval_s)

    def _post_run(self, *, armed_at_s: float, poll_interval_s: float) -> None:
        self._posts += 1
        self._run = Run(
            post=self._posts,
            armed_at_s=armed_at_s,
            tail_at_arm=self.ledger.tail_id(),
            silence_s=self.settings.silence_s,
            poll_interval_s=poll_interval_s,
        )
        self._out.append(actions.PostRun(self._posts))

    def _give_up_repair(self, why: str) -> None:
        self._exchange = None
        self._unverified = False
        self._gave_up_step = self._step
        tokens = self._missing.give_up()
        self._note(why + (f"; missing: {', '.join(tokens)}" if tokens else "; the latest events may be missing"))

    def _deliver(self, new: Iterable[LogEvent], origin: actions.Origin) -> None:
        for event in new:
            if self._run is not None:
                self._run.fresh[event["id"]] = None
                status = execution_status(event)
                if status is not None and self._attached:
                    self._run.saw_status(status, self._now_s, self._step)
            self._out.append(actions.Deliver(event, origin))

    def _fail(self, error: SyncError) -> None:
        self._failed = True
        self._out.append(actions.Fail(error))

    # -- small helpers ------------------------------------------------------------------------------------------------

    def _due(self, at_s: float) -> bool:
        """Whether `at_s` has come; if not, the driver is to wake us then."""
        if at_s <= self._now_s:
            return True
        self.wake_at_s = min(self.wake_at_s, at_s)
        return False

    def backoff_s(self, failures: int) -> float:
        return delay_s(
            failures,
            draw=self._draw(),
            min_s=self.settings.backoff_s_min,
            max_s=self.settings.backoff_s_max,
        )

    def _note(self, text: str) -> None:
        self._notes[text] = None

    def _spend(self, *, calls: int = 0, failed_calls: int = 0, body_bytes: int = 0, connections: int = 0) -> None:
        spent = self._spent
        self._spent = Spent(
            spent.calls + calls,
            spent.failed_calls + failed_calls,
            spent.body_bytes + body_bytes,
            spent.connections + connections,
        )
