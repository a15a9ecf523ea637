"""Driver: puts a command through a script, as the stage does with a client of ours. Nothing here judges.

The command is asked for each step on its standard input; sleeping, disconnecting, restarting and healing are done here.
A command that never answers, and goes on by itself, is left to itself: then its exit ends the script.
"""

from __future__ import annotations

from typing import Final, Literal

import trio

from gapless.reports.records.record import FaultFired
from gapless.scenarios.checking.peer import Peer
from gapless.scenarios.definition.scenario import AskedStep, Restart, Send, Sleep, Step
from gapless.scenarios.running.script_player import AFTER_BOUND_S, RUN_AFTER_SCRIPT_S_MAX
from gapless.scenarios.serving.reporter import Reporter
from gapless.scenarios.serving.session import Session
from gapless.scenarios.serving.step_protocol import Done, Failed, ProtocolError, Report, order

GOODBYE_S: Final = 5.0
LOOK_S: Final = 0.02

StepEnding = Literal["done", "failed", "exited", "hung"]


class ScriptDriver:
    """One peer and its script. ``driven``: it answers what it is asked, else it drives itself, until it answers."""

    def __init__(self, session: Session, peer: Peer, *, driven: bool = False) -> None:
        self._session = session
        self._world = session.world
        self._scenario = session.request.scenario
        self._peer = peer
        self._deadline_s = session.request.scenario.expect.step_deadline_s
        self._reporter = Reporter(session.world.journal)
        self._asked: AskedStep | None = None
        self._answer: Done | Failed | ProtocolError | None = None
        self._notifier = trio.Event()
        self._is_hung = False
        self.driven = driven
        self.ended_s = 0.0
        self._unplayed: tuple[Step, ...] = ()

    def never_done(self) -> tuple[FaultFired, ...]:
        """What the script would have done to a peer that does not answer, and so passed it by: as faults that never
        fired, which is what they are to the verdict."""
        if self.driven:
            return ()
        words = ("restart" if isinstance(step, Restart) else step for step in self._unplayed)
        return tuple(FaultFired(word, "step of the script", 0) for word in words if word in ("restart", "disconnect"))

    def take(self, report: Report | ProtocolError) -> None:
        """The command has said something. When its session is over, for it said too much, nobody listens any more."""
        if self._session.over.is_set():
            return
        if isinstance(report, Done | Failed) and _step_of(report) != self._asked and self.driven:
            self._reporter.note(report)  # nobody asked: it ends no step
            return
        if not isinstance(report, ProtocolError):
            self._reporter.take(report)
            if not isinstance(report, Done | Failed) or _step_of(report) != self._asked:
                return
        self._answer = self._answer or report
        self._notifier.set()

    async def perform(self) -> None:
        """Live the script through, and a while longer."""
        for number, step in enumerate(self._scenario.script, start=1):
            if not await self._step(step) or self._session.over.is_set():
                self._unplayed = self._scenario.script[number:]
                break
        self.ended_s = self._session.now_s()
        await self._linger()
        self._world.heal()
        if self._session.over.is_set():
            message = f"{self._session.why}; is the client in a busy loop?"
            self._world.journal.record("client", "spinning", message=message)
        elif not self._peer.ended.is_set() and not self._is_hung:
            await self._say_goodbye()
        self._reporter.closed()

    async def _step(self, step: Step) -> bool:
        """Perform one step; whether the script can go on."""
        match step:
            case Sleep():
                with trio.move_on_after(step.sleep_s):
                    await self._peer.ended.wait()
                return True
            case Restart():
                await self._session.begin()
                await self._world.restart(step.restart_s)
                return True
            case "disconnect":
                self._world.disconnect()
                return True
            case "heal":
                self._world.heal()
                return True
            case Send():
                ending = await self._ask("send", step.send)
                return ending == "done" or (ending == "failed" and self._scenario.expect.may_fail("send"))
            case "run":
                return await self._ask("run") in ("done", "failed")
            case "attach" | "close":
                return await self._ask(step) == "done"

    async def _ask(self, step: AskedStep, text: str | None = None) -> StepEnding:
        self._asked, self._answer, self._notifier = step, None, trio.Event()
        self._reporter.called(step)
        await self._peer.say(order(step, text))
        await self._wait()
        self._asked = None
        match self._answer:
            case Done():
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
            self._gave_nothing(step, "hung", "TimeoutError", "the deadline passed")
            return "hung"
        failure = self._peer.failure
        if self.driven:
            failure = failure or "exit code 0, without an answer"
        elif self._session.state == "waiting":
            failure = failure or "exit code 0, without having connected to GAPLESS_URL"
        self._gave_nothing(step, "crashed", self._peer.kind_of_end, failure)
        return "exited"

    def _gave_nothing(self, step: AskedStep, outcome: str, error: str, message: str) -> None:
        """No answer: of a command that drives itself nobody knows yet in which step it was."""
        if self.driven:
            self._reporter.ended_badly(step, outcome, error, message)
        else:
            self._reporter.exited(outcome, error, message)

    async def _wait(self) -> None:
        """Until there is an answer, or no process any more, or no world, or no time."""
        with trio.move_on_after(self._deadline_s) as scope:
            async with trio.open_nursery() as nursery:

                async def first(event: trio.Event) -> None:
                    await event.wait()
                    nursery.cancel_scope.cancel()

                async def be_patient() -> None:
                    """One that goes on without an answer is given the time of the whole script."""
                    while not self._goes_on_by_itself():
                        await trio.sleep(LOOK_S)
                    scope.deadline += self._rest_of_script_s()

                nursery.start_soon(first, self._notifier)
                nursery.start_soon(first, self._peer.ended)
                nursery.start_soon(first, self._session.over)
                if not self.driven:
                    nursery.start_soon(be_patient)

    def _goes_on_by_itself(self) -> bool:
        return any(
            (entry.place, entry.what) == ("rest", "request") and entry.fields["method"] == "POST"
            for entry in self._world.journal.entries
        )

    def _rest_of_script_s(self) -> float:
        script = self._scenario.script
        sleeps_s = sum(step.sleep_s for step in script if isinstance(step, Sleep))
        return sleeps_s + self._deadline_s * sum(1 for step in script if step == "run" or isinstance(step, Send))

    async def _linger(self) -> None:
        """As the stage: play a run to its end, then wait for what a patient client would still have been sent.

        Where nothing is on its way, and nobody may come back for more, there is nothing to wait for.
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

    async def _say_goodbye(self) -> None:
        """Ask it to close, for it may hold more by now than it said; then let it go."""
        if self._scenario.script[-1] != "close":
            await self._peer.say(order("close"))
        await self._peer.hang_up()
        with trio.move_on_after(GOODBYE_S):
            await self._peer.ended.wait()


def _step_of(report: Done | Failed) -> AskedStep:
    return report.done if isinstance(report, Done) else report.failed
