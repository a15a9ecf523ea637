"""Puts a client through a script in real time, as the script player does in virtual time. Nothing here judges.

The client is asked for attach, send, run and close. The driver itself sleeps, disconnects, restarts and heals. A client
that never answers but makes requests drives itself: then its exit ends the script.
"""

from __future__ import annotations

from typing import Final, Literal

import trio

from gapless.reports.records.record import FaultFired
from gapless.scenarios.checking.peer import Peer
from gapless.scenarios.definition.scenario import Answer as AnswerStep
from gapless.scenarios.definition.scenario import (
    AskedStep,
    Navigate,
    OtherWord,
    Restart,
    Send,
    Sleep,
    Step,
    Suspend,
    Unasked,
    name_of,
)
from gapless.scenarios.running import other_party
from gapless.scenarios.running.script_player import AFTER_BOUND_S, RUN_AFTER_SCRIPT_S_MAX
from gapless.scenarios.serving.reporter import Reporter
from gapless.scenarios.serving.session import Session
from gapless.scenarios.serving.step_protocol import Answer, Cannot, Done, Failed, ProtocolError, Report, order, step_of

GOODBYE_S: Final = 5.0
LOOK_S: Final = 0.02

StepEnding = Literal["done", "failed", "exited", "hung"]


class ScriptDriver:
    """One client and its script.

    ``driven``: whether the client answers what it is asked. A client counts as driving itself until its first answer.
    ``ended_s``: when the script ended, in the world's seconds.
    """

    def __init__(self, session: Session, peer: Peer, *, driven: bool = False) -> None:
        self._session = session
        self._world = session.world
        self._scenario = session.request.scenario
        self._peer = peer
        self._deadline_s = session.request.scenario.expect.step_deadline_s
        self._reporter = Reporter(session.world.journal)
        self._asked: AskedStep | None = None
        self._answer: Answer | ProtocolError | None = None
        self._notifier = trio.Event()
        self._is_hung = False
        self.driven = driven
        self.ended_s = 0.0
        self._unplayed: tuple[Step, ...] = ()

    def never_done(self) -> tuple[FaultFired, ...]:
        """Restarts and disconnects of the script that were not reached because the client drove itself.

        They are returned as faults that never fired: like these, they make the verdict vacuous.
        """
        if self.driven:
            return ()
        words = ("restart" if isinstance(step, Restart) else step for step in self._unplayed)
        return tuple(FaultFired(word, "step of the script", 0) for word in words if word in ("restart", "disconnect"))

    def take(self, report: Report | ProtocolError) -> None:
        """Take a report. Ignored when the session is over, which it is too when its journal is full of reports."""
        if self._session.over.is_set():
            return
        if isinstance(report, Answer) and step_of(report) != self._asked and self.driven:
            self._reporter.note(report)  # not the step that was asked for: it ends no step
            return
        if not isinstance(report, ProtocolError):
            self._reporter.take(report)
            if not isinstance(report, Answer) or step_of(report) != self._asked:
                return
        self._answer = self._answer or report
        self._notifier.set()

    async def perform(self) -> None:
        """Perform the script, then wait for what is still under way."""
        for number, step in enumerate(self._scenario.script, start=1):
            if not await self._step(step) or self._session.over.is_set():
                self._unplayed = self._scenario.script[number:]
                break
        self.ended_s = self._session.now_s()
        await self._wait_for_late_events()
        self._world.heal()
        if self._session.over.is_set():
            message = f"{self._session.why}; is the client in a busy loop?"
            self._world.journal.record("client", "spinning", message=message)
        elif not self._peer.ended.is_set() and not self._is_hung:
            await self._ask_to_close()
        self._reporter.closed()

    async def _step(self, step: Step) -> bool:
        """Perform one step. Returns whether the script can go on."""
        match step:
            case Send():
                ending = await self._ask("send", step.send)
                return ending == "done" or (ending == "failed" and self._scenario.expect.may_fail("send"))
            case "run" | "history":
                return await self._ask(step) in ("done", "failed")
            case "attach" | "close":
                return await self._ask(step) == "done"
            case _:
                with self._world.progress.in_step(name_of(step)):
                    await self._do_without_client(step)
                return True

    async def _do_without_client(self, step: Unasked | AnswerStep | Navigate | OtherWord) -> None:
        """Perform a step in which nothing is asked of the client."""
        match step:
            case Sleep():
                with trio.move_on_after(step.sleep_s):
                    await self._peer.ended.wait()
            case Restart():
                await self._session.begin()
                await self._world.restart(step.restart_s, lease_s=step.lease_s)
            case AnswerStep():
                await other_party.act(self._world, "answer", step.answer)
            case Navigate():
                await other_party.act(self._world, "navigate", step.navigate)
            case "pause" | "interrupt" | "confirm" | "reject" | "delete" | "fork":
                await other_party.act(self._world, step)
            case "wait_for_end":
                other = other_party.SimulatedOtherParty(self._world)
                await other_party.wait_for_end(other, at_most_s=self._deadline_s)
            case Suspend() | "reopen":
                pass  # nothing here can freeze or kill another process; the step is left out
            case "disconnect":
                self._world.disconnect()
            case "heal":
                self._world.heal()

    async def _ask(self, step: AskedStep, text: str | None = None) -> StepEnding:
        self._asked, self._answer, self._notifier = step, None, trio.Event()
        self._reporter.called(step)
        self._world.progress.step_called(step)
        await self._peer.say(order(step, text))
        await self._wait()
        self._asked = None
        if isinstance(self._answer, Done | Failed):
            self._world.progress.is_told = True
            self._world.progress.step_ended()
        match self._answer:
            case Done() | Cannot():
                self.driven = True
                return "done"
            case Failed():
                self.driven = True
                return "failed"
            case ProtocolError():
                self._reporter.ended_badly(
                    step, "crashed", "ProtocolError", f"it said what is no report: {self._answer}"
                )
                return "exited"
        if self._session.over.is_set():
            return "exited"
        if not self._peer.ended.is_set():
            self._is_hung = True
            self._record_no_answer(step, "hung", "TimeoutError", "the deadline passed")
            return "hung"
        failure = self._peer.failure
        if self.driven:
            failure = failure or "exit code 0, without an answer"
        elif self._session.state == "waiting":
            failure = failure or "exit code 0, without having connected to GAPLESS_URL"
        self._record_no_answer(step, "crashed", self._peer.kind_of_end, failure)
        return "exited"

    def _record_no_answer(self, step: AskedStep, outcome: str, error: str, message: str) -> None:
        """Record that the client gave no answer.

        For a client that drives itself no step is recorded: which step it was in is inferred later.
        """
        if self.driven:
            self._reporter.ended_badly(step, outcome, error, message)
        else:
            self._reporter.exited(outcome, error, message)

    async def _wait(self) -> None:
        """Wait for an answer, the client's end, the session's end, or the deadline."""
        with trio.move_on_after(self._deadline_s) as scope:
            async with trio.open_nursery() as nursery:

                async def first(event: trio.Event) -> None:
                    await event.wait()
                    nursery.cancel_scope.cancel()

                async def extend_deadline() -> None:
                    """Give a client that drives itself the time of the whole script."""
                    while not self._drives_itself():
                        await trio.sleep(LOOK_S)
                    scope.deadline += self._script_duration_s()

                nursery.start_soon(first, self._notifier)
                nursery.start_soon(first, self._peer.ended)
                nursery.start_soon(first, self._session.over)
                if not self.driven:
                    nursery.start_soon(extend_deadline)

    def _drives_itself(self) -> bool:
        return any(
            (entry.place, entry.what) == ("rest", "request") and entry.fields["method"] == "POST"
            for entry in self._world.journal.entries
        )

    def _script_duration_s(self) -> float:
        script = self._scenario.script
        sleeps_s = sum(step.sleep_s for step in script if isinstance(step, Sleep))
        return sleeps_s + self._deadline_s * sum(1 for step in script if step == "run" or isinstance(step, Send))

    async def _wait_for_late_events(self) -> None:
        """Let a run end, then wait for what a patient client would still be sent, as the script player does.

        The wait ends early when nothing is under way to a client that listens, or to one that has exited.
        """
        with trio.move_on_after(RUN_AFTER_SCRIPT_S_MAX):
            while self._world.runs.in_progress and self._session.state == "running":
                await trio.sleep(LOOK_S)
        ended_s = self._last_end_s()
        if ended_s is None:
            return
        until_s = ended_s + self._scenario.expect.run_bound_s + AFTER_BOUND_S
        while self._session.now_s() < until_s and self._session.state == "running" and not self._is_settled():
            await trio.sleep(LOOK_S)

    def _is_settled(self) -> bool:
        subscriptions = self._world.publisher.subscriptions
        listens = bool(subscriptions) or self._peer.ended.is_set()
        return listens and all(one.is_idle for one in subscriptions)

    def _last_end_s(self) -> float | None:
        ends = (entry.t_s for entry in self._world.journal.entries if entry.what == "run-ended")
        return max(ends, default=None)

    async def _ask_to_close(self) -> None:
        """Ask the client to close: its answer has the ids that it holds by now. Then wait for its end."""
        if self._scenario.script[-1] != "close":
            await self._peer.say(order("close"))
        await self._peer.hang_up()
        with trio.move_on_after(GOODBYE_S):
            await self._peer.ended.wait()
