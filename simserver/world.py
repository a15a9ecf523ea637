"""The world: one agent, its server, the links to it, and the clock they share.

Give it settings, a workload, faults and choices; enter `running()` inside `run_deterministic`; connect with `dial` and
`http_transport`. Everything that happens is in the journal.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final, Literal

from .agent import Agent
from .app import create_app
from .archive import Archive
from .choices import Choices, SeededSource
from .connections import BYTES, Carrier, Connections
from .errors import ServerCrashed
from .fates import Fates
from .faults.base import BaseFault
from .faults.match import Facts
from .faults.verdicts import (
    AppendLater,
    Close,
    CoarsenClock,
    Reset,
    Restart,
    StepClock,
    Truncate,
    Verdict,
    Veto,
)
from .journal import Journal
from .link import ArmedFault, FaultCount, Link
from .loop import TRIO, Loop, Scope
from .outbox import Act
from .process import Process
from .publisher import Publisher
from .settings import ServerSettings
from .workload import EndStatus, Happening, Pause, RunPlan, Step, Workload, pairs

BASE_URL: Final = "http://agent.test"


class World:
    """A fake agent server with one conversation, reachable in memory (or on a port, by `hosting.serve_tcp`).

    agent: the model, and so the truth; archive: what of its log is on disk; journal: what happened; choices: what was
    drawn; subscriptions: open sockets; pace: what a step of the agent waits for, given its duration.
    """

    def __init__(
        self,
        settings: ServerSettings | None = None,
        workload: Workload | None = None,
        faults: Sequence[BaseFault] = (),
        choices: Choices | None = None,
        loop: Loop = TRIO,
        carrier: Carrier = BYTES,
    ) -> None:
        self.loop = loop
        self.process = Process(loop)
        self.settings = settings or ServerSettings()
        self.workload = workload or Workload()
        self.choices = choices or Choices(SeededSource(0))
        self.journal = Journal(self.process.now_s)
        self.link = Link(faults, self.choices, self.journal, self.process.now_s, loop)
        fates = Fates(self.link, self.process.now_s)
        self.agent = Agent(self.settings, self.workload, fates.of)
        self.archive = Archive(self.agent.log)
        self.publisher = Publisher(self.process, self.agent, self.archive, fates, self.journal)
        self.connections = Connections(self.process, self.link, self.journal, create_app(self), carrier)
        self.base_url = BASE_URL
        self.api_key = self.settings.api_key
        self.pace: Callable[[float], Awaitable[None]] = self._work_for
        self._runs = 0
        self._planned = 0
        self._running: Scope | None = None

    def __repr__(self) -> str:
        return f"World({self.settings.generation}, {self.agent!r}, {self.link!r})"

    @property
    def conversation_id(self) -> str:
        return self.agent.conversation_id

    def now_s(self) -> float:
        """Virtual seconds since `running` was entered; 0 before."""
        return self.process.now_s()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[World]:
        """Run the server for the length of the block, then end every connection and task.

        Raises what the block raises, and ServerCrashed when the fake server itself failed.
        """
        raised: BaseException | None = None
        async with self.loop.nursery() as nursery:
            self.process.begin(nursery)
            self.publisher.journal_history()
            for happening in self.workload.background:
                nursery.start_soon(self._happen, happening)
            for one in self.link.timed():
                nursery.start_soon(self._go_off, one)
            try:
                yield self
            except Exception as error:
                raised = error  # raised outside the nursery, which would wrap it
            finally:
                self.publisher.persist_all()
                # Reset first: Hypercorn shields its writes, and a write to a client that reads no more never ends.
                for connection in self.connections:
                    connection.reset()
                nursery.cancel_scope.cancel()
        self.process.end()
        failure = self.process.failure
        if failure is not None:
            raise ServerCrashed(f"the fake server failed: {failure!r}") from failure
        if raised is not None:
            raise raised

    # --- what clients ask for ----------------------------------------------------------------------------------

    def knows(self, conversation_id: str) -> bool:
        """Is this our conversation, and not deleted?"""
        return conversation_id == self.conversation_id and self.agent.status != "deleting"

    def send_message(self, text: str) -> None:
        """Take a user message; nobody takes it while the server is down."""
        if not self.process.is_down:
            self.publisher.publish(self.agent.message(self.now_s(), text))

    @property
    def is_running(self) -> bool:
        """Is a run in progress?"""
        return self._running is not None

    def begin_run(self, plan: RunPlan | None = None, *, by: str = "client") -> bool:
        """Start a run (the workload's next, unless given); False when one is in progress."""
        if self._running is not None or not self.process.is_running or self.process.is_down:
            return False
        if plan is None:
            plans = self.workload.runs
            plan = plans[self._planned] if self._planned < len(plans) else RunPlan()
            self._planned += 1
        self._running = self.loop.scope()
        self.journal.record("agent", "run-started", run=self._runs, by=by)
        self.process.start_soon(self._play, self._runs, plan, self._running)
        self._runs += 1
        return True

    def pause(self) -> None:
        """Stop the run after the current step; the status becomes ``paused``."""
        if self._running is not None:
            self._running.cancel()
        else:
            self.publisher.publish(self.agent.pause(self.now_s()))

    def delete(self) -> None:
        """Delete the conversation: runs stop, sockets stay open and fall silent (R35)."""
        if self._running is not None:
            self._running.cancel()
        self.agent.delete()
        self.journal.record("agent", "status", status="deleting")

    def heal(self) -> None:
        """End the chaos phase: no fault acts any more, and what they held back is let go."""
        if self.link.healed.is_set():
            return
        self.link.heal()
        self.publisher.persist_all()
        for connection in self.connections:
            connection.release()
        for subscription in self.publisher.subscriptions:
            subscription.release()
        self.journal.record("world", "healed")

    def disconnect(self) -> None:
        """Break every open socket, as a link does: without a close code."""
        for subscription in list(self.publisher.subscriptions):
            subscription.act(Reset("before"))

    async def restart(self, down_s: float, *, leaf_lags: bool = False) -> None:
        """The process ends and is back ``down_s`` later, with the log that it had. Sockets are closed with 1012, calls
        under way are reset, and a run in progress has ended in ``error``; the leaf is an older one, if it lags."""
        self.journal.record("world", "restarting", down_s=down_s)
        self.publisher.persist_all()
        self.process.go_down()
        if self._running is not None:
            self._running.cancel()
        subscribed = {one.connection for one in self.publisher.subscriptions}
        for subscription in list(self.publisher.subscriptions):
            subscription.act(Close(1012, "before"))
        for connection in self.connections:
            if connection not in subscribed:
                connection.reset()
        await self.link.sleep_unless_healed(down_s)
        self.process.come_back()
        self.publisher.publish(self.agent.recover(self.now_s(), leaf_lags=leaf_lags))
        self.journal.record("world", "restarted")
        if self._running is not None:
            self._end_run(self._runs - 1, self.agent.status)

    def add_fault(self, fault: BaseFault) -> str:
        """Let one more fault act, on open connections too; its name. One with a time that has passed goes off at once.

        Raises ConfigError when its name is taken, or the world has healed.
        """
        one = self.link.add(fault, self.connections)
        if one.at_s is not None:
            self.process.start_soon(self._go_off, one)
        return one.name

    def remove_fault(self, name: str) -> bool:
        """Let a fault act no more; False when there is none of that name."""
        return self.link.remove(name)

    def fired(self) -> tuple[FaultCount, ...]:
        """How often each fault fired, in the order given."""
        return self.link.counts()

    # --- what happens by itself --------------------------------------------------------------------------------

    async def _play(self, run: int, plan: RunPlan, scope: Scope) -> None:
        agent = self.agent
        vetoed, life = False, self.process.life
        with scope:
            await self.loop.sleep(plan.init_s)
            self.publisher.run = run
            self.publisher.publish(agent.start_run(self.now_s()))
            await self._work(plan.steps)
            self.publisher.publish(agent.end_run(self.now_s(), plan.end_status))
            while (veto := self._vetoed(run, plan.end_status)) is not None:
                vetoed = True
                await self.link.sleep_unless_healed(veto.after_s)
                self.publisher.publish(agent.veto(self.now_s()))
                await self._work(pairs(veto.actions, step_s=veto.step_s, label=f"vetoed-{len(agent.log)}").steps)
                self.publisher.publish(agent.end_run(self.now_s(), plan.end_status))
        if self.process.life != life:
            return  # the run died with the process; `_restart` ends it
        if agent.status == "deleting":
            self._running = None
            return
        status: EndStatus = plan.end_status
        if scope.cancelled_caught:
            paused = self.publisher.publish(agent.pause(self.now_s()))
            status = "paused" if paused or not vetoed else plan.end_status
        self.publisher.run = None
        if plan.settle_s:
            await self.loop.sleep(plan.settle_s)
        if self.process.life != life:
            return
        self._running = None
        if agent.status == "deleting":
            return
        self.publisher.publish((self.publisher.snapshot(),))
        self._end_run(run, status)
        for verdict in self._consult_ending("ended", run, status):
            if isinstance(verdict, AppendLater):
                await self._append_later(verdict)

    def _end_run(self, run: int, status: str) -> None:
        self._running = self.publisher.run = None
        length, leaf = self.archive.length, self.agent.leaf
        self.journal.record("agent", "run-ended", run=run, status=status, log_length=length, leaf=leaf)

    async def _work_for(self, duration_s: float) -> None:
        if duration_s:
            await self.loop.sleep(duration_s)

    async def _work(self, steps: Sequence[Step]) -> None:
        for step in steps:
            await self.pace(step.duration_s)
            self.publisher.publish(self.agent.step(self.now_s(), step.event))
        await self.pace(0.0)  # what follows, the end, is a step too

    def _consult_ending(self, moment: Literal["finishing", "ended"], run: int, status: str) -> list[Verdict]:
        return self.link.consult(Facts("ending", f"run {run} {moment}", status=status, aspect=moment))

    def _vetoed(self, run: int, status: str) -> Veto | None:
        verdicts = self._consult_ending("finishing", run, status)
        return next((verdict for verdict in verdicts if isinstance(verdict, Veto)), None)

    async def _append_later(self, tail: AppendLater) -> None:
        await self.link.sleep_unless_healed(tail.after_s)
        for _ in range(tail.events):
            if self.agent.status != "deleting":
                self.publisher.publish(self.agent.afterthought(self.now_s(), tail.what))

    async def _happen(self, happening: Happening) -> None:
        await self.loop.sleep(happening.at_s)
        if isinstance(happening.what, RunPlan):
            self.begin_run(happening.what, by="background")
        elif isinstance(happening.what, Pause):
            self.pause()
        else:
            self.send_message(happening.what)

    async def _go_off(self, one: ArmedFault) -> None:
        assert one.at_s is not None
        await self.loop.sleep(max(0.0, one.at_s - self.now_s()))
        if one.fault.place == "server":
            verdict = self.link.consult_timed(one, Facts("server", "server"))
            if verdict is not None:
                await self._act_on_server(verdict)
            return
        for subscription in list(self.publisher.subscriptions):
            number = subscription.number
            facts = Facts("connection", f"socket {number}", connection=number, aspect="socket")
            verdict = self.link.consult_timed(one, facts)
            if isinstance(verdict, Act):
                subscription.act(verdict)

    async def _act_on_server(self, verdict: Verdict) -> None:
        agent, now_s = self.agent, self.now_s()
        match verdict:
            case StepClock():
                agent.step_clock(now_s, verdict.step_s)
            case CoarsenClock():
                agent.coarsen_clock(verdict.resolution_s)
            case Truncate():
                self.publisher.truncate(verdict.events)
            case Restart():
                await self.restart(verdict.down_s, leaf_lags=verdict.leaf_lags)
            case _:
                raise AssertionError(f"{verdict} is not about a server")
